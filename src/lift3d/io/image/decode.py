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

from lift3d.errors import InputError, Lift3dError, MissingExtra
from lift3d.io.image.exif import apply_orientation, exif_orientation, focal_from_exif

MAX_PIXELS = 170_000_000
MIN_SIDE = 64
PHOTO_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM")
TEXTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "TIFF", "GIF")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
DECODER_ERRORS = (
    OSError, ValueError, TypeError, SyntaxError, KeyError, IndexError, AttributeError, OverflowError,
    EOFError, MemoryError, RuntimeError, ZeroDivisionError, struct.error, zlib.error, AssertionError,
)  # fmt: skip
"""Exceptions that decoders raise on damaged files."""


@dataclass(frozen=True)
class Picture:
    """A decoded photo.

    pixels: (H, W, 3) uint8 sRGB. mask: (H, W) bool from the alpha channel, or None. focal: in pixels at the decoded size,
    or None. orientation: the EXIF orientation that was undone. full_size: (width, height), upright, before resizing.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    focal: float | None
    orientation: int
    full_size: tuple[int, int]


def is_heic(data: bytes) -> bool:
    """Whether the data are HEIC, by the brand in the first box rather than by a file name."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


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
            picture = _open_heic(data)
        else:
            picture = Pil.open(io.BytesIO(data), formats=list(formats))
    except Pil.DecompressionBombError as error:
        count = re.search(r"\d+", str(error))
        raise _too_large(name, int(count[0]) if count else MAX_PIXELS + 1) from error
    except DECODER_ERRORS as error:
        readable = ", ".join(formats)
        if data[:4] == b"GIF8" and "GIF" not in formats:
            raise InputError(f"{name} is a GIF", "save it as PNG") from error
        raise InputError(
            f"{name} is not a picture that lift3d can read ({readable})", "remove it or save it again"
        ) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(name, picture.width * picture.height, f"{picture.width}x{picture.height}")
    return picture


def _open_heic(data: bytes) -> Pil.Image:
    """The primary image of a HEIC file; MissingExtra where pi_heif is not installed."""
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtra("reading HEIC photos", "heic") from error
    heif = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    if heif.size[0] * heif.size[1] > MAX_PIXELS:
        raise _too_large("the HEIC photo", heif.size[0] * heif.size[1])
    return heif.to_pillow()


def _eight_bit(picture: Pil.Image) -> Pil.Image:
    """16-bit, 32-bit and float grey as 8-bit "L", scaled by the range of the type, or of the values where it has none."""
    values = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        scaled = values.astype(np.float32) / 257.0
    else:
        values = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        top = values.max(initial=0.0)
        limit = 1.0 if picture.mode == "F" and top <= 1.0 else 255.0 if top <= 255.0 else max(65535.0, top)
        scaled = (values * (255.0 / limit)).astype(np.float32)
    return Pil.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8))


def _to_srgb(picture: Pil.Image, profile: bytes | None) -> Pil.Image:
    """The picture as "RGB", converted by its ICC profile unless that is sRGB; a damaged profile is ignored."""
    if profile and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass
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


def decode(data: bytes, name: str, max_size: int | None = None) -> Picture:
    """The decoded photo with its long side at most max_size. Raises InputError when it cannot be used."""
    return decode_opened(open_picture(data, name), name, max_size)


def decode_opened(picture: Pil.Image, name: str, max_size: int | None = None) -> Picture:
    """As `decode`, for a picture that Pillow has opened or holds in memory."""
    try:
        exif = picture.getexif()
        orientation = exif_orientation(picture)
        focal = focal_from_exif(exif, picture.width, picture.height)
    except DECODER_ERRORS:  # damaged EXIF does not make the picture unusable
        exif, orientation, focal = Pil.Exif(), 1, None
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
            upright = _eight_bit(upright)
        upright, alpha = split_alpha(upright)
        if upright.mode not in ("RGB", "L", "CMYK"):
            upright = upright.convert("RGB")
        if upright.size != size:
            upright = upright.resize(size, Pil.Resampling.LANCZOS)
            alpha = alpha.resize(size, Pil.Resampling.BOX) if alpha is not None else None
        pixels = np.array(_to_srgb(upright, profile), dtype=np.uint8)
    except Lift3dError:
        raise
    except DECODER_ERRORS as error:
        raise InputError(f"{name} is damaged or cut short", "copy it again from the camera") from error
    mask = np.asarray(alpha) >= 128 if alpha is not None else None
    if mask is not None and not mask.any():
        raise InputError(
            f"{name} is fully transparent", "use the original photo or correct its alpha channel"
        )
    if focal is not None:
        focal *= max(size) / max(raw_width, raw_height)
    full = (raw_height, raw_width) if orientation >= 5 else (raw_width, raw_height)
    return Picture(pixels, mask, focal, orientation, full)
