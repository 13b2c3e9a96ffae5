"""Closed shells united, exactly (manifold3d), also a shell that crosses itself.

A shell that crosses itself is cut by planes into pieces that do not, and the pieces are united again: inside
twice becomes inside once, and the surface does not move.
"""

from __future__ import annotations

import manifold3d
import numpy as np

from lift3d.geometry.intersections import self_intersections
from lift3d.geometry.repair.soup import I32, Soup, linked, patches, volumes
from lift3d.geometry.weld import weld_exact
from lift3d.geometry.winding import winding_in_tree, winding_tree
from lift3d.types import F64

DEEPEST = 8
MOST_SHELLS = 5000
MOST_TESTS = 150


def _manifold(v: F64, f: I32) -> manifold3d.Manifold | None:
    used, g = np.unique(f, return_inverse=True)
    body = manifold3d.Manifold(
        manifold3d.Mesh64(np.ascontiguousarray(v[used]), g.reshape(-1, 3).astype(np.uint64))
    )
    return body if body.status() == manifold3d.Error.NoError and not body.is_empty() else None


def _arrays(body: manifold3d.Manifold) -> tuple[F64, I32]:
    out = body.to_mesh64()
    return np.asarray(out.vert_properties[:, :3], np.float64), np.asarray(out.tri_verts, np.int32)


def unite(soup: Soup) -> tuple[Soup, int] | None:
    """The union of all closed shells, less the cavities; how many shells there were. None if a shell is not
    closed and oriented or the union is empty."""
    label = patches(soup.f)
    each = volumes(soup.v, soup.f)
    add: list[manifold3d.Manifold] = []
    remove: list[manifold3d.Manifold] = []
    n = int(label.max()) + 1
    if n > MOST_SHELLS:
        return None
    budget = [MOST_TESTS + n]
    for k in range(n):
        f = soup.f[label == k]
        hollow = each[label == k].sum() < 0
        body = _manifold(soup.v, f[:, ::-1] if hollow else f)
        if body is None:
            return None
        if hollow:
            others = soup.f[label != k]
            inside = len(others) and winding_in_tree(winding_tree(soup.v, others), soup.v[f[:1, 0]])[0] > 0.5
            (remove if inside else add).extend(_simple(body, 0, budget))
        else:
            add.extend(_simple(body, 0, budget))
    if not add:
        return None
    whole = manifold3d.Manifold.batch_boolean(add, manifold3d.OpType.Add)
    if remove:
        whole = whole - manifold3d.Manifold.batch_boolean(remove, manifold3d.OpType.Add)
    if whole.is_empty() or whole.status() != manifold3d.Error.NoError:
        return None
    v, f = _arrays(whole)
    return Soup(v, f, np.full(len(f), -1, np.int32)), n


def _simple(body: manifold3d.Manifold, depth: int, budget: list[int]) -> list[manifold3d.Manifold]:
    """Pieces that do not cross themselves, their union being the body; as far as DEEPEST cuts and the budget
    of tests, which is counted down, allow."""
    out = []
    for piece in body.decompose() if depth else [body]:
        v, f = _arrays(piece)
        if len(f) == 0:
            continue
        budget[0] -= 1
        pairs = self_intersections(v, f, 200) if budget[0] >= 0 else np.zeros((0, 2), np.int32)
        if len(pairs) == 0 or depth >= DEEPEST:
            if piece.volume() > 0:
                out.append(piece)
            continue
        t = v[f[pairs.reshape(-1)]].reshape(-1, 3)
        size = np.ptp(v, axis=0)
        axis = int(np.argsort(-size, kind="stable")[depth % 2] if depth % 3 == 2 else np.argmax(size))
        # Not quite the middle, so that a cut seldom runs through vertices.
        at = 0.5 * (t[:, axis].min() + t[:, axis].max()) if depth % 2 else v[:, axis].min() + 0.5 * size[axis]
        at += 1.37e-3 * size[axis]
        for half in piece.split_by_plane(np.eye(3)[axis].tolist(), float(at)):
            if not half.is_empty():
                out.extend(_simple(half, depth + 1, budget))
    return out


def tidy(soup: Soup, tolerance: float) -> Soup | None:
    """The same surface within the tolerance, without the slivers that rounding to float32 folds over."""
    body = _manifold(soup.v, soup.f)
    if body is None:
        return None
    v, f = _arrays(body.simplify(tolerance))
    return Soup(v, f, np.full(len(f), -1, np.int32)) if len(f) else None


def collapse_offenders(soup: Soup) -> Soup:
    """Faces that meet others shrink away: their shortest edge collapses where the link condition allows."""
    v, row = weld_exact(soup.v)
    f = row[soup.f].astype(np.int32)
    pairs = self_intersections(v, f, 2000)
    bad = np.unique(pairs)
    touched = np.zeros(len(v), bool)
    merge = []
    for i in bad.tolist():
        t = f[i]
        lengths = [float(((v[t[k]] - v[t[(k + 1) % 3]]) ** 2).sum()) for k in range(3)]
        k = int(np.argmin(lengths))
        a, b = int(t[k]), int(t[(k + 1) % 3])
        around = f[(f == a).any(1) | (f == b).any(1)]
        if touched[around].any():
            continue
        na, nb = np.unique(f[(f == a).any(1)]), np.unique(f[(f == b).any(1)])
        if len(np.intersect1d(na, nb)) != 4:
            continue
        touched[around] = True
        merge.append((a, b))
    if not merge:
        return soup
    label = linked(np.array(merge), len(v))
    first = np.full(label.max() + 1, -1)
    first[label[::-1]] = np.arange(len(v))[::-1]
    f = first[label][f].astype(np.int32)
    keep = (f != np.roll(f, 1, axis=1)).all(1)
    return Soup(v, f[keep], soup.origin[keep])
