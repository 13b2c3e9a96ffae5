"""One photo or mask decoded from untrusted bytes: bounded, upright, 8-bit sRGB, with its mask and focal length."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageCms

from lift3d.errors import InputError, Lift3dError
from lift3d.io.image import png16, raster, tiff
from lift3d.io.image.exif import apply_orientation, exif_orientation, focal_from_exif, stated_orientation
from lift3d.io.image.gravity import recorded_gravity
from lift3d.io.image.heic import WARNING, is_heic, open_heic
from lift3d.io.image.large_jpeg import open_large_jpeg
from lift3d.io.image.value_range import MIN_FILL, to_eight_bit

MAX_PIXELS = 170_000_000
MIN_SIDE = 64
LEAST_CLEAR = 0.002
"""Fraction of transparent pixels below which transparency marks no object."""
PHOTO_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM")
TEXTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "TIFF", "GIF")
DECODER_ERRORS = (
    OSError, ValueError, TypeError, SyntaxError, KeyError, IndexError, AttributeError, OverflowError,
    EOFError, MemoryError, RuntimeError, ZeroDivisionError, struct.error, zlib.error, AssertionError,
)  # fmt: skip
"""Exceptions that decoders raise on damaged files."""


@dataclass(frozen=True)
class Picture:
    """A decoded photo.

    pixels: (H, W, 3) uint8 sRGB. mask: (H, W) bool from the alpha channel, or None. focal: in pixels at the decoded size,
    or None. orientation: the EXIF orientation that was undone. full_size: (width, height), upright, before resizing. warnings:
    sentences without the name of the photo. stretched: the (low, high) of the file's values that became black and white, None
    where they are those of the type. gravity: see `Image`.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    focal: float | None
    orientation: int
    full_size: tuple[int, int]
    warnings: tuple[str, ...] = ()
    stretched: tuple[float, float] | None = None
    gravity: tuple[float, float, float] | None = None


def _too_large(name: str, pixels: int, size: str = "") -> InputError:
    """The error for a picture with too many pixels."""
    what = f"{size} pixels, " if size else ""
    return InputError(
        f"{name} is too large ({what}{pixels / 1e6:.0f} megapixels; the limit is {MAX_PIXELS // 10**6})",
        "make it smaller first",
    )


def open_picture(data: bytes, name: str, formats: Sequence[str] = PHOTO_FORMATS) -> Pil.Image:
    """A Pillow image of which only the header is read. Raises InputError when the data are not a picture of one of the
    formats, or are larger than MAX_PIXELS.

    Wrap the call in `warnings.catch_warnings()` to silence Pillow's warning about large pictures.
    """
    if not data:
        raise InputError(f"{name} is empty", "copy it again from the camera")
    Pil.init()  # registers every format by name
    try:
        if is_heic(data):
            picture = open_heic(data, MAX_PIXELS)
        else:
            picture = Pil.open(io.BytesIO(data), formats=list(formats))
    except Pil.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        raise _too_large(name, int(count[0]) if count else MAX_PIXELS + 1) from error
    except DECODER_ERRORS as error:
        readable = ", ".join((*formats, "HEIC"))
        if data[:4] == b"GIF8" and "GIF" not in formats:
            raise InputError(f"{name} is a GIF", "save it as PNG") from error
        raise InputError(
            f"{name} is not a picture that lift3d can read ({readable})", "remove it or save it again"
        ) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(name, picture.width * picture.height, f"{picture.width}x{picture.height}")
    return picture


def _to_srgb(picture: Pil.Image, profile: bytes | None, warnings: list[str]) -> Pil.Image:
    """The picture as "RGB", converted by its ICC profile unless that is sRGB; a damaged profile is ignored with a warning."""
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            warnings.append("its colour profile cannot be used and is ignored")
    elif picture.mode == "CMYK":
        warnings.append("it is CMYK without a colour profile, so its colours are approximate")
    if picture.mode == "LAB":
        lab, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, lab, target, outputMode="RGB") or picture.convert(
            "L"
        ).convert("RGB")
    return picture.convert("RGB")


def fit_size(width: int, height: int, max_size: int | None) -> tuple[int, int]:
    """(width, height) scaled down so that the long side is at most max_size; the aspect ratio is kept."""
    if max_size is None or max(width, height) <= max_size:
        return width, height
    scale = max_size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def size_for_budget(sizes: Sequence[tuple[int, int]], max_size: int | None, budget: int) -> int | None:
    """The long side in pixels at which all photos together, 3 bytes per pixel, fit the budget in bytes.

    sizes: (width, height) of each photo before scaling to max_size.
    """
    scaled = [fit_size(width, height, max_size) for width, height in sizes]
    total = 3 * sum(width * height for width, height in scaled)
    if total <= budget:
        return max_size
    longest = max(max(size) for size in scaled)
    return max(MIN_SIDE, int(longest * (budget / total) ** 0.5) - 1)


def split_alpha(picture: Pil.Image) -> tuple[Pil.Image, Pil.Image | None]:
    """The picture without alpha, and its alpha as "L", or None when it is opaque."""
    if picture.mode in ("P", "RGB", "L") and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    if picture.mode in ("RGBA", "LA", "RGBa", "La", "PA"):
        if picture.mode != "LA":
            picture = picture.convert("RGBA")
        alpha = picture.getchannel("A")
        low = alpha.getextrema()[0]
        return picture.convert("L" if picture.mode == "LA" else "RGB"), alpha if low < 255 else None  # type: ignore
    return picture, None


def decode(
    data: bytes, name: str, max_size: int | None = None, limits: tuple[float, float] | None = None
) -> Picture:
    """The decoded photo with its long side at most max_size. Raises InputError when it cannot be used. A JPEG of more than
    MAX_PIXELS is read if max_size reduces it enough.

    limits: the (low, high) of the file's values that become black and white, if they are to be stretched; see `value_range`.
    """
    try:
        page = tiff.read_page(data) if tiff.is_tiff(data) else None
        if page is not None and raster.is_raw(page):
            raise raster.raw_error(name)
        if page is not None and not raster.is_left_to_pillow(page):
            converted = raster.photo_from_tiff(data, page, name, limits)
            _note_pages(page.pages, converted.warnings)
            return decode_opened(converted.picture, name, max_size, converted)
    except Lift3dError:
        raise
    except DECODER_ERRORS as error:
        raise InputError(f"{name} is damaged or cut short", "copy it again from the camera") from error
    large = open_large_jpeg(data, MAX_PIXELS, max_size)
    picture = open_picture(data, name) if large is None else large
    if page is not None and page.index:  # a reduced copy comes first
        try:
            picture.seek(page.index)
        except DECODER_ERRORS as error:
            raise InputError(f"{name} is damaged or cut short", "copy it again from the camera") from error
    found = _with_all_bits(data, picture, limits) if png16.has_lost_bits(data) else None
    if found is not None:
        return decode_opened(found.picture, name, max_size, found)
    found = raster.Converted(picture, [picture.info[WARNING]] if WARNING in picture.info else [], limits)
    if page is not None:
        _note_pages(page.pages, found.warnings)
    elif picture.format in ("PNG", "WEBP") and getattr(picture, "n_frames", 1) > 1:
        found.warnings.append("it is animated; its first picture is used")
    return decode_opened(picture, name, max_size, found)


def _note_pages(pages: int, warnings: list[str]) -> None:
    if pages > 1:
        warnings.append(f"it has {pages} pages; the first is used")


def _with_all_bits(
    data: bytes, picture: Pil.Image, limits: tuple[float, float] | None
) -> raster.Converted | None:
    """A PNG of 16 bits per channel whose values fill little of their range; None where Pillow's 8 bits suffice."""
    try:
        extrema = picture.getextrema()
        bands = [e for e, band in zip(extrema, picture.getbands()) if band != "A" and isinstance(e, tuple)]
        if max(high for _, high in bands) - min(low for low, _ in bands) >= 255 * MIN_FILL:
            return None
        samples = png16.read_samples(data)
    except DECODER_ERRORS:
        return None  # Pillow says what is wrong
    colours = samples.shape[2] // 2 * 2 - 1 if samples.shape[2] != 3 else 3
    found = to_eight_bit(samples[..., :colours], None, limits)
    eight = found.values
    if samples.shape[2] > colours:
        eight = np.dstack([eight, (samples[..., -1] >> 8).astype(np.uint8)])
    whole = Pil.fromarray(np.ascontiguousarray(eight))
    whole.info.update({k: v for k, v in picture.info.items() if k in ("exif", "icc_profile")})
    return raster.Converted(whole, list(found.warnings), found.stretched)


def decode_opened(
    picture: Pil.Image, name: str, max_size: int | None = None, found: raster.Converted | None = None
) -> Picture:
    """As `decode`, for a picture that Pillow has opened or holds in memory. found: warnings so far, and the limits of a
    stretch of its values."""
    warnings, stretched = ([], None) if found is None else (found.warnings, found.stretched)
    try:
        exif = picture.getexif()
        orientation, stated = exif_orientation(picture), stated_orientation(picture)
        focal, gravity = focal_from_exif(exif, picture.width, picture.height), recorded_gravity(picture)
    except DECODER_ERRORS:  # damaged EXIF does not make the picture unusable
        exif, orientation, stated, focal, gravity = Pil.Exif(), 1, 1, None, None
    raw_width, raw_height = picture.size
    if min(raw_width, raw_height) < MIN_SIDE:
        raise InputError(
            f"{name} is too small ({raw_width}x{raw_height} pixels; each side needs at least {MIN_SIDE})",
            "use the original photo",
        )
    size = fit_size(raw_width, raw_height, max_size)
    profile = picture.info.get("icc_profile")
    try:
        if size != picture.size and picture.format in ("JPEG", "MPO"):
            picture.draft(None, size)  # decodes at 1/2, 1/4 or 1/8, never below this size
        picture.load()
        upright = apply_orientation(picture, orientation)
        if orientation >= 5:
            size = size[::-1]
        if upright.mode[:2] in ("I;", "I", "F"):
            eight = to_eight_bit(_values(upright), None, stretched)
            warnings, stretched = [*warnings, *eight.warnings], eight.stretched
            upright = Pil.fromarray(eight.values)
        upright, alpha = split_alpha(upright)
        if upright.mode not in ("RGB", "L", "CMYK", "LAB"):
            upright = upright.convert("RGB")
        if upright.size != size:
            upright = upright.resize(size, Pil.Resampling.LANCZOS)
            alpha = alpha.resize(size, Pil.Resampling.BOX) if alpha is not None else None
        pixels = np.array(_to_srgb(upright, profile, warnings), dtype=np.uint8)
    except Lift3dError:
        raise
    except DECODER_ERRORS as error:
        raise InputError(f"{name} is damaged or cut short", "copy it again from the camera") from error
    mask = None if alpha is None else _mask_of_alpha(np.asarray(alpha), name, warnings)
    if focal is not None:
        focal *= max(size) / max(raw_width, raw_height)
    full = (raw_height, raw_width) if orientation >= 5 else (raw_width, raw_height)
    return Picture(pixels, mask, focal, stated, full, tuple(warnings), stretched, gravity)


def _values(picture: Pil.Image) -> NDArray[np.generic]:
    """The values of a picture of mode I;16, I or F; "I" holds 16 bits where no value is larger."""
    values = np.asarray(picture)
    if picture.mode == "I" and values.size and values.min() >= 0 and values.max() < 1 << 16:
        return values.astype(np.uint16)
    return values.astype(np.uint16) if picture.mode.startswith("I;16") else values


def _mask_of_alpha(alpha: NDArray[np.uint8], name: str, warnings: list[str]) -> NDArray[np.bool_] | None:
    """The mask of a transparency (H, W) that is not opaque; None where it is the same everywhere and so marks nothing."""
    low, high = int(alpha.min()), int(alpha.max())
    if high == 0:
        raise InputError(
            f"{name} is fully transparent", "use the original photo or correct its alpha channel"
        )
    if low == high:
        warnings.append(
            f"its opacity is {100 * high / 255:.0f} % everywhere, which marks no object and is ignored"
        )
        return None
    if high < 128:
        warnings.append(
            f"its opacity is at most {100 * high / 255:.0f} %; what has at least half of that is the object"
        )
        return alpha >= high / 2
    mask = alpha >= 128
    clear = 1 - float(mask.mean())
    if clear < LEAST_CLEAR:
        warnings.append("next to none of its pixels are transparent, so that its transparency is ignored")
        return None
    return mask
