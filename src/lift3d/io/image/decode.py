"""One picture from bytes, whoever made them: bounded, upright, 8-bit sRGB, with its mask and focal length.

EXIF focal lengths (Exif 2.32, 4.6.5): the 35 mm equivalent compares diagonals (CIPA DCG-001), so
f_px = f_35 * diagonal_px / 43.27; the exact one is f_px = f_mm * FocalPlaneXResolution / mm per its unit.
"""

from __future__ import annotations

import io
import math
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

MAX_PIXELS = 170_000_000
MIN_SIDE = 64
PHOTO_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "PPM")
TEXTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TGA", "TIFF", "GIF")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
DECODER_ERRORS = (
    OSError, ValueError, TypeError, SyntaxError, KeyError, IndexError, AttributeError, OverflowError,
    EOFError, MemoryError, RuntimeError, ZeroDivisionError, struct.error, zlib.error, AssertionError,
)  # fmt: skip
"""What decoders let out on damaged files."""


@dataclass(frozen=True)
class Picture:
    """pixels (H, W, 3) uint8; mask (H, W) bool from the alpha channel or None; focal in pixels or None;
    orientation: the EXIF orientation that was undone; full_size (width, height): upright, before resizing."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None
    focal: float | None
    orientation: int
    full_size: tuple[int, int]


def is_heic(data: bytes) -> bool:
    """By the brand in the first box, not by the name."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def _too_large(name: str, pixels: int, size: str = "") -> InputError:
    what = f"{size} pixels, " if size else ""
    return InputError(
        f"{name} is too large ({what}{pixels / 1e6:.0f} megapixels; the limit is {MAX_PIXELS // 10**6})",
        "make it smaller first",
    )


def open_picture(data: bytes, name: str, formats: Sequence[str] = PHOTO_FORMATS) -> Pil.Image:
    """Read the header only. Raises InputError when it is no picture or its size is out of bounds.

    The caller wraps this in `warnings.catch_warnings()` if Pillow's size warning is not wanted.
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
        kinds = ", ".join(formats)
        if data[:4] == b"GIF8" and "GIF" not in formats:
            raise InputError(f"{name} is a GIF", "save it as PNG") from error
        raise InputError(
            f"{name} is not a picture that can be read ({kinds})", "remove it or save it anew"
        ) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_large(name, picture.width * picture.height, f"{picture.width}x{picture.height}")
    return picture


def _open_heic(data: bytes) -> Pil.Image:
    try:
        import pi_heif
    except ImportError as error:
        raise MissingExtra("reading HEIC photos", "heic") from error
    heif = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    if heif.size[0] * heif.size[1] > MAX_PIXELS:
        raise _too_large("the HEIC photo", heif.size[0] * heif.size[1])
    return heif.to_pillow()


def _number(value: object) -> float:
    """An EXIF rational as a float; nan when it is damaged."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def focal_from_exif(exif: Pil.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels of the whole picture (width, height); None where EXIF has none to trust."""
    tags = exif.get_ifd(0x8769)
    recorded = sorted((_number(tags.get(0xA002)), _number(tags.get(0xA003))))
    long_side = max(width, height)
    ratio = 1.0  # this picture's pixels per pixel as it was shot
    if all(math.isfinite(s) and s > 0 for s in recorded):
        if abs(recorded[0] / recorded[1] - min(width, height) / long_side) > 0.02:
            return None  # cropped since it was taken
        ratio = long_side / recorded[1]
    equivalent = _number(tags.get(0xA405)) * math.hypot(width, height) / 43.2666
    millimetres = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}.get(tags.get(0xA210, 2), math.nan)
    exact = _number(tags.get(0x920A)) * _number(tags.get(0xA20E)) / millimetres * ratio

    def sane(f: float) -> bool:
        return math.isfinite(f) and 0.3 * long_side <= f <= 15 * long_side

    if sane(exact) and (not sane(equivalent) or abs(exact / equivalent - 1) < 0.1):
        return exact  # the equivalent is rounded to whole millimetres
    return equivalent if sane(equivalent) else None


def _eight_bit(picture: Pil.Image) -> Pil.Image:
    """16-bit, 32-bit and float grey to "L": by the type's range, or the value range where it has none."""
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
    """ "RGB" through the embedded ICC profile where it is another than sRGB; a damaged profile is ignored."""
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
    """The size with the long side at most max_size, aspect kept, never enlarged."""
    if max_size is None or max(width, height) <= max_size:
        return width, height
    scale = max_size / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def split_alpha(picture: Pil.Image) -> tuple[Pil.Image, Pil.Image | None]:
    """(picture without alpha, alpha as "L" or None when there is none or all is opaque)."""
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
    """Decode a photo; raises InputError with one sentence for whatever is wrong with it."""
    return decode_opened(open_picture(data, name), name, max_size)


def decode_opened(picture: Pil.Image, name: str, max_size: int | None = None) -> Picture:
    """The same for a picture that Pillow has opened or holds in memory."""
    try:
        exif = picture.getexif()
        orientation = _orientation(picture)
        focal = focal_from_exif(exif, picture.width, picture.height)
    except DECODER_ERRORS:  # damaged EXIF does not make the picture unusable
        exif, orientation, focal = Pil.Exif(), 1, None
    raw_width, raw_height = picture.size
    if min(raw_width, raw_height) < MIN_SIDE:
        raise InputError(
            f"{name} is too small to show anything ({raw_width}x{raw_height} pixels; {MIN_SIDE} are needed)",
            "use the original photo",
        )
    size = fit_size(raw_width, raw_height, max_size)
    profile = picture.info.get("icc_profile")
    try:
        if size != picture.size and picture.format in ("JPEG", "MPO"):
            picture.draft(None, size)  # decodes at 1/2, 1/4 or 1/8, not below the size asked for
        picture.load()
        upright = _with_orientation(picture, orientation)
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


_TRANSPOSES = {
    2: Pil.Transpose.FLIP_LEFT_RIGHT, 3: Pil.Transpose.ROTATE_180, 4: Pil.Transpose.FLIP_TOP_BOTTOM,
    5: Pil.Transpose.TRANSPOSE, 6: Pil.Transpose.ROTATE_270, 7: Pil.Transpose.TRANSVERSE,
    8: Pil.Transpose.ROTATE_90,
}  # fmt: skip


def _orientation(picture: Pil.Image) -> int:
    """EXIF orientation still to be undone; Pillow turns TIFF itself on loading."""
    value = picture.getexif().get(0x0112, 1)
    return int(value) if value in range(1, 9) and picture.format != "TIFF" else 1


def _with_orientation(picture: Pil.Image, orientation: int) -> Pil.Image:
    """Undo the EXIF orientation (the tag says how the stored picture must be turned to stand upright)."""
    return picture.transpose(_TRANSPOSES[orientation]) if orientation in _TRANSPOSES else picture


def decode_mask(
    data: bytes, name: str, size: tuple[int, int], full_size: tuple[int, int], orientation: int
) -> NDArray[np.bool_]:
    """A mask (H, W) bool, True = object, for a photo of upright `full_size` loaded at `size` (width, height).

    Object is what is opaque in the mask's alpha channel, or brighter than half of its brightest value. A mask
    drawn over the unrotated picture is turned with the photo's EXIF `orientation`.
    """
    picture = open_picture(data, name)
    try:
        own = _orientation(picture)
        picture.load()
        picture = _with_orientation(picture, own)
        if picture.mode[:2] in ("I;", "I", "F"):
            values = np.asarray(picture).astype(np.float32)
        else:
            rest, alpha = split_alpha(picture)
            values = np.asarray(alpha if alpha is not None else rest.convert("L")).astype(np.float32)
    except DECODER_ERRORS as error:
        raise InputError(f"the mask {name} is damaged or cut short", "save it again") from error
    top = float(np.nan_to_num(values).max(initial=0.0))
    if top <= 0:
        raise InputError(
            f"the mask {name} is all black, so nothing would be left of its photo",
            "white must mark the object",
        )
    grey = Pil.fromarray(np.where(values >= top / 2, 255, 0).astype(np.uint8))
    want = full_size[0] / full_size[1]
    if abs(grey.width / grey.height / want - 1) > 0.02 and orientation >= 5:
        grey = _with_orientation(grey, orientation)
    if abs(grey.width / grey.height / want - 1) > 0.02:
        raise InputError(
            f"the mask {name} is {grey.width}x{grey.height} pixels, but its photo "
            f"{full_size[0]}x{full_size[1]}: the shapes differ",
            "make the mask from the photo itself",
        )
    if grey.size != size:
        grey = grey.resize(size, Pil.Resampling.BOX)
    mask = np.asarray(grey) >= 128
    if not mask.any():
        raise InputError(
            f"the mask {name} marks less than a pixel of its photo", "white must mark the object"
        )
    return mask
