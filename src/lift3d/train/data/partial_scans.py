"""Partial scans of a shape: the inputs of `points_to_voxels` in training, computed in milliseconds.

A shape is cut by a plane, seen by a depth camera from one side, or has holes; then noise is added. The functions select from the
surface samples of the corpus; occlusion is tested in the shape's voxels.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.corpus.dataset import Corpus
from lift3d.geometry.voxels.canonical_frame import RESOLUTION, canonical_grid
from lift3d.types import F64

CUT, VIEW = 0.45, 0.45
"""Fractions of the scans that are cut, and that are seen from one side; the other scans have only holes."""
HOLED = 0.3
"""Fraction of the scans cut or seen from one side that have holes as well."""
KEPT = (0.3, 0.85)
LEAST = 200
"""Minimum number of samples of a partial scan."""
NOISY, NOISE, TILT = 0.4, 0.004, 0.15
"""NOISY: fraction of scans with noise; NOISE: largest standard deviation of positions, as a fraction of the longest side; TILT:
largest standard deviation of the normals' coordinates."""
FACING = 0.12
"""Minimum cosine between a normal and the direction to the camera at which a depth camera measures a surface."""
LEAVE = 1.6
"""Offset along the normal, in voxels, at which a line of sight starts, so that a sample's own surface does not occlude it."""


def open_samples(corpus: Corpus, number: int) -> tuple[F64, F64]:
    """Points and normals (N, 3) of a shape's exposed surface samples; all samples where none is exposed."""
    surface = corpus.surface(number)
    assert surface.normals is not None
    visible = exposed(corpus, number, surface.xyz)
    visible = visible if visible.any() else np.ones_like(visible)
    return surface.xyz[visible], surface.normals[visible].astype(np.float64)


def exposed(corpus: Corpus, number: int, points: F64) -> NDArray[np.bool_]:
    """(N,) bool: which surface points (N, 3) of a shape have an empty voxel next to their own, so that a scanner can see them."""
    first, step = canonical_grid(RESOLUTION)
    free = ndimage.binary_dilation(~corpus.inside_or_surface(number), np.ones((3, 3, 3)))
    cell = np.clip(np.rint((points - first) / step).astype(int), 0, RESOLUTION - 1)
    return np.asarray(free[tuple(cell.T)])


def break_samples(
    points: F64, normals: F64, filled: NDArray[np.bool_], rng: np.random.Generator, kind: str | None = None
) -> tuple[F64, F64]:
    """A partial scan, points and normals (M, 3), of samples (N, 3). kind: "cut", "view" or "holes"; None: random."""
    choice = rng.random()
    kind = kind or ("cut" if choice < CUT else "view" if choice < CUT + VIEW else "holes")
    if kind == "cut":
        keep = cut_mask(points, rng)
    elif kind == "view":
        keep = view_mask(points, normals, filled, rng)
    else:
        keep = np.ones(len(points), bool)
    if kind == "holes" or rng.random() < HOLED:
        keep &= _outside_holes(points[keep], points, rng)
    if keep.sum() < min(LEAST, len(points)):
        keep = cut_mask(points, rng)
    points, normals = points[keep], normals[keep]
    if rng.random() < NOISY:
        points = points + rng.normal(0, rng.uniform(0, NOISE), points.shape)
        normals = normals + rng.normal(0, rng.uniform(0, TILT), normals.shape)
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return points, normals


def cut_mask(points: F64, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) bool: the samples on one side of a random plane."""
    along = points @ rng.normal(size=3)
    return np.asarray(along >= np.quantile(along, 1 - rng.uniform(*KEPT)))


def view_mask(
    points: F64, normals: F64, filled: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """(N,) bool: the samples that a random camera above the ground sees."""
    a, e = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-5, 60))
    eye = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]) * rng.uniform(1.6, 6)
    eye = eye + (points.min(0) + points.max(0)) / 2
    first, step = canonical_grid(RESOLUTION)
    return _visible((points - first) / step, normals, filled, (eye - first) / step, LEAVE, FACING)


def _outside_holes(around: F64, points: F64, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(N,) bool: the samples outside of one to four balls, whose centres are chosen at random from `around` (M, 3)."""
    out = np.ones(len(points), bool)
    for _ in range(int(rng.integers(1, 5)) if len(around) else 0):
        centre = around[int(rng.integers(len(around)))]
        out &= ((points - centre) ** 2).sum(1) > rng.uniform(0.04, 0.2) ** 2
    return out


@numba.njit(cache=True, nogil=True)
def _visible(
    p: F64, normals: F64, filled: NDArray[np.bool_], eye: F64, leave: float, facing: float
) -> NDArray[np.bool_]:
    """(N,) bool: which samples p (N, 3), in voxel indices, face the eye and are not occluded by a full voxel. The line of sight
    is sampled every half voxel."""
    nx, ny, nz = filled.shape
    out = np.zeros(len(p), np.bool_)
    for s in range(len(p)):
        x, y, z = eye[0] - p[s, 0], eye[1] - p[s, 1], eye[2] - p[s, 2]
        length = np.sqrt(x * x + y * y + z * z)
        x, y, z = x / length, y / length, z / length
        if x * normals[s, 0] + y * normals[s, 1] + z * normals[s, 2] < facing:
            continue
        a = p[s, 0] + leave * normals[s, 0]
        b = p[s, 1] + leave * normals[s, 1]
        c = p[s, 2] + leave * normals[s, 2]
        hidden = False
        for _ in range(int(2 * length) + 1):
            i, j, k = int(np.rint(a)), int(np.rint(b)), int(np.rint(c))
            if i < 0 or j < 0 or k < 0 or i >= nx or j >= ny or k >= nz:
                break
            if filled[i, j, k]:
                hidden = True
                break
            a, b, c = a + 0.5 * x, b + 0.5 * y, c + 0.5 * z
        out[s] = not hidden
    return out
