"""Weights in eight bits: large arrays as whole numbers with a scale for each output channel (Jacob et al. 2018,
arXiv:1712.05877, section 2.1, symmetric), which `load_tensors` and `load_arrays` expand to single precision.

An array NAME of int8 has its scales beside it as NAME.scale, in half precision and of a shape that broadcasts to it. It halves
the file once more; the networks are computed as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = ".scale"
LARGEST = 127
LEAST_SIZE = 4096
"""Numbers from which an array is stored in eight bits; smaller ones, and vectors, stay in half precision."""


def quantise(array: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """(whole numbers, scales) whose product is nearest to the array, for each index of the first axis."""
    values = array.astype(np.float32)
    largest = np.abs(values).reshape(len(values), -1).max(1)
    exact = np.maximum(largest / LARGEST, np.finfo(np.float16).tiny)
    scale = exact.astype(np.float16)
    # rounded up, so that the largest value is still within the range
    scale = np.where(scale.astype(np.float32) < exact, np.nextafter(scale, np.float16(np.inf)), scale)
    scale = scale.astype(np.float16).reshape(-1, *[1] * (values.ndim - 1))
    codes = np.rint(values / scale.astype(np.float32)).clip(-LARGEST, LARGEST)
    return codes.astype(np.int8), scale


def pack_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Arrays to store: large ones in eight bits with their scales, other real ones in half precision."""
    out: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            out[name] = array
        elif array.ndim >= 2 and array.size >= LEAST_SIZE:
            out[name], out[name + SCALE] = quantise(array)
        else:
            out[name] = array.astype(np.float16)
    return out


def scales_of(arrays: dict[str, Any]) -> dict[str, Any]:
    """The scales among stored arrays (or tensors), by the name of the array that they belong to; they are removed."""
    names = [name for name in arrays if name.endswith(SCALE) and name.removesuffix(SCALE) in arrays]
    return {name.removesuffix(SCALE): arrays.pop(name) for name in names}
