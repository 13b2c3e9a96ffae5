"""EXIF focal length and orientation of a picture (Exif 2.32, 4.6.5).

The 35 mm equivalent compares diagonals (CIPA DCG-001): f_px = f_35 * diagonal_px / 43.27. The exact focal length is
f_px = f_mm * FocalPlaneXResolution / mm per its unit.
"""

from __future__ import annotations

import math

from PIL import Image as Pil


def _number(value: object) -> float:
    """An EXIF rational as a float, nan when it is damaged."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def focal_from_exif(exif: Pil.Exif, width: int, height: int) -> float | None:
    """Focal length in pixels for a picture of width x height; None where EXIF states none or implausible values."""
    tags = exif.get_ifd(0x8769)
    recorded = sorted((_number(tags.get(0xA002)), _number(tags.get(0xA003))))
    long_side = max(width, height)
    ratio = 1.0  # pixels of this picture per recorded pixel
    if all(math.isfinite(s) and s > 0 for s in recorded):
        if abs(recorded[0] / recorded[1] - min(width, height) / long_side) > 0.02:
            return None  # the picture was cropped
        ratio = long_side / recorded[1]
    equivalent = _number(tags.get(0xA405)) * math.hypot(width, height) / 43.2666
    millimetres = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}.get(tags.get(0xA210, 2), math.nan)
    exact = _number(tags.get(0x920A)) * _number(tags.get(0xA20E)) / millimetres * ratio

    def plausible(f: float) -> bool:
        return math.isfinite(f) and 0.3 * long_side <= f <= 15 * long_side

    if plausible(exact) and (not plausible(equivalent) or abs(exact / equivalent - 1) < 0.1):
        return exact  # the equivalent is rounded to whole millimetres
    return equivalent if plausible(equivalent) else None


_TRANSPOSES = {
    2: Pil.Transpose.FLIP_LEFT_RIGHT, 3: Pil.Transpose.ROTATE_180, 4: Pil.Transpose.FLIP_TOP_BOTTOM,
    5: Pil.Transpose.TRANSPOSE, 6: Pil.Transpose.ROTATE_270, 7: Pil.Transpose.TRANSVERSE,
    8: Pil.Transpose.ROTATE_90,
}  # fmt: skip


def exif_orientation(picture: Pil.Image) -> int:
    """The EXIF orientation that is still to be undone; Pillow rotates TIFF itself on loading."""
    return stated_orientation(picture) if picture.format != "TIFF" else 1


def stated_orientation(picture: Pil.Image) -> int:
    """The EXIF orientation that the file states, 1 to 8; 1 if none."""
    value = picture.getexif().get(0x0112, 1)
    return int(value) if value in range(1, 9) else 1


def apply_orientation(picture: Pil.Image, orientation: int) -> Pil.Image:
    """The picture transposed so that it stands upright, by its EXIF orientation."""
    return picture.transpose(_TRANSPOSES[orientation]) if orientation in _TRANSPOSES else picture
