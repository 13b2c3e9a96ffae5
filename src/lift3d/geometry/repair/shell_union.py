"""Exact boolean union of closed shells (manifold3d), including shells that intersect themselves.

A self-intersecting shell is cut by planes into pieces that are free of self-intersections, and the pieces are united:
space enclosed twice becomes enclosed once, and the surface does not move.
"""

from __future__ import annotations

import manifold3d
import numpy as np

from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.mesh.winding_number import build_winding_tree, winding_in_tree
from lift3d.geometry.repair.working_mesh import I32, Soup, label_linked, label_patches, signed_volumes
from lift3d.types import F64

MAX_DEPTH = 8
"""Most successive cuts of one shell."""
MOST_SHELLS = 5000
MOST_TESTS = 150
"""Self-intersection tests allowed, besides one for each shell."""


def to_manifold(v: F64, f: I32) -> manifold3d.Manifold | None:
    """The faces as a Manifold; None if they are not closed and oriented, or empty."""
    used, g = np.unique(f, return_inverse=True)
    body = manifold3d.Manifold(
        manifold3d.Mesh64(np.ascontiguousarray(v[used]), g.reshape(-1, 3).astype(np.uint64))
    )
    return body if body.status() == manifold3d.Error.NoError and not body.is_empty() else None


def from_manifold(body: manifold3d.Manifold) -> tuple[F64, I32]:
    """(vertices (V, 3), faces (F, 3)) of a Manifold."""
    out = body.to_mesh64()
    return np.asarray(out.vert_properties[:, :3], np.float64), np.asarray(out.tri_verts, np.int32)


def unite_shells(soup: Soup) -> tuple[Soup, int] | None:
    """(union of all closed shells, number of shells). A cavity is subtracted from the shells around it only.

    Returns None if a shell is not closed and oriented, the shells are too many, or the union is empty.
    """
    label, each = label_patches(soup.f), signed_volumes(soup.v, soup.f)
    n = int(label.max()) + 1
    if n > MOST_SHELLS:
        return None
    faces = [soup.f[label == k] for k in range(n)]
    inward = np.bincount(label, each, n) < 0
    budget = [MOST_TESTS + n]
    pieces: list[list[manifold3d.Manifold]] = []
    for k in range(n):
        body = to_manifold(soup.v, faces[k][:, ::-1] if inward[k] else faces[k])
        if body is None:
            return None
        pieces.append(_simple(body, 0, budget))
    cavities, enclosing = _cavities(soup.v, faces, inward)
    whole = _sum([p for k in range(n) if k in enclosing for p in pieces[k]])
    whole = whole - _sum([p for k in range(n) if k in cavities for p in pieces[k]])
    rest = [p for k in range(n) if k not in enclosing and k not in cavities for p in pieces[k]]
    whole = _sum([whole, *rest])
    if whole.is_empty() or whole.status() != manifold3d.Error.NoError:
        return None
    v, f = from_manifold(whole)
    return Soup(v, f, np.full(len(f), -1, np.int32)), n


def _sum(bodies: list[manifold3d.Manifold]) -> manifold3d.Manifold:
    """The union of bodies, empty for none."""
    return (
        manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add) if bodies else manifold3d.Manifold()
    )


def _cavities(v: F64, faces: list[I32], inward: np.ndarray) -> tuple[set[int], set[int]]:
    """(inward shells inside outward ones, outward shells around them), as indices into faces."""
    cavities, enclosing = set(), set()
    for k in np.flatnonzero(inward).tolist():
        offset = v[faces[k][:: max(1, len(faces[k]) // 50), 0]]
        for m in np.flatnonzero(~inward).tolist():
            box = v[faces[m]].reshape(-1, 3)
            within = ((offset > box.min(0)) & (offset < box.max(0))).all(1)
            if (
                within.mean() > 0.9
                and np.median(winding_in_tree(build_winding_tree(v, faces[m]), offset)) > 0.5
            ):
                cavities.add(k)
                enclosing.add(m)
    return cavities, enclosing


def _simple(body: manifold3d.Manifold, depth: int, budget: list[int]) -> list[manifold3d.Manifold]:
    """Pieces without self-intersections whose union is the body, within MAX_DEPTH cuts and the remaining budget of
    tests, which is counted down."""
    out = []
    for piece in body.decompose() if depth else [body]:
        v, f = from_manifold(piece)
        if len(f) == 0:
            continue
        budget[0] -= 1
        pairs = self_intersections(v, f, 200) if budget[0] >= 0 else np.zeros((0, 2), np.int32)
        if len(pairs) == 0 or depth >= MAX_DEPTH:
            if piece.volume() > 0:
                out.append(piece)
            continue
        t = v[f[pairs.reshape(-1)]].reshape(-1, 3)
        size = np.ptp(v, axis=0)
        axis = int(np.argsort(-size, kind="stable")[depth % 2] if depth % 3 == 2 else np.argmax(size))
        # Slightly off the centre, so that a cut seldom runs through vertices.
        offset = (
            0.5 * (t[:, axis].min() + t[:, axis].max()) if depth % 2 else v[:, axis].min() + 0.5 * size[axis]
        )
        offset += 1.37e-3 * size[axis]
        for half in piece.split_by_plane(np.eye(3)[axis].tolist(), float(offset)):
            if not half.is_empty():
                out.extend(_simple(half, depth + 1, budget))
    return out


def simplify_within(soup: Soup, tolerance: float) -> Soup | None:
    """The surface simplified within the tolerance, without the slivers that rounding to float32 would fold over.

    None if it is not closed and oriented, or nothing remains.
    """
    body = to_manifold(soup.v, soup.f)
    if body is None:
        return None
    v, f = from_manifold(body.simplify(tolerance))
    return Soup(v, f, np.full(len(f), -1, np.int32)) if len(f) else None


def collapse_intersecting_faces(soup: Soup) -> Soup:
    """The soup with the shortest edge of every intersecting face collapsed, where the link condition allows it."""
    v, row = weld_exact(soup.v)
    f = row[soup.f].astype(np.int32)
    pairs = self_intersections(v, f, 2000)
    intersecting = np.unique(pairs)
    touched = np.zeros(len(v), bool)
    merge = []
    for i in intersecting.tolist():
        t = f[i]
        lengths = [float(((v[t[k]] - v[t[(k + 1) % 3]]) ** 2).sum()) for k in range(3)]
        k = int(np.argmin(lengths))
        a, b = int(t[k]), int(t[(k + 1) % 3])
        enclosing = f[(f == a).any(1) | (f == b).any(1)]
        if touched[enclosing].any():
            continue
        na, nb = np.unique(f[(f == a).any(1)]), np.unique(f[(f == b).any(1)])
        if len(np.intersect1d(na, nb)) != 4:
            continue
        touched[enclosing] = True
        merge.append((a, b))
    if not merge:
        return soup
    label = label_linked(np.array(merge), len(v))
    first = np.full(label.max() + 1, -1)
    first[label[::-1]] = np.arange(len(v))[::-1]
    f = first[label][f].astype(np.int32)
    keep = (f != np.roll(f, 1, axis=1)).all(1)
    return Soup(v, f[keep], soup.origin[keep])
