"""Faces turned consistently, and outward.

Consistency: a graph with two nodes per face, as given and turned, linked across edges with two faces; the two
halves of each part are its two possible orientations, and the one closer to the input (by area) is taken.
Outward: the mean of the generalized winding number on both sides of an outward face of a solid is 1/2, of an
inward one -1/2 (Jacobson, Kavan & Sorkine-Hornung 2013), so the area-weighted mean over a part votes.
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
    """The soup with neighbours turned alike, and how many faces were turned."""
    table, n = build_edge_table(soup.f), len(soup.f)
    pairs = table.pairs()
    agree = (table.forward[pairs[:, 0]] != table.forward[pairs[:, 1]]).astype(np.int64)
    i, j = pairs[:, 0] // 3, pairs[:, 1] // 3
    same = 2 * np.concatenate([i, i]) + np.repeat([0, 1], len(i))
    other = 2 * np.concatenate([j, j]) + np.concatenate([1 - agree, agree])
    label = label_linked(np.stack([same, other], axis=1), 2 * n).reshape(-1, 2)
    part, first = label.min(1), label[:, 0] < label[:, 1]
    area = face_areas(soup.v, soup.f) + 1e-300
    votes = np.bincount(part, np.where(first, area, -area), int(label.max()) + 1)
    flip = np.where(votes[part] >= 0, ~first, first) & (label[:, 0] != label[:, 1])
    return soup.turned(flip), int(flip.sum())


def orient_outward(soup: Soup) -> tuple[Soup, int]:
    """Each part turned outward, except closed inward parts inside of others, which are cavities."""
    total = 0
    table = build_edge_table(soup.f)
    if (table.count == 2).all() and signed_volumes(soup.v, soup.f).sum() < 0:
        # Inside out as a whole: cavities stay cavities.
        soup, total = soup.turned(np.ones(len(soup.f), bool)), len(soup.f)
    for _ in range(4):
        flip = _inward(soup)
        if not flip.any():
            break
        soup, total = soup.turned(flip), total + int(flip.sum())
    return soup, total


def _inward(soup: Soup) -> np.ndarray:
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
        some = np.flatnonzero(is_open[label])
        some = some[:: max(1, len(some) // 20000)]
        w = winding_in_tree(build_winding_tree(soup.v, soup.f), soup.v[soup.f[some]].mean(1))
        vote = np.bincount(label[some], area[some] * w, n)
        weight = np.bincount(label[some], area[some], n)
        inward |= is_open & (vote < -0.05 * weight)
    return inward[label]
