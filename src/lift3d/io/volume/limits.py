"""Limits of volumes, checked before memory is taken, and the checks that every reader makes of values."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.types.volumes import Volume

MAX_VOXELS = 1 << 30
"""Voxels of a volume: 1024 slices of 1024 x 1024."""
MIN_SLICES = 3
"""Nodes along each axis: fewer hold no solid."""
MAX_TEXT = 80
MIN_SPACING, MAX_COORDINATE = 2e-4, 1e7
"""Bounds of a voxel and of coordinates in mm, beyond which a unit must be wrong."""


def printable(text: object, most: int = MAX_TEXT) -> str:
    """Text of a file for a message: without control characters, at most `most` characters."""
    clean = "".join(c if c.isprintable() else "?" for c in str(text)[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"


def number(value: float) -> str:
    """A length or position in millimetres with at most two decimals; small ones with two significant digits."""
    value = float(value)
    if value and abs(value) < 0.1:
        return f"{value:.2g}"
    return f"{round(value, 2) + 0.0:.10g}"


def size_text(shape: Sequence[int]) -> str:
    """A shape for a message: "512 x 512 x 20"."""
    return " x ".join(str(n) for n in shape)


def check_size(shape: Sequence[int], name: str) -> None:
    """Raise InputError unless a shape (I, J, K) has at least `MIN_SLICES` along each axis and at most `MAX_VOXELS` in all."""
    voxels = math.prod(shape)
    if voxels > MAX_VOXELS:
        raise InputError(
            f"{name} has {size_text(shape)} voxels, {voxels / 1e6:.0f} million; the limit is {MAX_VOXELS / 1e6:.0f} million",
            "crop it or reduce its resolution in the program that wrote it",
        )
    if min(shape) < MIN_SLICES:
        raise InputError(
            f"{name} has {size_text(shape)} voxels, too few for a solid",
            f"give a volume of at least {MIN_SLICES} slices, and {MIN_SLICES} voxels along each axis",
        )


def check_finite(values: NDArray[np.generic], name: str) -> None:
    """Raise InputError if values (I, J, K) contain NaN or infinity; looked at slice by slice, to save memory."""
    if values.dtype.kind != "f":
        return
    bad = sum(
        int(values[..., k].size) - int(np.isfinite(values[..., k]).sum()) for k in range(values.shape[-1])
    )
    if bad:
        raise InputError(
            f"{name} has {bad} voxels of {values.size} that are not a number (NaN or infinite)",
            "replace them by the value of the background in the program that wrote it",
        )


def check_affine(affine: NDArray[np.float64], name: str) -> None:
    """Raise InputError unless an affine (4, 4) in millimetres is finite and its axes span the space."""
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        usable = bool(np.isfinite(affine).all()) and bool((lengths > 0).all())
        turned = abs(float(np.linalg.det(affine[:3, :3] / lengths))) if usable else 0.0
    if not turned > 1e-4:
        raise InputError(
            f"the directions of {name} are singular: they do not say where the voxels lie",
            "export it again with its orientation",
        )
    small = lengths.min() < MIN_SPACING or abs(float(np.linalg.det(affine[:3, :3]))) <= 1e-12
    if small or np.abs(affine).max() > MAX_COORDINATE:
        raise InputError(
            f"{name} has voxels of {' x '.join(f'{s:.3g}' for s in lengths)} mm at up to {np.abs(affine[:3, 3]).max():.3g} mm",
            "export it again with its spacing and origin in millimetres",
        )


def volume_of(
    values: NDArray[np.generic], affine: NDArray[np.float64], unit: str | None, name: str
) -> Volume:
    """The volume of checked values (I, J, K) and an affine. Raises InputError where the affine cannot be used."""
    check_affine(affine, name)
    return Volume.of(values, affine, unit, name)


def matches_integers(*values: float) -> bool:
    """Whether all numbers are whole and small enough to be exact."""
    return all(math.isfinite(v) and float(v).is_integer() and abs(v) < 2**24 for v in values)


def narrowest(low: int, high: int) -> np.dtype[np.generic] | None:
    """The smallest of int16, uint16 and int32 that holds the range, or None."""
    for kind in (np.int16, np.uint16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.dtype(kind)
    return None
