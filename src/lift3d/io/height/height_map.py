"""Height maps and depth maps of any bit depth: PNG, TIFF, OpenEXR and NumPy files.

Places without a value (not a number, the value that the file names as missing, 0 or 65535 in a map of distances) are holes: they
get the height of the nearest place that has one. Infinite values and those beyond FAR are the background, which has no height.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.errors import InputError, Lift3dError, damaged_file
from lift3d.io.files.read import read_bytes
from lift3d.io.height.exr import is_exr, read_exr
from lift3d.io.image import png16, raster, tiff
from lift3d.io.image.decode import DECODER_ERRORS, MAX_PIXELS, decode, open_picture
from lift3d.types import HeightField

FAR = 1e9
"""Depth from which a renderer means that there is nothing."""
SMALLEST_SIDE = 16
SUFFIXES = (".npy", ".exr")
"""Endings of files that hold heights and never photos."""
NEAR = ("bright", "dark")


def read_height_map(path: Path, near: str = "bright") -> HeightField:
    """The heights in a file.

    near: "bright" if larger values are nearer to the viewer (height, disparity, inverse depth), "dark" if they are farther
    (distance, as depth cameras and renderers store it). Raises InputError for a file that cannot be used.
    """
    _require_near(near)
    data = read_bytes(path)
    if not data:
        raise damaged_file(path.name, "is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values, missing = _values(data, path)
    except Lift3dError:
        raise
    except (*DECODER_ERRORS, struct.error, zlib.error) as error:
        raise damaged_file(path.name, "is damaged or cut short") from error
    return height_field(values, path.name, near, missing)


def height_field(
    values: NDArray[Any],
    name: str = "the height map",
    near: str = "bright",
    missing: NDArray[np.bool_] | None = None,
) -> HeightField:
    """Heights of an array (H, W) of any real type, scaled to [0, 1]; see `read_height_map`. missing: (H, W) True where there is
    no value. Distances become their inverse, which is linear in the picture on every plane; 8-bit values are no distances and are
    negated."""
    _require_near(near)
    values = np.asarray(values)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.dtype.kind not in "uifb":
        raise InputError(
            f"{name} is an array of shape {values.shape} and type {values.dtype}",
            "give one number for each pixel, (height, width)",
        )
    if min(values.shape) < SMALLEST_SIDE:
        raise InputError(
            f"{name} is too small ({values.shape[1]}x{values.shape[0]}; each side needs at least {SMALLEST_SIDE})",
            "use a larger one",
        )
    found = values.astype(np.float64)
    with np.errstate(invalid="ignore"):
        background = np.abs(found) >= FAR
    hole = np.isnan(found) if missing is None else np.isnan(found) | missing
    distance = near == "dark" and values.dtype != np.uint8
    if distance:
        hole |= found <= 0
        if values.dtype == np.uint16:
            hole |= found == np.iinfo(np.uint16).max
    known = ~hole & ~background
    if not known.any():
        raise InputError(f"{name} has no height at any pixel", "export it again")
    with np.errstate(divide="ignore"):
        out = 1 / found if distance else -found if near == "dark" else found
    if hole.any():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        out = np.where(hole, out[tuple(nearest)], out)
        known |= hole
    low, high = float(out[known].min()), float(out[known].max())
    scaled = np.where(known, (out - low) / max(high - low, 1e-300), 0.0)
    return HeightField(np.asarray(scaled, np.float32), None if known.all() else known, name=name)


def _require_near(near: str) -> None:
    if near not in NEAR:
        raise InputError(f"near = '{near[:40]}'", "use bright (larger is nearer) or dark (smaller is nearer)")


def _values(data: bytes, path: Path) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """The values (H, W) of a file, and where it states that there are none."""
    if is_exr(data):
        return read_exr(data, path.name), None
    if data[:6] == b"\x93NUMPY":
        return _numpy(data, path.name), None
    if tiff.is_tiff(data):
        page = tiff.read_page(data)
        if not raster.is_left_to_pillow(page):
            samples = tiff.read_samples(data, page, path.name)
            return _grey(samples, path.name), tiff.missing_values(samples, page)
    if png16.has_lost_bits(data):
        return _grey(png16.read_samples(data), path.name), None
    picture = open_picture(data, path.name)
    if picture.mode[:1] in ("I", "F"):
        return np.asarray(picture), None
    decoded = decode(data, path.name)
    return _grey(decoded.pixels, path.name), None if decoded.mask is None else ~decoded.mask


def _numpy(data: bytes, name: str) -> NDArray[Any]:
    """The array of a .npy file; objects are refused, since they would be unpickled."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    if kind.kind not in "uifb":
        raise InputError(f"{name} holds values of type {kind}, not numbers", "save one number for each pixel")
    count = int(np.prod(shape, dtype=np.int64))
    if not 0 < count <= MAX_PIXELS:
        raise InputError(
            f"{name} is an array of shape {shape}", "give one number for each pixel, (height, width)"
        )
    values = np.frombuffer(data, kind, count, stream.tell())
    return values.reshape(shape, order="F" if fortran else "C")


def _grey(samples: NDArray[Any], name: str) -> NDArray[Any]:
    """(H, W) of (H, W) or (H, W, C): the first channel of a picture that is grey."""
    if samples.ndim == 2:
        return samples
    colours = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1]
    first = colours[..., 0].astype(np.float64)
    spread = np.abs(colours - colours[..., :1].astype(np.float64)).max() if colours.shape[2] > 1 else 0.0
    if spread > 0.02 * max(float(np.ptp(first)), 1.0):
        raise InputError(
            f"{name} has colours, which state no order of heights",
            "give a grey height map, not a photo or a coloured preview",
        )
    return first.astype(np.float32)
