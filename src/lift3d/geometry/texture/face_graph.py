"""The graph of adjacent faces: neighbours, smoothed normals, connected components, and Potts labelling on it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from lift3d.types import F64

I32 = NDArray[np.int32]


def face_neighbours(f: I32) -> I32:
    """(F, 3) int32, the face across edge (k, k + 1) of each face; -1 where the edge has not exactly two faces."""
    edges = np.sort(np.stack([f, np.roll(f, -1, 1)], -1).reshape(-1, 2), axis=1).astype(np.int64)
    key = edges[:, 0] * (int(f.max()) + 1 if len(f) else 1) + edges[:, 1]
    order = np.argsort(key, kind="stable")
    k = key[order]
    same_next = np.append(k[1:] == k[:-1], False)
    same_last = np.append(False, same_next[:-1])
    twin = same_next & ~same_last & ~np.append(same_next[1:], False)
    a, b = order[np.flatnonzero(twin)], order[np.flatnonzero(twin) + 1]
    out = np.full(3 * len(f), -1, np.int32)
    out[a], out[b] = b // 3, a // 3
    return out.reshape(-1, 3)


def face_normals(v: F64, f: I32) -> tuple[F64, F64]:
    """Unit normals (F, 3) and areas (F,); degenerate faces have a zero normal."""
    n = np.cross(v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]])
    length = np.linalg.norm(n, axis=1)
    return n / np.maximum(length, 1e-300)[:, None], length / 2


def smooth_normals(normals: F64, areas: F64, neighbours: I32, rounds: int) -> F64:
    """Unit normals (F, 3) after `rounds` rounds of area-weighted averaging with the adjacent faces."""
    weight = areas / max(float(areas.mean()), 1e-300) + 1e-9
    n, valid = normals.copy(), (neighbours >= 0)[..., None]
    for _ in range(rounds):
        total = n * weight[:, None]
        n = total + (total[neighbours] * valid).sum(1)
        n /= np.maximum(np.linalg.norm(n, axis=1), 1e-300)[:, None]
    return n


@njit(cache=True)
def potts_sweeps(cost: Any, neighbours: Any, pull: Any, labels: Any, sweeps: int) -> None:
    """Lower a Potts energy in place by iterated conditional modes in face order.

    cost: (F, L) float32 data term; pull: (F, 3) float32 gain of each edge whose faces agree; labels: (F,) int32.
    """
    n_labels = cost.shape[1]
    total = np.empty(n_labels, np.float32)
    for _ in range(sweeps):
        changed = 0
        for i in range(len(labels)):
            total[:] = cost[i]
            for k in range(3):
                j = neighbours[i, k]
                if j >= 0:
                    total[labels[j]] -= pull[i, k]
            best = labels[i]
            for l in range(n_labels):
                if total[l] < total[best]:
                    best = l
            if best != labels[i]:
                labels[i] = best
                changed += 1
        if changed == 0:
            break


@njit(cache=True)
def connected_components(labels: Any, neighbours: Any) -> Any:
    """(F,) int32 number of the connected set of equal label, in order of their first faces."""
    out = np.full(len(labels), -1, np.int32)
    stack = np.empty(len(labels), np.int32)
    count = 0
    for start in range(len(labels)):
        if out[start] >= 0:
            continue
        out[start], stack[0], top = count, start, 1
        while top > 0:
            top -= 1
            i = stack[top]
            for k in range(3):
                j = neighbours[i, k]
                if j >= 0 and out[j] < 0 and labels[j] == labels[i]:
                    out[j], stack[top] = count, j
                    top += 1
        count += 1
    return out
