"""Which photos to match with each other, so that the work does not grow with the square of their number.

Up to `exhaustive` photos, all pairs. Beyond that, video frames are matched with their neighbours in time, and every photo with
the most similar photos, which closes loops. Similarity compares VLAD signatures: residuals of the descriptors to a small
vocabulary summed per word (Jegou et al. 2010, "Aggregating local descriptors into a compact image representation"),
square-rooted and normalised. The vocabulary is learned from the photos by k-means with a fixed seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32


def vocabulary(sample: F32, words: int, rng: np.random.Generator, rounds: int = 8) -> F32:
    """(words, D) k-means centres of descriptors `sample` (N, D); a word without members keeps its centre."""
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
    """(words * D,) unit signature of one photo's descriptors (n, D); zero if there are none."""
    out = np.zeros_like(centres)
    if len(descriptors):
        nearest = _nearest(descriptors, centres)
        np.add.at(out, nearest, descriptors - centres[nearest])
        out = np.sign(out) * np.sqrt(np.abs(out))
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)
    flat = out.ravel()
    return flat / max(float(np.linalg.norm(flat)), 1e-12)


def vlad_similarity(descriptors: list[F32], seed: int, words: int = 64, sample: int = 20000) -> F32:
    """(N, N) float32 cosine similarity of the centred VLAD signatures of photos.

    descriptors: (n_i, D) per photo; words: size of the vocabulary; sample: descriptors that train it. Zero if there are none.
    """
    rng = np.random.default_rng(seed)
    per_photo = max(1, sample // max(len(descriptors), 1))
    chosen = [
        d[np.sort(rng.choice(len(d), min(per_photo, len(d)), replace=False))] for d in descriptors if len(d)
    ]
    if not chosen:
        return np.zeros((len(descriptors), len(descriptors)), np.float32)
    centres = vocabulary(np.concatenate(chosen).astype(np.float32), words, rng)
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
    """(P, 2) int32 pairs i < j, sorted.

    At most `exhaustive` photos: all pairs. Ordered photos: the next `window` ones, powers of two beyond, and half of `neighbours`
    most similar ones. Unordered photos: the `neighbours` most similar ones.
    """
    count = len(descriptors)
    if count <= exhaustive:
        return np.stack(np.triu_indices(count, 1), 1).astype(np.int32)
    similarity = vlad_similarity(descriptors, seed)
    np.fill_diagonal(similarity, -np.inf)
    chosen: set[tuple[int, int]] = set()
    offsets: list[int] = []
    if ordered:
        offsets = list(range(1, window + 1)) + [2**k for k in range(4, 16) if 2**k < count and 2**k > window]
        for i in range(count):
            chosen.update((i, i + s) for s in offsets if i + s < count)
            near = np.abs(np.arange(count) - i) <= window
            similarity[i, near] = -np.inf
        neighbours = max(neighbours // 2, 3)
    for i in range(count):
        similar = np.argsort(-similarity[i], kind="stable")[:neighbours].tolist()
        chosen.update((min(i, j), max(i, j)) for j in similar if np.isfinite(similarity[i, j]))
    return np.array(sorted(chosen), np.int32).reshape(-1, 2)
