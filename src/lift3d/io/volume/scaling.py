"""Stored numbers to measured values: value = slope x stored + intercept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.io.volume.limits import check_finite, matches_integers, narrowest


def native(stored: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """An array in the byte order of this machine, with at most 32 bits an element. Raises InputError where float64 values do not
    fit float32, or int64 values do not fit int32."""
    array = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if array.dtype.itemsize <= 4 and array.dtype != np.uint32:
        return array.astype(np.float32) if array.dtype == np.float16 else array
    if array.dtype.kind == "f":
        check_finite(array, name)
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    kind = narrowest(int(array.min()), int(array.max()))
    if kind is None:
        raise InputError(
            f"{name} has values from {array.min()} to {array.max()}, beyond 32 bits",
            "write it with values of 16 bits",
        )
    return array.astype(np.int32)


def scaled(stored: NDArray[np.generic], slope: float, intercept: float, name: str) -> NDArray[np.generic]:
    """Measured values (I, J, K) of a stored array: of a whole type where slope and intercept are whole and the result fits,
    else float32. Raises InputError where a value is not finite."""
    if slope == 1 and intercept == 0:
        values = native(stored, name)
    else:
        whole = _whole(stored, slope, intercept)
        values = _decimal(stored, slope, intercept) if whole is None else whole
    check_finite(values, name)
    return values


def _decimal(stored: NDArray[np.generic], slope: float, intercept: float) -> NDArray[np.float32]:
    """The values as float32, computed in float64 slice by slice."""
    values = np.empty(stored.shape, np.float32, order="F")
    for k in range(stored.shape[-1]):
        with np.errstate(over="ignore", invalid="ignore"):
            values[..., k] = stored[..., k].astype(np.float64) * slope + intercept
    return values


def _whole(stored: NDArray[np.generic], slope: float, intercept: float) -> NDArray[np.generic] | None:
    """The values as whole numbers, or None where slope, intercept or the stored numbers are not whole or do not fit."""
    if stored.dtype.kind not in "iu" or not matches_integers(slope, intercept):
        return None
    ends = [int(end) * int(slope) + int(intercept) for end in (stored.min(), stored.max())]
    kind = narrowest(min(ends), max(ends))
    if kind is None:
        return None
    values = np.empty(stored.shape, kind, order="F")
    for k in range(stored.shape[-1]):
        values[..., k] = stored[..., k].astype(np.int64) * int(slope) + int(intercept)
    return values
