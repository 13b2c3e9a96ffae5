"""Which photos to match with which, so that the work does not grow with the square of their number.

Up to `exhaustive` photos: all pairs. More: frames of a video are matched with their neighbours in time, and
every photo with the photos that look most alike (which closes loops): images are compared by VLAD, the
residuals of their descriptors to a small vocabulary summed per word (Jegou et al. 2010, "Aggregating local
descriptors into a compact image representation"), square-rooted and normalised. The vocabulary is learned by
k-means from the photos themselves with a fixed seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32


def vocabulary(sample: F32, words: int, rng: np.random.Generator, rounds: int = 8) -> F32:
    """(words, D) k-means centres of descriptors (N, D); a word without members keeps its place."""
    centres = sample[np.sort(rng.choice(len(sample), min(words, len(sample)), replace=False))].copy()
    for _ in range(rounds):
        nearest = _nearest(sample, centres)
        order = np.argsort(nearest, kind="stable")
        used, first = np.unique(nearest[order], return_index=True)
        sums = np.add.reduceat(sample[order], first, axis=0)
        counts = np.diff(np.append(first, len(order)))
        centres[used] = sums / counts[:, None]
    return centres


def _nearest(descriptors: F32, centres: F32) -> NDArray[np.intp]:
    """Index of the nearest centre for each descriptor: argmax of d.c - |c|^2 / 2."""
    return np.argmax(descriptors @ centres.T - 0.5 * (centres * centres).sum(1), axis=1)


def vlad(descriptors: F32, centres: F32) -> F32:
    """(words * D,) signature of one photo; zero when it has no descriptors."""
    out = np.zeros_like(centres)
    if len(descriptors):
        nearest = _nearest(descriptors, centres)
        np.add.at(out, nearest, descriptors - centres[nearest])
        out = np.sign(out) * np.sqrt(np.abs(out))
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    flat = out.ravel()
    return flat / max(float(np.linalg.norm(flat)), 1e-12)


def vlad_similarity(descriptors: list[F32], seed: int, words: int = 64, sample: int = 20000) -> F32:
    """(N, N) likeness of photos from their descriptors (n_i, D), 1 on the diagonal of those that have any."""
    rng = np.random.default_rng(seed)
    share = max(1, sample // max(len(descriptors), 1))
    picked = [
        d[np.sort(rng.choice(len(d), min(share, len(d)), replace=False))] for d in descriptors if len(d)
    ]
    if not picked:
        return np.zeros((len(descriptors), len(descriptors)), np.float32)
    centres = vocabulary(np.concatenate(picked).astype(np.float32), words, rng)
    signatures = np.stack([vlad(d.astype(np.float32), centres) for d in descriptors])
    signatures -= signatures.mean(0)
    signatures /= np.maximum(np.linalg.norm(signatures, axis=1, keepdims=True), 1e-12)
    return signatures @ signatures.T


def select_pairs(
    descriptors: list[F32],
    ordered: bool = False,
    exhaustive: int = 60,
    neighbours: int = 14,
    window: int = 8,
    seed: int = 0,
) -> NDArray[np.int32]:
    """(P, 2) pairs i < j, sorted. Ordered photos: the next `window`, powers of two beyond, and half of
    `neighbours` alike ones; unordered: `neighbours` each. At most `exhaustive` photos: all pairs."""
    count = len(descriptors)
    if count <= exhaustive:
        return np.stack(np.triu_indices(count, 1), 1).astype(np.int32)
    alike = vlad_similarity(descriptors, seed)
    np.fill_diagonal(alike, -np.inf)
    chosen: set[tuple[int, int]] = set()
    steps: list[int] = []
    if ordered:
        steps = list(range(1, window + 1)) + [2**k for k in range(4, 16) if 2**k < count and 2**k > window]
        for i in range(count):
            chosen.update((i, i + s) for s in steps if i + s < count)
            near = np.abs(np.arange(count) - i) <= window
            alike[i, near] = -np.inf
        neighbours = max(neighbours // 2, 3)
    for i in range(count):
        best = np.argsort(-alike[i], kind="stable")[:neighbours].tolist()
        chosen.update((min(i, j), max(i, j)) for j in best if np.isfinite(alike[i, j]))
    return np.array(sorted(chosen), np.int32).reshape(-1, 2)
