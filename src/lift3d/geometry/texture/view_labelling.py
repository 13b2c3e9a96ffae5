"""One photo per face in large patches, and the smooth weights that blend photos.

The labelling minimises a Potts energy over the face adjacency (Lempitsky & Ivanov 2007),

    E(l) = sum_f -log(q_f,l / max q_f) + sum_(f,g) pull_fg [l_f != l_g],

started from qualities averaged over a neighbourhood and lowered by iterated conditional modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.geometry.texture.face_graph import connected_components, potts_sweeps
from lift3d.geometry.texture.photo_consistency import smooth_over_faces
from lift3d.types import F32, F64

I32 = NDArray[np.int32]
UNSEEN_COST = np.float32(30.0)
"""Data term of a photo that does not see the face."""


def label_faces(quality: F32, neighbours: I32, lengths: F64, pull: float = 1.5, sweeps: int = 15) -> I32:
    """(F,) int32 index of the photo that gives each face its detail, -1 where no photo sees it.

    quality: (F, V) from `view_selection`; neighbours: (F, 3) faces across the edges, -1 for none; lengths: (F, 3) of the edges;
    pull: weight of the Potts term for an edge of mean length; sweeps: most sweeps of iterated conditional modes.
    """
    best, sees = quality.max(1, keepdims=True), quality > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        own_cost = np.where(sees, np.minimum(-np.log(quality / best), UNSEEN_COST - 10), -1).astype(
            np.float32
        )
    cost = np.where(sees, smooth_over_faces(own_cost, neighbours, 6), UNSEEN_COST)
    labels = np.argmin(smooth_over_faces(cost, neighbours, 40), axis=1).astype(np.int32)
    face = np.arange(len(labels))
    labels = np.where(sees[face, labels], labels, np.argmin(cost, axis=1)).astype(np.int32)
    weight = (pull * lengths / max(float(lengths.mean()), 1e-300)).clip(0, 2 * pull).astype(np.float32)
    potts_sweeps(cost, neighbours, weight, labels, sweeps)
    for _ in range(20):
        if not _flip_patches(cost, neighbours, weight, labels):
            break
    potts_sweeps(cost, neighbours, weight, labels, sweeps)
    invalid = ~sees[face, labels]
    labels[invalid] = np.argmin(cost, axis=1)[invalid]
    return np.where(sees.any(1), labels, -1).astype(np.int32)


def _flip_patches(cost: F32, neighbours: I32, weight: F32, labels: I32) -> bool:
    """Whether any patch changed its label: whole patches take a neighbouring patch's photo where that lowers the energy.

    Of two adjacent patches only the one with the larger gain changes. labels is updated in place.
    """
    patches = connected_components(labels, neighbours)
    count, photos = int(patches.max()) + 1, cost.shape[1]
    current = np.zeros(count, np.int64)
    current[patches] = labels
    total = np.stack([np.bincount(patches, cost[:, k], count) for k in range(photos)], 1)
    i, k = np.nonzero((neighbours >= 0) & (patches[neighbours] != patches[:, None]))
    here, there = patches[i], patches[neighbours[i, k]]
    shared_border = np.bincount(here * photos + current[there], weight[i, k], count * photos).reshape(
        count, photos
    )
    gain = np.where(
        shared_border > 0, total[np.arange(count), current][:, None] - total + shared_border, -1.0
    )
    best = gain.argmax(1)
    gains = gain[np.arange(count), best]
    rival = np.zeros(count)
    np.maximum.at(rival, here, gains[there])
    chosen = (gains > 1e-6) & (gains > rival)
    labels[:] = np.where(chosen[patches], best[patches], labels)
    return bool(chosen.any())


def count_seams(labels: I32, neighbours: I32) -> int:
    """Number of edges between faces of different photos."""
    other = np.where(neighbours >= 0, labels[neighbours], -1)
    return int(((other != labels[:, None]) & (other >= 0) & (labels[:, None] >= 0)).sum() // 2)


@njit(cache=True)
def vertex_weights(quality: Any, f: Any, vertices: int, rounds: int, power: float, least: float) -> Any:
    """(N, V) float32 blending weights at vertices, of sum 1 (0 where unseen).

    Face qualities (F, V) are averaged at corners and smoothed over the edges `rounds` times. `least` of the largest weight at
    each vertex is subtracted, the result clipped at 0 and raised to `power`.
    """
    photos = quality.shape[1]
    out = np.zeros((vertices, photos), np.float32)
    degree = np.zeros(vertices, np.float32)
    for i in range(len(f)):
        for a in range(3):
            degree[f[i, a]] += 1
    for k in range(photos):
        current, smoothed = np.zeros(vertices, np.float32), np.zeros(vertices, np.float32)
        for i in range(len(f)):
            q = quality[i, k]
            for a in range(3):
                current[f[i, a]] += q
        for j in range(vertices):
            current[j] /= max(degree[j], np.float32(1))
        for _ in range(rounds):
            smoothed[:] = 0
            for i in range(len(f)):
                mean = (current[f[i, 0]] + current[f[i, 1]] + current[f[i, 2]]) / np.float32(3)
                for a in range(3):
                    smoothed[f[i, a]] += mean
            for j in range(vertices):
                current[j] = smoothed[j] / max(degree[j], np.float32(1))
        for j in range(vertices):
            out[j, k] = current[j]
    for j in range(vertices):
        largest = np.float32(0.0)
        for k in range(photos):
            largest = max(largest, out[j, k])
        if largest <= 0:
            continue
        total = np.float32(0.0)
        for k in range(photos):
            w = max(out[j, k] / largest - np.float32(least), np.float32(0)) ** np.float32(power)
            out[j, k] = w
            total += w
        for k in range(photos):
            out[j, k] /= total
    return out


def label_weights(labels: I32, f: I32, vertices: int, photos: int, rounds: int = 0) -> NDArray[np.float32]:
    """(N, V) float32: the fraction of each photo among the labels of the faces around a vertex."""
    one = np.zeros((len(f), photos), np.float32)
    seen = labels >= 0
    one[seen, labels[seen]] = 1
    return vertex_weights(one, f, vertices, rounds, 1.0, 0.0)
