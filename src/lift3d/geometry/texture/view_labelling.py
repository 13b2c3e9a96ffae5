"""One photo per face in large patches, and the smooth weights that blend them.

The choice minimises a Potts energy over the face adjacency (Lempitsky & Ivanov 2007),

    E(l) = sum_f -log(q_f,l / max q_f) + sum_(f,g) pull_fg [l_f != l_g],

started from qualities averaged over a neighbourhood and lowered by iterated conditional modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.texture.charts import connected_components, potts_sweeps
from lift3d.geometry.texture.view_selection import smooth_over_faces
from lift3d.types import F32, F64

I32 = NDArray[np.int32]
UNSEEN_COST = np.float32(30.0)


def label_faces(quality: F32, neighbours: I32, lengths: F64, pull: float = 1.5, sweeps: int = 15) -> I32:
    """(F,) the photo that gives each face its detail, -1 where none sees it. quality (F, V), lengths (F,
    3)."""
    best, sees = quality.max(1, keepdims=True), quality > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(sees, np.minimum(-np.log(quality / best), UNSEEN_COST - 10), -1).astype(np.float32)
    cost = np.where(sees, smooth_over_faces(own, neighbours, 6), UNSEEN_COST)
    labels = np.argmin(smooth_over_faces(cost, neighbours, 40), axis=1).astype(np.int32)
    each = np.arange(len(labels))
    labels = np.where(sees[each, labels], labels, np.argmin(cost, axis=1)).astype(np.int32)
    weight = (pull * lengths / max(float(lengths.mean()), 1e-300)).clip(0, 2 * pull).astype(np.float32)
    potts_sweeps(cost, neighbours, weight, labels, sweeps)
    for _ in range(20):
        if not _flip_patches(cost, neighbours, weight, labels):
            break
    potts_sweeps(cost, neighbours, weight, labels, sweeps)
    wrong = ~sees[each, labels]
    labels[wrong] = np.argmin(cost, axis=1)[wrong]
    return np.where(sees.any(1), labels, -1).astype(np.int32)


def _flip_patches(cost: F32, neighbours: I32, weight: F32, labels: I32) -> bool:
    """Whole patches take a neighbouring patch's photo where that lowers the energy; those of two patches
    side by
    side, the one that gains more. True if any did."""
    patches = connected_components(labels, neighbours)
    count, photos = int(patches.max()) + 1, cost.shape[1]
    now = np.zeros(count, np.int64)
    now[patches] = labels
    total = np.stack([np.bincount(patches, cost[:, k], count) for k in range(photos)], 1)
    i, k = np.nonzero((neighbours >= 0) & (patches[neighbours] != patches[:, None]))
    here, there = patches[i], patches[neighbours[i, k]]
    border = np.bincount(here * photos + now[there], weight[i, k], count * photos).reshape(count, photos)
    gain = np.where(border > 0, total[np.arange(count), now][:, None] - total + border, -1.0)
    best = gain.argmax(1)
    gains = gain[np.arange(count), best]
    rival = np.zeros(count)
    np.maximum.at(rival, here, gains[there])
    chosen = (gains > 1e-6) & (gains > rival)
    labels[:] = np.where(chosen[patches], best[patches], labels)
    return bool(chosen.any())


def count_seams(labels: I32, neighbours: I32) -> int:
    """Edges between faces of different photos."""
    other = np.where(neighbours >= 0, labels[neighbours], -1)
    return int(((other != labels[:, None]) & (other >= 0) & (labels[:, None] >= 0)).sum() // 2)


@njit(cache=True)
def vertex_weights(quality: Any, f: Any, vertices: int, rounds: int, power: float, least: float) -> Any:
    """(N, V) float32 blending weights at vertices: face qualities averaged at corners, smoothed over the
    edges
    `rounds` times, cut by `least` of the largest at each vertex (continuously), and of sum 1 (0 where
    unseen)."""
    photos = quality.shape[1]
    out = np.zeros((vertices, photos), np.float32)
    degree = np.zeros(vertices, np.float32)
    for i in range(len(f)):
        for a in range(3):
            degree[f[i, a]] += 1
    for k in range(photos):
        now, new = np.zeros(vertices, np.float32), np.zeros(vertices, np.float32)
        for i in range(len(f)):
            q = quality[i, k]
            for a in range(3):
                now[f[i, a]] += q
        for j in range(vertices):
            now[j] /= max(degree[j], np.float32(1))
        for _ in range(rounds):
            new[:] = 0
            for i in range(len(f)):
                mean = (now[f[i, 0]] + now[f[i, 1]] + now[f[i, 2]]) / np.float32(3)
                for a in range(3):
                    new[f[i, a]] += mean
            for j in range(vertices):
                now[j] = new[j] / max(degree[j], np.float32(1))
        for j in range(vertices):
            out[j, k] = now[j]
    for j in range(vertices):
        top = np.float32(0.0)
        for k in range(photos):
            top = max(top, out[j, k])
        if top <= 0:
            continue
        total = np.float32(0.0)
        for k in range(photos):
            w = max(out[j, k] / top - np.float32(least), np.float32(0)) ** np.float32(power)
            out[j, k] = w
            total += w
        for k in range(photos):
            out[j, k] /= total
    return out


def label_weights(labels: I32, f: I32, vertices: int, photos: int, rounds: int = 0) -> NDArray[np.float32]:
    """(N, V) float32: the share of each photo among the labels around a vertex."""
    one = np.zeros((len(f), photos), np.float32)
    seen = labels >= 0
    one[seen, labels[seen]] = 1
    return vertex_weights(one, f, vertices, rounds, 1.0, 0.0)
