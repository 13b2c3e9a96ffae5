"""One depth image decoded from untrusted bytes, and its unit."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, Lift3dError
from lift3d.io.files.read import read_bytes
from lift3d.io.height.exr import read_exr
from lift3d.io.image.decode import DECODER_ERRORS, open_picture
from lift3d.types import F32
from lift3d.units import METRES

MAX_FILE = 1 << 28
MAX_PIXELS = 1 << 26
INVALID = 65535
UNITS = "mm, cm, m, or steps per metre such as 5000"


def parse_depth_unit(text: str | float) -> float:
    """Depth values per metre of "mm" (1000), "cm", "m", "in", "ft" or of a number. Raises InputError for anything else."""
    word = str(text).strip().lower()
    if word in METRES:
        return 1.0 / METRES[word]
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?", word) and 1e-3 <= float(word) <= 1e7:
        return float(word)
    raise InputError(f"'{word[:40]}' is not a unit of depth", f"use {UNITS}")


def raw_depth(path: Path) -> tuple[NDArray[np.floating], bool]:
    """((H, W) float32 values as stored, whether they are floating point). Values that mean nothing (65535, NaN, infinity, below
    0) become 0. Raises InputError for a file that is no depth image."""
    data = read_bytes(path, MAX_FILE)
    suffix = path.suffix.lower()
    try:
        if suffix == ".exr":
            values: NDArray = read_exr(data, path.name)
        elif suffix == ".npy":
            values = _array(data)
        else:
            values = _picture(data, path.name)
    except Lift3dError:
        raise
    except DECODER_ERRORS as error:
        raise InputError(
            f"{path.name} is not a depth image that can be read ({str(error)[:80]})", "export it again"
        ) from error
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if values.ndim != 2 or values.size == 0 or values.size > MAX_PIXELS:
        raise InputError(
            f"{path.name} is not a depth image: its shape is {values.shape}",
            "give one channel of depth values",
        )
    floating = values.dtype.kind == "f"
    out = values.astype(np.float32)
    bad = ~np.isfinite(out) | (out < 0)
    if not floating:
        bad |= values == INVALID
    return np.where(bad, np.float32(0), out), floating


def _array(data: bytes) -> NDArray:
    header = io.BytesIO(data)
    version = np.lib.format.read_magic(header)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(header, max_header_size=4096)
    if (
        dtype.hasobject
        or dtype.kind not in "uif"
        or not 0 < int(np.prod(shape, dtype=np.float64)) <= MAX_PIXELS
    ):
        raise ValueError("it is no array of numbers of a usable size")
    return np.load(io.BytesIO(data), allow_pickle=False)


def _picture(data: bytes, name: str) -> NDArray:
    picture = open_picture(data, name, ("PNG", "TIFF", "PPM"))
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        what = "8 bits" if picture.mode in ("L", "P", "1") else f"colours ({picture.mode})"
        raise InputError(
            f"{name} is not a depth image: it has {what}, as previews do",
            "give depth images of 16 bits or in floating point",
        )
    picture.load()
    values = np.asarray(picture)
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def metres(values: F32, steps: float) -> F32:
    """(H, W) float32 depth in metres of stored values, `steps` of which are one metre."""
    return np.asarray(values * np.float32(1.0 / steps), np.float32)


def is_depth_picture(path: Path) -> bool:
    """Whether a picture is more likely a depth image than a photo: one channel of 16 bits with holes of exactly 0 and smooth
    surfaces. Pictures of thermal and other cameras have no holes."""
    try:
        values, floating = raw_depth(path)
    except Lift3dError:
        return False
    if floating:
        return False
    known = values > 0
    holes = 1 - float(known.mean())
    if not 0.002 < holes < 0.98 or len(np.unique(values[known][::97])) < 20:
        return False
    near = float(values[known].min())
    pairs = known[:, 1:] & known[:, :-1]
    step = np.abs(np.diff(values, axis=1))[pairs] / np.maximum(values[:, 1:][pairs], 1)
    return near >= 50 and float((step < 0.03).mean()) > 0.9
