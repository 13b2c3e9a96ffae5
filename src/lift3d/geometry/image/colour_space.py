"""sRGB and linear light (IEC 61966-2-1): the exact curves, and the tables for bytes.

`srgb_to_linear` and `linear_to_srgb` work on values in [0, 1]. `srgb8_to_linear`, `linear_to_srgb8` and the kernel
`encode_srgb` work on the byte scale [0, 255].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.types import F32, F64


def srgb_to_linear(srgb: NDArray[Any]) -> NDArray[Any]:
    """Linear light of sRGB values in [0, 1], any shape. float32 stays float32, every other type becomes float64.

    Values above 1 continue the curve, values below 0 its linear segment.
    """
    s = np.asarray(srgb)
    if s.dtype != np.float32:
        s = s.astype(np.float64)
    return np.where(s <= 0.04045, s / 12.92, ((np.maximum(s, 0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: NDArray[Any]) -> F64:
    """sRGB values of linear light, any shape, float64: the inverse of `srgb_to_linear`, not clipped."""
    x = np.asarray(linear, np.float64)
    return np.where(x <= 0.0031308, x * 12.92, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)


WHITE_D50 = np.array([0.96422, 1.0, 0.82521], np.float32)
XYZ_D50_TO_SRGB = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]],
    np.float32,
)  # fmt: skip
"""XYZ relative to D50 as linear sRGB, with Bradford's chromatic adaptation to D65 (Lindbloom)."""


def lab_to_srgb(lab: NDArray[Any]) -> F64:
    """sRGB, not clipped, of CIE L*a*b* (..., 3) relative to D50 (CIE 15:2004, 8.2.1)."""
    f = np.empty(lab.shape, np.float32)
    f[..., 1] = (lab[..., 0] + 16) / 116
    f[..., 0] = f[..., 1] + lab[..., 1] / 500
    f[..., 2] = f[..., 1] - lab[..., 2] / 200
    ratio = np.where(f > 6 / 29, f**3, (f - 4 / 29) * (3 * (6 / 29) ** 2))
    return linear_to_srgb((ratio * WHITE_D50) @ XYZ_D50_TO_SRGB.T)


def srgb8_to_linear(values: NDArray[np.generic]) -> F32:
    """Linear light in [0, 1], float32, of sRGB values in [0, 255] (bytes or floats, any shape)."""
    return np.asarray(srgb_to_linear(np.asarray(values, np.float32) / np.float32(255)), np.float32)


def linear_to_srgb8(linear: F32) -> NDArray[np.uint8]:
    """sRGB bytes of linear light, any shape: clipped to [0, 1], encoded by table, rounded to nearest."""
    flat = np.ascontiguousarray(linear, np.float32).ravel()
    out = np.empty(flat.shape, np.uint8)
    _encode(flat, LINEAR_TO_SRGB8, out)
    return out.reshape(np.shape(linear))


LINEAR_TO_SRGB8 = 255 * linear_to_srgb(np.arange(4097) / 4096)
"""(4097,) sRGB in [0, 255] of linear light k / 4096, for `encode_srgb`."""

SRGB8_TO_LINEAR = srgb8_to_linear(np.arange(256))
"""(256,) linear light of sRGB bytes."""


@njit_inline
def encode_srgb(value: float, table: F64) -> float:
    """sRGB in [0, 255], not rounded, of linear light, clipped to [0, 1]. table: `LINEAR_TO_SRGB8`, read linearly."""
    position = min(max(value, 0.0), 1.0) * 4096.0
    low = min(int(position), 4095)
    return table[low] + (position - low) * (table[low + 1] - table[low])


@njit_kernel
def _encode(linear: F32, table: F64, out: NDArray[np.uint8]) -> None:
    for i in range(len(linear)):
        out[i] = int(encode_srgb(linear[i], table) + 0.5)
