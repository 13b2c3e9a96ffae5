"""The boundary of what a self-intersecting closed surface encloses, from its arrangement and winding numbers.

The surface is cut along its self-intersections (`arrangement`) into patches; on each side of a patch the winding number is
a whole number, and the patches between 0 and 1 are the boundary of the union.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lift3d.geometry.mesh.winding_number import winding_number
from lift3d.geometry.repair.arrangement import cut_along_intersections
from lift3d.geometry.repair.working_mesh import (
    I32,
    Soup,
    bounding_diagonal,
    drop_unused_vertices,
    face_areas,
    label_patches,
)
from lift3d.types import F64

JITTER = (0.0, 1e-6, 1e-5, 1e-4)
"""Random displacements that are tried in turn, as fractions of the diagonal."""
MOST_FACES = 100_000
"""Largest meshes that are cut."""
MOST_ANGLES = 10_000_000
"""Most solid angles that are summed: patches times faces."""
CLEAR = 0.2
"""Largest distance of a computed winding number from a whole one."""
INVERTED = 0.75
"""Where the surface that is right side out has less than this part of the area of all that encloses something, the parts that are
inside out count as well."""

HAIRLINE, MOST_HAIRLINE = 1e-4, 0.01
"""Width of a gap, as a fraction of the diagonal, that rounding leaves where parts share a wall or faces are coplanar, and the
largest fraction of the area that may bound such gaps."""


def unite_windings(soup: Soup, jitters: Sequence[float] = JITTER) -> Iterator[Soup]:
    """Boundaries of the space around which a closed and oriented soup winds for each displacement with which it can be cut; where
    one has hairline gaps, also that of the soup grown by half their width. None for a soup without self-intersections or with
    too many faces."""
    for jitter in jitters if len(soup.f) <= MOST_FACES else ():
        found = _united(soup, jitter)
        if found is None:
            continue
        yield found
        if has_hairline_gaps(found):
            closed = _united(_grown(soup, HAIRLINE / 2 * bounding_diagonal(soup.v, soup.f)), jitter)
            if closed is not None:
                yield closed


def has_hairline_gaps(soup: Soup) -> bool:
    """Whether before more than MOST_HAIRLINE of the area of a solid its inside begins again within HAIRLINE of the diagonal."""
    if not len(soup.f):
        return False
    v, f = soup.v, soup.f
    a, b, c = v[f].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    double = np.linalg.norm(normal, axis=1)
    ahead = HAIRLINE * bounding_diagonal(v, f) * normal / np.maximum(double, 1e-300)[:, None]
    inside = winding_number(v, f, (a + b + c) / 3 + ahead) > 0.5
    return bool(double[inside].sum() > MOST_HAIRLINE * double.sum())


def _united(soup: Soup, jitter: float) -> Soup | None:
    """One boundary; None where rounding or coincident faces prevent it."""
    cut = cut_along_intersections(soup, jitter)
    if cut is None:
        return None
    front = _front_windings(cut, cut.v[: len(soup.v)], soup.f)
    if front is None:
        return None
    area = face_areas(cut.v, cut.f)
    proper, inverted = front == 0, front == -1
    if area[proper].sum() >= INVERTED * area[proper | inverted].sum():
        inverted = np.zeros_like(proper)
    faces = np.where(inverted[:, None], cut.f[:, ::-1], cut.f)
    keep = proper | inverted
    if not keep.any():
        return None
    new = faces[keep].astype(np.int32)
    return drop_unused_vertices(Soup(cut.v, new, np.full(len(new), -1, np.int32)))


def _grown(soup: Soup, distance: float) -> Soup:
    """The soup with every vertex moved along its normal, the mean over its faces weighted by area, so that parts that touch
    overlap."""
    a, b, c = soup.v[soup.f].transpose(1, 0, 2)
    normal = np.zeros_like(soup.v)
    for corner in range(3):
        np.add.at(normal, soup.f[:, corner], np.cross(b - a, c - a))
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return Soup(soup.v + distance * normal / np.maximum(length, 1e-300), soup.f, soup.origin)


def _front_windings(cut: Soup, v: F64, f: I32) -> np.ndarray | None:
    """(F,) winding numbers before the faces of a cut soup, of the surface f (F', 3) of v that was cut; None where they are not
    clear. cut.origin: the face of f that each is a part of."""
    label = label_patches(cut.f)
    t = cut.v[cut.f]
    longest = np.linalg.norm(t - np.roll(t, 1, axis=1), axis=2).max(1)
    width = face_areas(cut.v, cut.f) / np.maximum(longest, 1e-300)
    order = np.lexsort((-width, label))
    best = order[np.unique(label[order], return_index=True)[1]]
    if len(best) * len(f) > MOST_ANGLES:
        return None
    windings = np.empty(len(best), np.int64)
    for k, face in enumerate(best.tolist()):
        others = np.delete(f, cut.origin[face], axis=0)
        between = _winding(v[others] - t[face].mean(0)) - 0.5
        windings[k] = round(between)
        if abs(between - windings[k]) > CLEAR:
            return None
    return windings[label]


def _winding(t: F64) -> float:
    """The winding number of triangles (F, 3, 3) around the origin (van Oosterom & Strackee 1983)."""
    a, b, c = np.linalg.norm(t, axis=2).T
    p, q, r = t[:, 0], t[:, 1], t[:, 2]
    volume = np.einsum("ij,ij->i", p, np.cross(q, r))
    dots = [np.einsum("ij,ij->i", x, y) for x, y in ((p, q), (q, r), (r, p))]
    return float(np.arctan2(volume, a * b * c + dots[0] * c + dots[1] * a + dots[2] * b).sum() / (2 * np.pi))
