"""sRGB and linear light (IEC 61966-2-1), exact and by table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import inner, kernel
from lift3d.types import F32, F64


def linear_from_srgb(values: NDArray[np.generic]) -> F32:
    """sRGB in [0, 255] to linear in [0, 1]."""
    s = np.asarray(values, np.float32) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).astype(np.float32)


_PLACE = np.arange(4097, dtype=np.float64) / 4096

ENCODED = 255 * np.where(
    _PLACE <= 0.0031308, 12.92 * _PLACE, 1.055 * np.maximum(_PLACE, 1e-9) ** (1 / 2.4) - 0.055
)
"""(4097,) sRGB in [0, 255] of linear light k / 4096."""

DECODED = linear_from_srgb(np.arange(256))
"""(256,) linear light of sRGB bytes."""


def srgb_from_linear(linear: F32) -> NDArray[np.uint8]:
    """Linear in [0, 1] to sRGB, rounded to uint8."""
    flat = np.ascontiguousarray(linear, np.float32).ravel()
    out = np.empty(flat.shape, np.uint8)
    _encode(flat, ENCODED, out)
    return out.reshape(np.shape(linear))


@inner
def encoded(value, table):  # type: ignore[no-untyped-def]
    """Linear light to sRGB in [0, 255], not rounded."""
    place = min(max(value, 0.0), 1.0) * 4096.0
    low = min(int(place), 4095)
    return table[low] + (place - low) * (table[low + 1] - table[low])


@kernel
def _encode(linear, table, out):  # type: ignore[no-untyped-def]
    for i in range(len(linear)):
        out[i] = int(encoded(linear[i], table) + 0.5)


def linear_of_srgb(s: F64) -> F64:
    """sRGB-encoded [0, 1] to linear light (IEC 61966-2-1); values beyond 1 continue the curve."""
    s = np.asarray(s, np.float64)
    return np.where(s <= 0.04045, s / 12.92, ((np.maximum(s, 0) + 0.055) / 1.055) ** 2.4)


def srgb_of_linear(x: F64) -> F64:
    """The inverse of `linear_of_srgb`."""
    x = np.asarray(x, np.float64)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


def to_linear(srgb: NDArray[Any]) -> F64:
    """sRGB in [0, 1] to linear light (IEC 61966-2-1)."""
    s = np.asarray(srgb, np.float64)
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: NDArray[Any]) -> F64:
    """Linear light in [0, 1] to sRGB."""
    v = np.clip(np.asarray(linear, np.float64), 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)
