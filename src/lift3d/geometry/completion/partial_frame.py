"""The frame in which a partial surface is completed, and the surface as voxels: the input of the completion network.

Over a closed surface the area-weighted outward normals sum to zero (divergence theorem for a constant field). So the
normals of the missing part sum to the negative of those present, and it lies in the direction in which the present
normals do not point. The frame is a cube around the bounding box of the partial surface that extends farther in that
direction. z is up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64

FRAME_RESOLUTION, CHANNELS = 64, 5
"""Voxels along each side; channels of the input: whether the surface crosses a voxel, its mean normal there (3), its
mean signed distance from the centre of the voxel, in voxels."""
EXTENSION = 0.8
"""Extension of the frame beyond the bounding box towards the missing side, in longest sides of the box. Of training
shapes cut to 40 to 85 % of their surface, 3 in 4 lie inside the frame; of those seen from one side, 97 %."""
MARGIN = 0.04
"""Margin around the box, in its longest sides."""
SPREAD = 0.5
"""Extent of a sample in its plane to each side, in voxels: samples one voxel apart leave no holes."""


@dataclass(frozen=True, eq=False)
class PartialFrame:
    """A cube of 64^3 voxels with lowest corner low (3,) and a side, in the unit of the surface."""

    low: F64
    side: float

    @property
    def step(self) -> float:
        """Side of a voxel."""
        return self.side / FRAME_RESOLUTION

    @property
    def affine(self) -> F64:
        """(4, 4) transform from voxel indices, centres at integers, to the world."""
        out = np.diag([self.step, self.step, self.step, 1.0])
        out[:3, 3] = self.low + self.step / 2
        return out


def missing_side(normals: F64 | F32) -> F64:
    """(3,) unit vector towards the missing part, from the normals (N, 3) of area-uniform samples; +z for a closed
    surface."""
    d = -np.asarray(normals, np.float64).mean(0)
    length = float(np.linalg.norm(d))
    return d / length if length > 1e-6 else np.array([0.0, 0, 1])


def fit_partial_frame(points: F64, normals: F64 | F32, extension: float = EXTENSION) -> PartialFrame:
    """The frame of area-uniform samples (N, 3) with normals (N, 3). Raises ValueError for samples without extent."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    if not (np.isfinite(side) and side > 0):
        raise ValueError("points in one place have no frame")
    beyond = extension * side * missing_side(normals)
    a, b = np.minimum(low, low + beyond), np.maximum(high, high + beyond)
    cube = float((b - a).max()) + 2 * MARGIN * side
    return PartialFrame((a + b) / 2 - cube / 2, cube)


def partial_voxels(points: F64, normals: F64 | F32, frame: PartialFrame) -> F32:
    """(5, 64, 64, 64) network input of samples (N, 3) with unit normals (N, 3); samples outside the frame are
    ignored."""
    p = np.ascontiguousarray((points - frame.low) / frame.step, np.float64)
    return _splat(p, np.ascontiguousarray(normals, np.float64), FRAME_RESOLUTION, SPREAD)


@numba.njit(cache=True, nogil=True)
def _splat(p: F64, normals: F64, n: int, spread: float) -> F32:
    """p (N, 3) in voxels from the lowest corner. Each sample counts at its position and at four points around it in
    its plane."""
    out = np.zeros((5, n, n, n), np.float32)
    for s in range(len(p)):
        x, y, z = normals[s, 0], normals[s, 1], normals[s, 2]
        # two tangents (Duff et al. 2017)
        sign = 1.0 if z >= 0 else -1.0
        a = -1.0 / (sign + z)
        b = x * y * a
        u0, u1, u2 = 1 + sign * x * x * a, sign * b, -sign * x
        w0, w1, w2 = b, sign + y * y * a, -y
        for k in range(5):
            du = spread if k == 1 else -spread if k == 2 else 0.0
            dw = spread if k == 3 else -spread if k == 4 else 0.0
            px = p[s, 0] + du * u0 + dw * w0
            py = p[s, 1] + du * u1 + dw * w1
            pz = p[s, 2] + du * u2 + dw * w2
            i, j, l = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
            if i < 0 or j < 0 or l < 0 or i >= n or j >= n or l >= n:
                continue
            out[0, i, j, l] += 1
            out[1, i, j, l] += x
            out[2, i, j, l] += y
            out[3, i, j, l] += z
            out[4, i, j, l] += (i + 0.5 - px) * x + (j + 0.5 - py) * y + (l + 0.5 - pz) * z
    for i in range(n):
        for j in range(n):
            for l in range(n):
                count = out[0, i, j, l]
                if count > 0:
                    out[0, i, j, l] = 1
                    for c in range(1, 5):
                        out[c, i, j, l] /= count
    return out


def resample_rotated(
    values: NDArray[np.uint8], rotation: F64, first: F64, step: float, n: int
) -> NDArray[np.uint8]:
    """(n, n, n) uint8 values at indices (rotation (x, y), z) for (x, y, z) = first + step * (i, j, k).

    rotation (2, 2); first (3,). Linear interpolation, zero outside. Interpolates along z first, which is contiguous.
    """
    return _resample_rotated(
        values, np.ascontiguousarray(rotation, np.float64), np.asarray(first, np.float64), step, n
    )


@numba.njit(cache=True, nogil=True)
def _resample_rotated(
    values: NDArray[np.uint8], rotation: F64, first: F64, step: float, n: int
) -> NDArray[np.uint8]:
    """Kernel of `resample_rotated`."""
    nx, ny, nz = values.shape
    columns = np.zeros((nx, ny, n), np.float32)
    for k in range(n):
        z = first[2] + step * k
        c = int(np.floor(z))
        if c < 0 or c >= nz - 1:
            continue
        t = np.float32(z - c)
        for i in range(nx):
            for j in range(ny):
                columns[i, j, k] = values[i, j, c] * (np.float32(1) - t) + values[i, j, c + 1] * t
    out = np.zeros((n, n, n), np.uint8)
    half = np.float32(0.5)
    for i in range(n):
        for j in range(n):
            x = rotation[0, 0] * (first[0] + step * i) + rotation[0, 1] * (first[1] + step * j)
            y = rotation[1, 0] * (first[0] + step * i) + rotation[1, 1] * (first[1] + step * j)
            a, b = int(np.floor(x)), int(np.floor(y))
            if a < 0 or b < 0 or a >= nx - 1 or b >= ny - 1:
                continue
            p, q = x - a, y - b
            w0, w1 = np.float32((1 - p) * (1 - q)), np.float32((1 - p) * q)
            w2, w3 = np.float32(p * (1 - q)), np.float32(p * q)
            for k in range(n):
                value = w0 * columns[a, b, k] + w1 * columns[a, b + 1, k]
                value += w2 * columns[a + 1, b, k] + w3 * columns[a + 1, b + 1, k]
                out[i, j, k] = np.uint8(value + half)
    return out
