"""Candidate upright frames of a shape and its rotation, in NumPy: what nets/principal_frames.py and nets/spatial_transformer.py
compute in torch, where the methods and their references are described."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import ndimage

from lift3d.nets.sizes import FILL, OCCUPIED
from lift3d.types import F32, F64

BINS, STEP = 16, 0.06
"""Bins of the histogram of normals along each side of a face; spacing of the Rodrigues vectors of the first search."""
REFINEMENTS = ((0.03, 2), (0.01, 2), (0.004, 1))
"""(step, number of steps in each direction) of the searches around the best frame so far."""
SHARP = 0.1
"""Gradient of the occupancy from which on a voxel has a normal."""


def candidate_rotations(occupancy: F32) -> F64:
    """Rotations (18, 3, 3) of occupancy (n, n, n), axes x y z: up along each of the six directions of the grid's axes, of the
    rectilinear frame and of the principal axes."""
    out = []
    for frame in (np.eye(3), rectilinear_frame(occupancy), principal_axes(occupancy)):
        ups = np.concatenate([frame, -frame])
        for up, front in zip(ups, np.roll(ups, 1, 0)):
            up = up / np.linalg.norm(up)
            front = front - (front @ up) * up
            front = front / np.linalg.norm(front)
            out.append(np.stack([front, np.cross(up, front), up]))
    return np.stack(out).astype(np.float64)


def principal_axes(occupancy: F32) -> F64:
    """Rotation (3, 3) whose rows are the principal axes of the occupied volume, the longest first."""
    n = occupancy.shape[-1]
    line = (np.arange(n) + 0.5) / n * 2 - 1
    x = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    w = occupancy.reshape(-1).astype(np.float64)
    w = w / max(float(w.sum()), 1e-6)
    centre = w @ x
    second = (x * w[:, None]).T @ x - np.outer(centre, centre)
    rows = np.linalg.eigh(second + 1e-9 * np.eye(3))[1][:, ::-1].T
    return np.asarray(rows * np.sign(np.linalg.det(rows)))


def rectilinear_frame(occupancy: F32) -> F64:
    """Rotation (3, 3) whose rows R minimise sum w |R n|_1 over the normals n of the surface with their weights w."""
    weight, normal = _normals(occupancy)
    best = rotations_from_rodrigues(_zone())[int((_table() @ weight).argmin())]
    for step, count in REFINEMENTS:
        line = np.arange(-count, count + 1) * step
        small = rotations_from_rodrigues(
            np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
        )
        tried = small @ best
        best = tried[int((np.abs(tried @ normal.T).sum(1) @ weight).argmin())]
    return best


def _normals(occupancy: F32) -> tuple[F64, F64]:
    """Histogram (3 * BINS^2,) of normals by direction, with n and -n in one bin, and the mean normal of each bin."""
    soft = np.pad(occupancy.astype(np.float32), 2)
    for _ in range(2):
        soft = ndimage.uniform_filter(soft, 3, mode="constant")
    inner = slice(1, -1)
    gradient = np.stack(
        [soft[2:, inner, inner] - soft[:-2, inner, inner],
         soft[inner, 2:, inner] - soft[inner, :-2, inner],
         soft[inner, inner, 2:] - soft[inner, inner, :-2]], -1,
    ).reshape(-1, 3)  # fmt: skip
    sharp = np.linalg.norm(gradient, axis=1)
    gradient, sharp = gradient[sharp > SHARP], sharp[sharp > SHARP]
    normal = (gradient / sharp[:, None]).astype(np.float64)
    axis = np.abs(normal).argmax(1)
    row = np.arange(len(normal))
    normal *= np.where(normal[row, axis] < 0, -1.0, 1.0)[:, None]
    others = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    side = normal[row[:, None], others] / np.maximum(normal[row, axis], 1e-6)[:, None]
    cell = ((side + 1) / 2 * BINS).astype(np.int64).clip(0, BINS - 1)
    which = (axis * BINS + cell[:, 0]) * BINS + cell[:, 1]
    weight = np.bincount(which, sharp, 3 * BINS**2).astype(np.float64)
    total = np.stack([np.bincount(which, normal[:, k] * sharp, 3 * BINS**2) for k in range(3)], 1)
    return weight, total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def rotations_from_rodrigues(rodrigues: F64) -> F64:
    """Rotations (N, 3, 3) of Rodrigues vectors (N, 3): axis times the tangent of half the angle."""
    r = np.concatenate([np.ones((len(rodrigues), 1)), rodrigues], 1)
    w, x, y, z = (r / np.linalg.norm(r, axis=1, keepdims=True)).T
    return np.stack(
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
         2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
         2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], 1,
    ).reshape(-1, 3, 3)  # fmt: skip


@functools.cache
def _zone() -> F64:
    """Rodrigues vectors (R, 3): one of every 24 that are equivalent under the rotations of a cube."""
    most = math.tan(math.pi / 8)
    count = math.ceil(most / STEP)
    line = np.arange(-count, count + 1) * (most / count)
    every = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    return every[np.abs(every).sum(1) <= 1 + 1e-6]


@functools.cache
def _table() -> F64:
    """|R n|_1 (R, 3 * BINS^2) for each frame R and the normal n at the centre of each bin."""
    line = (np.arange(BINS) + 0.5) / BINS * 2 - 1
    u, v = np.meshgrid(line, line, indexing="ij")
    one = np.ones_like(u)
    faces = [np.stack(p, -1).reshape(-1, 3) for p in ((one, u, v), (u, one, v), (u, v, one))]
    centre = np.concatenate(faces)
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    return np.asarray(np.abs(rotations_from_rodrigues(_zone()) @ centre.T).sum(1))


def rotate_shape(occupancy: F32, rotation: F64) -> F32:
    """Occupancy (n, n, n), axes x y z, rotated by (3, 3) and fitted into the grid again, sampled trilinearly."""
    n = occupancy.shape[-1]
    centre, half = bounding_box(occupancy, rotation)
    line = ((np.arange(n) + 0.5) / n * 2 - 1) * (half / FILL)
    lattice = np.stack(np.meshgrid(*(line + c for c in centre), indexing="ij"), -1).reshape(-1, 3)
    source = lattice @ np.linalg.inv(rotation).T
    at = ((source + 1) * n - 1) / 2
    values = ndimage.map_coordinates(occupancy, at.T, np.float32, 1, mode="grid-constant", cval=0.0)
    return np.asarray(values.reshape(occupancy.shape), np.float32)


def bounding_box(occupancy: F32, rotation: F64) -> tuple[F64, float]:
    """Centre (3,) and half the longest side of the box of the occupied voxels' centres after a rotation, in half grid sides."""
    n = occupancy.shape[-1]
    places = (np.argwhere(occupancy > OCCUPIED) + 0.5) / n * 2 - 1
    turned = places @ rotation.T if len(places) else np.array([[-1.0] * 3, [1.0] * 3])
    low, high = turned.min(0), turned.max(0)
    return (low + high) / 2, float((high - low).max()) / 2 + 1 / n
