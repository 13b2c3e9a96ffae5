"""Consistent and outward orientation of faces.

Consistency: a graph with two nodes per face, as given and flipped, linked across the edges of two faces. The two
halves of each patch are its two orientations; the one that keeps more area as given is taken. Outward: the
generalised winding number on a face of a solid, the mean of its two sides, is 1/2 for an outward face and -1/2 for an
inward one (Jacobson, Kavan & Sorkine-Hornung 2013). The area-weighted mean over an open patch decides.
"""

from __future__ import annotations

import numpy as np

from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.working_mesh import (
    Soup,
    build_edge_table,
    face_areas,
    label_linked,
    label_patches,
    signed_volumes,
)


def orient_consistently(soup: Soup) -> tuple[Soup, int]:
    """(soup with adjacent faces oriented consistently, number of flipped faces)."""
    table, n = build_edge_table(soup.f), len(soup.f)
    pairs = table.pairs()
    agree = (table.forward[pairs[:, 0]] != table.forward[pairs[:, 1]]).astype(np.int64)
    i, j = pairs[:, 0] // 3, pairs[:, 1] // 3
    same = 2 * np.concatenate([i, i]) + np.repeat([0, 1], len(i))
    other = 2 * np.concatenate([j, j]) + np.concatenate([1 - agree, agree])
    label = label_linked(np.stack([same, other], axis=1), 2 * n).reshape(-1, 2)
    patch, first = label.min(1), label[:, 0] < label[:, 1]
    area = face_areas(soup.v, soup.f) + 1e-300
    votes = np.bincount(patch, np.where(first, area, -area), int(label.max()) + 1)
    flip = np.where(votes[patch] >= 0, ~first, first) & (label[:, 0] != label[:, 1])
    return soup.flip_faces(flip), int(flip.sum())


def orient_outward(soup: Soup) -> tuple[Soup, int]:
    """(soup with every patch outward, number of flipped faces); closed inward patches inside others stay cavities."""
    total = 0
    table = build_edge_table(soup.f)
    if (table.count == 2).all() and signed_volumes(soup.v, soup.f).sum() < 0:
        # The whole mesh is inverted: flip everything, so that cavities stay cavities.
        soup, total = soup.flip_faces(np.ones(len(soup.f), bool)), len(soup.f)
    for _ in range(4):
        flip = _inward(soup)
        if not flip.any():
            break
        soup, total = soup.flip_faces(flip), total + int(flip.sum())
    return soup, total


def _inward(soup: Soup) -> np.ndarray:
    """(F,) True for the faces of patches to flip."""
    table = build_edge_table(soup.f)
    label = label_patches(soup.f, table)
    n = int(label.max()) + 1
    area = face_areas(soup.v, soup.f)
    half_open = (table.count[table.half] != 2).reshape(-1, 3).any(1)
    is_open = np.bincount(label, half_open, n) > 0
    volume = np.bincount(label, signed_volumes(soup.v, soup.f), n)
    inward = ~is_open & (volume < 0)
    for k in np.flatnonzero(inward):
        others = soup.f[(label != k) & ~(inward & (np.abs(volume) < abs(volume[k])))[label]]
        if len(others):
            point = soup.v[soup.f[label == k][:1, 0]]
            inside = winding_in_tree(build_winding_tree(soup.v, others), point)[0]
            inward[k] = abs(inside) < 0.5
    if is_open.any():
        sampled = np.flatnonzero(is_open[label])
        sampled = sampled[:: max(1, len(sampled) // 20000)]
        w = winding_in_tree(build_winding_tree(soup.v, soup.f), soup.v[soup.f[sampled]].mean(1))
        vote = np.bincount(label[sampled], area[sampled] * w, n)
        weight = np.bincount(label[sampled], area[sampled], n)
        inward |= is_open & (vote < -0.05 * weight)
    return inward[label]
