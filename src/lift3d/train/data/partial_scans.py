"""Parts of a thing's surface, as scans have them: samples of a training pair of `points_to_voxels`, made in milliseconds.

Cut by a plane, seen by a depth camera from one side, or holed; then a little noise. All is done on the samples that the corpus
keeps, and what hides what is asked of its cells.
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
"""Shares of the samples that are cut, and seen; the rest are only holed."""
HOLED = 0.3
"""Share of the cut and the seen that have holes as well."""
KEPT = (0.3, 0.85)
LEAST = 200
"""Samples that must be left."""
NOISY, NOISE, TILT = 0.4, 0.004, 0.15
"""Share of parts with noise; its standard deviation at most, in the longest side; that of the normals' tips."""
FACING = 0.12
"""Least cosine between a surface that a depth camera measures and the look."""
LEAVE = 1.6
"""Cells along the normal from which a look sets out, lest it is hidden by its own surface."""


def open_samples(corpus: Corpus, number: int) -> tuple[F64, F64]:
    """Points and normals (N, 3) of a shape, without those buried in it (all, where none is open)."""
    held = corpus.surface(number)
    assert held.normals is not None
    seen = exposed(corpus, number, held.xyz)
    seen = seen if seen.any() else np.ones_like(seen)
    return held.xyz[seen], held.normals[seen].astype(np.float64)


def exposed(corpus: Corpus, number: int, points: F64) -> NDArray[np.bool_]:
    """Which points (N, 3) of a shape's surface have an empty cell beside theirs: a scanner could see them."""
    first, step = canonical_grid(RESOLUTION)
    free = ndimage.binary_dilation(~corpus.inside_or_surface(number), np.ones((3, 3, 3)))
    cell = np.clip(np.rint((points - first) / step).astype(int), 0, RESOLUTION - 1)
    return np.asarray(free[tuple(cell.T)])


def break_samples(
    points: F64, normals: F64, filled: NDArray[np.bool_], rng: np.random.Generator, kind: str | None = None
) -> tuple[F64, F64]:
    """Some of the samples (N, 3), moved a little; kind: cut, view or holes, drawn if not given."""
    drawn = rng.random()
    kind = kind or ("cut" if drawn < CUT else "view" if drawn < CUT + VIEW else "holes")
    if kind == "cut":
        kept = cut_mask(points, rng)
    elif kind == "view":
        kept = view_mask(points, normals, filled, rng)
    else:
        kept = np.ones(len(points), bool)
    if kind == "holes" or rng.random() < HOLED:
        kept &= _not_holed(points[kept], points, rng)
    if kept.sum() < min(LEAST, len(points)):
        kept = cut_mask(points, rng)
    points, normals = points[kept], normals[kept]
    if rng.random() < NOISY:
        points = points + rng.normal(0, rng.uniform(0, NOISE), points.shape)
        normals = normals + rng.normal(0, rng.uniform(0, TILT), normals.shape)
        normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return points, normals


def cut_mask(points: F64, rng: np.random.Generator) -> NDArray[np.bool_]:
    """On one side of a plane of any direction."""
    along = points @ rng.normal(size=3)
    return np.asarray(along >= np.quantile(along, 1 - rng.uniform(*KEPT)))


def view_mask(
    points: F64, normals: F64, filled: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Seen from a camera above the ground."""
    a, e = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(-5, 60))
    eye = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]) * rng.uniform(1.6, 6)
    eye = eye + (points.min(0) + points.max(0)) / 2
    first, step = canonical_grid(RESOLUTION)
    return _seen((points - first) / step, normals, filled, (eye - first) / step, LEAVE, FACING)


def _not_holed(around: F64, points: F64, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Beyond one to four balls around some of the kept samples."""
    out = np.ones(len(points), bool)
    for _ in range(int(rng.integers(1, 5)) if len(around) else 0):
        middle = around[int(rng.integers(len(around)))]
        out &= ((points - middle) ** 2).sum(1) > rng.uniform(0.04, 0.2) ** 2
    return out


@numba.njit(cache=True, nogil=True)
def _seen(
    p: F64, normals: F64, filled: NDArray[np.bool_], eye: F64, leave: float, facing: float
) -> NDArray[np.bool_]:
    """Which samples p (N, 3), in indices of the cells, face the eye with no full cell between; half-cell steps."""
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
