"""Agreement of the photos of one face with each other: sharpness, colour difference, and a weight for both.

A photo that disagrees with the median of the others over a neighbourhood of faces (a passer-by, a highlight) loses its
weight there (Sinha et al. 2008).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.texture.view_selection import FaceObservations
from lift3d.types import F32, F64

I32 = NDArray[np.int32]


def photo_sharpness(s: FaceObservations) -> F64:
    """(V,) relative sharpness of each photo on the faces that it shares with others: 1 is usual, below is blurred."""
    step = max(1, len(s.quality) // 20_000)
    detail, seen = s.detail[::step] + 0.5, s.quality[::step] > 0
    ratios = np.full(detail.shape, np.nan)
    rows = seen.sum(1) >= 3
    logs = np.where(seen, np.log(detail), np.nan)[rows]
    out = np.ones(s.quality.shape[1])
    if rows.any():
        ratios = logs - np.nanmedian(logs, axis=1, keepdims=True)
        for k in range(len(out)):
            column = ratios[:, k][np.isfinite(ratios[:, k])]
            if len(column) >= 20:
                out[k] = np.exp(np.median(column))
    return out.clip(0.05, 1.25)


@njit(cache=True)
def disagreement(quality: Any, colours: Any, tables: Any) -> Any:
    """(F, V) float32 largest channel difference between a photo's colour after its gain and the median of the photos of the face.

    -1 where the photo does not see the face, or fewer than three see it.
    """
    faces, photos = quality.shape
    out = np.full((faces, photos), np.float32(-1.0))
    for i in range(faces):
        highest = np.float32(0.0)
        for k in range(photos):
            highest = max(highest, quality[i, k])
        ids = np.empty(photos, np.int32)
        n = 0
        for k in range(photos):
            if quality[i, k] > 0.02 * highest:
                ids[n] = k
                n += 1
        if n < 3:
            continue
        values = np.empty(n, np.float32)
        for c in range(3):
            for j in range(n):
                values[j] = tables[ids[j], c, colours[i, ids[j], c]]
            ordered = np.sort(values)
            median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
            for k in range(photos):
                if quality[i, k] > 0:
                    out[i, k] = max(out[i, k], abs(tables[k, c, colours[i, k, c]] - median))
    return out


@njit(cache=True)
def smooth_over_faces(values: Any, neighbours: Any, rounds: int) -> Any:
    """Values (F, V) averaged with the adjacent faces, `rounds` times; entries < 0 are ignored."""
    current, averaged = values.copy(), values.copy()
    for _ in range(rounds):
        for i in range(len(values)):
            for k in range(values.shape[1]):
                if values[i, k] < 0:
                    continue
                total, n = current[i, k], np.float32(1.0)
                for e in range(3):
                    j = neighbours[i, e]
                    if j >= 0 and values[j, k] >= 0:
                        total += current[j, k]
                        n += np.float32(1.0)
                averaged[i, k] = total / n
        current, averaged = averaged, current
    return current


def photo_consistency(s: FaceObservations, tables: F32, neighbours: I32) -> tuple[F32, float]:
    """Factor (F, V) float32 in (0, 1] that removes disagreeing photos, and the difference (of 1) that halves the weight.

    The difference is four times the median difference over the set, within [0.06, 0.25].
    """
    d = disagreement(s.quality, s.colours, tables)
    known = d[d >= 0]
    usual = float(np.median(known)) if len(known) else 0.0
    half = float(np.clip(4 * usual, 0.06, 0.25))
    smoothed = np.maximum(smooth_over_faces(d, neighbours, 6), d / 2)
    factor = np.where(d >= 0, 1 / (1 + (smoothed / half) ** 6), 1.0).astype(np.float32)
    neighbour = np.where(neighbours >= 0, neighbours, np.arange(len(neighbours))[:, None])
    for _ in range(2):  # an occluder also mixes into the pixels around it
        factor = np.minimum.reduce([factor, *(factor[neighbour[:, e]] for e in range(3))])
    return factor, half
