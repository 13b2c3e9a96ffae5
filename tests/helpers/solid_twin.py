"""An independent solid predicate in plain Python and numpy with exact rationals, without code of the package.

A mesh is solid when, after merging equal float32 positions: every directed edge occurs once and its
reverse once; the faces around every vertex form one ring; no two faces share a point outside their common
vertex or edge; the volume is positive; no part is debris; parts turned inward lie inside others.
Slow on purpose (minutes for 100k faces); meant for judging the tests' meshes of some thousand faces.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np

DEBRIS = 1e-3


def merged(mesh) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float64 of distinct float32 positions, faces (F, 3)."""
    p = np.asarray(mesh.vertices, np.float64).astype(np.float32) + np.float32(0)
    keep, index = np.unique(p, axis=0, return_inverse=True)
    return keep.astype(np.float64), index.reshape(-1)[np.asarray(mesh.faces, np.int64)]


def why_not_solid(mesh) -> list[str]:
    """The defects of a mesh, empty for a solid."""
    if len(mesh.faces) == 0 or not np.isfinite(np.asarray(mesh.vertices)[np.asarray(mesh.faces)]).all():
        return ["empty or not finite"]
    v, f = merged(mesh)
    reasons = []
    if (f == np.roll(f, 1, axis=1)).any():
        return ["a face repeats a vertex"]
    reasons += _edges(f)
    if reasons:
        return reasons
    reasons += _rings(f)
    reasons += _parts(v, f)
    if next(crossings(v, f), None) is not None:
        reasons.append("self-intersection")
    return reasons


def _edges(f: np.ndarray) -> list[str]:
    seen: dict[tuple[int, int], int] = defaultdict(int)
    for a, b, c in f.tolist():
        for edge in ((a, b), (b, c), (c, a)):
            seen[edge] += 1
    if any(seen.get((b, a), 0) == 0 for a, b in seen):
        return ["open or badly oriented edge"]
    return ["edge with more than two faces"] if max(seen.values()) > 1 else []


def _rings(f: np.ndarray) -> list[str]:
    after: dict[int, dict[int, int]] = defaultdict(dict)
    for a, b, c in f.tolist():
        after[a][b], after[b][c], after[c][a] = c, a, b
    for ring in after.values():
        start = here = next(iter(ring))
        length = 0
        while True:
            here, length = ring[here], length + 1
            if here == start:
                break
        if length != len(ring):
            return ["vertex with two fans"]
    return []


def parts(f: np.ndarray) -> np.ndarray:
    """(F,) the smallest vertex id connected to each face."""
    label = np.arange(f.max() + 1)
    while True:
        low = label[f].min(1)
        new = label.copy()
        np.minimum.at(new, f.reshape(-1), np.repeat(low, 3))
        if (new == label).all():
            return label[f[:, 0]]
        label = new


def signed_volumes(v: np.ndarray, f: np.ndarray) -> np.ndarray:
    t = v[f] - v.mean(0)
    return np.einsum("ij,ij->i", t[:, 0], np.cross(t[:, 1], t[:, 2])) / 6


def solid_angle_sum(v: np.ndarray, f: np.ndarray, p: np.ndarray) -> float:
    """Winding number of the mesh about p (van Oosterom & Strackee 1983)."""
    a, b, c = (v[f[:, k]] - p for k in range(3))
    la, lb, lc = (np.linalg.norm(x, axis=1) for x in (a, b, c))
    det = np.einsum("ij,ij->i", a, np.cross(b, c))
    den = la * lb * lc
    den += np.einsum("ij,ij->i", a, b) * lc
    den += np.einsum("ij,ij->i", b, c) * la + np.einsum("ij,ij->i", c, a) * lb
    return float(np.where(det == 0, 0, 2 * np.arctan2(det, den)).sum() / (4 * np.pi))


def _parts(v: np.ndarray, f: np.ndarray) -> list[str]:
    label, each = parts(f), signed_volumes(v, f)
    volumes = {k: each[label == k].sum() for k in np.unique(label)}
    largest = max(abs(x) for x in volumes.values())
    reasons = [] if sum(volumes.values()) > 0 else ["volume not positive"]
    if any(abs(x) < DEBRIS * largest for x in volumes.values()):
        reasons.append("debris")
    for k, x in volumes.items():
        if x < 0:
            others = f[label != k]
            if len(others) == 0 or round(solid_angle_sum(v, others, v[k])) != 1:
                reasons.append("an inward part outside of all others")
        elif len(volumes) > 1 and round(solid_angle_sum(v, f[label != k], v[f[label == k][0, 0]])) != 0:
            reasons.append("a part inside another without a cavity between them")
    return reasons


def crossings(v: np.ndarray, f: np.ndarray):
    """Yields pairs of faces that share more than their common vertex or edge."""
    t = v[f]
    low, high = t.min(1), t.max(1)
    axis = min(range(3), key=lambda k: np.searchsorted(np.sort(low[:, k]), high[:, k], side="right").sum())
    rest = [k for k in range(3) if k != axis]  # swept along the axis on which least lies beside each other
    order = np.argsort(low[:, axis], kind="stable")
    ends = np.searchsorted(low[order, axis], high[order, axis], side="right")
    left, right = low[order][:, rest].T.copy(), high[order][:, rest].T.copy()
    firsts, seconds = [], []
    for k, i in enumerate(order):
        s = slice(k + 1, ends[k])
        meet = (left[0, s] <= right[0, k]) & (right[0, s] >= left[0, k])
        meet &= (left[1, s] <= right[1, k]) & (right[1, s] >= left[1, k])
        j = order[s][meet]
        firsts.append(np.full(len(j), i))
        seconds.append(j)
    a, b = np.concatenate(firsts), np.concatenate(seconds)
    for start in range(0, len(a), 200_000):
        s = slice(start, start + 200_000)
        doubtful = ~_surely_apart(t[a[s]], t[b[s]], f[a[s]], f[b[s]])
        for i, j in zip(a[s][doubtful].tolist(), b[s][doubtful].tolist()):
            if improper(v, f[i].tolist(), f[j].tolist()):
                yield i, j


def _surely_apart(p: np.ndarray, q: np.ndarray, fp: np.ndarray, fq: np.ndarray) -> np.ndarray:
    """(N,) True where an axis separates the triangles (but for a shared vertex) with a margin."""
    same = fp[:, :, None] == fq[:, None, :]
    ps, qs = same[:, :, 0] | same[:, :, 1] | same[:, :, 2], same[:, 0] | same[:, 1] | same[:, 2]
    shared = ps[:, 0].astype(int) + ps[:, 1] + ps[:, 2]
    # Two faces over a common edge share only it unless folded onto each other.
    n0, n1 = (np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 1]) for t in (p, q))
    l0, l1 = np.linalg.norm(n0, axis=1), np.linalg.norm(n1, axis=1)
    flat = np.linalg.norm(np.cross(n0, n1), axis=1) <= 1e-9 * l0 * l1
    apart = (shared == 2) & ~flat & (l0 > 0) & (l1 > 0)
    # Two faces at a common vertex share only it if the rest of one lies on one side of the other's plane.
    for t, other, n, held in ((p, q, n0, qs), (q, p, n1, ps)):
        height = np.einsum("nkd,nd->nk", other - t[:, :1], n)
        margin = 1e-12 * np.abs(t - t[:, [1, 2, 0]]).reshape(-1, 9).max(1) ** 2
        margin *= np.abs(other - t[:, :1]).reshape(-1, 9).max(1)
        lowest, highest = (-_most(np.where(held, -np.inf, -sign * height)) for sign in (1, -1))
        apart |= (shared == 1) & ((lowest > margin) | (highest > margin))
    left = np.flatnonzero((shared < 2) & ~apart)  # each axis is tried on those that none has parted yet
    for k in range(17):
        if k == 0:
            axis = n0[left]
        elif k == 1:
            axis = n1[left]
        elif k < 11:
            i, j = divmod(k - 2, 3)
            axis = np.cross(_side(p, left, i), _side(q, left, j))
        elif k < 14:
            axis = np.cross(n0[left], _side(p, left, k - 11))
        else:
            axis = np.cross(n1[left], _side(q, left, k - 14))
        parted = _parted(p[left], q[left], axis, ps[left], qs[left])
        apart[left[parted]] = True
        left = left[~parted]
    return apart


def _side(t: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    return t[rows, (k + 1) % 3] - t[rows, k]


def _parted(p: np.ndarray, q: np.ndarray, axis: np.ndarray, ps: np.ndarray, qs: np.ndarray) -> np.ndarray:
    """(N,) True where p lies wholly below q along the axis, or above it, but for the vertex that both have (ps, qs)."""
    largest = [np.abs(t.reshape(len(t), 9)).max(1) for t in (p, q)]
    margin = 1e-9 * np.linalg.norm(axis, axis=1) * np.maximum(*largest) + 1e-300
    x, y = np.einsum("nkd,nd->nk", p, axis), np.einsum("nkd,nd->nk", q, axis)
    touch, parted = _most(ps), np.zeros(len(p), bool)
    for lower, upper, held_l, held_u in ((x, y, ps, qs), (y, x, qs, ps)):
        wall = _most(np.where(held_l, lower, -np.inf))  # at the shared vertex, if there is one
        high_l = _most(np.where(held_l, -np.inf, lower))
        low_u = -_most(np.where(held_u, -np.inf, -upper))
        parted |= np.where(touch, (high_l < wall - margin) & (low_u > wall + margin), high_l < low_u - margin)
    return parted


def _most(x: np.ndarray) -> np.ndarray:
    """The largest of the three values in each row, faster than numpy's maximum over an axis."""
    return np.maximum(np.maximum(x[:, 0], x[:, 1]), x[:, 2])


def _cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _minus(a, b):
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


def _whole(points: np.ndarray) -> list[tuple[int, ...]]:
    """Doubles as integers, all scaled by one power of two: exact, and faster than fractions."""
    ratios = [[x.as_integer_ratio() for x in p] for p in points.tolist()]
    most = max(below for p in ratios for _, below in p)
    return [tuple(above * (most // below) for above, below in p) for p in ratios]


def improper(v: np.ndarray, fa: list[int], fb: list[int]) -> bool:
    """True if the triangles share a point outside their common vertex or edge, exactly."""
    whole = _whole(v[[*fa, *fb]])
    a, b = whole[:3], whole[3:]
    shared = set(fa) & set(fb)
    na, nb = (_cross(_minus(t[1], t[0]), _minus(t[2], t[0])) for t in (a, b))
    if len(shared) == 3 or not any(na) or not any(nb):
        return True  # the same face twice, or a face without area
    da, db = [_dot(nb, _minus(p, b[0])) for p in a], [_dot(na, _minus(p, a[0])) for p in b]
    if not any(da):
        return _coplanar(a, b, fa, fb, shared, na)
    if len(shared) == 2:
        return False
    line = _cross(na, nb)
    if not any(line):
        return False
    one, two = _span(a, da, line), _span(b, db, line)
    if one is None or two is None:
        return False
    low, high = max(one[0], two[0]), min(one[1], two[1])
    return low < high if shared else low <= high


def _span(t, d, line):
    """Where the triangle meets the other plane, as an interval along the common line."""
    at = [_dot(line, p) for p, s in zip(t, d) if s == 0]
    for i in range(3):
        j = (i + 1) % 3
        if d[i] * d[j] < 0:
            u = Fraction(d[i], d[i] - d[j])
            at.append(_dot(line, t[i]) * (1 - u) + _dot(line, t[j]) * u)
    return (min(at), max(at)) if at else None


def _coplanar(a, b, fa, fb, shared, normal) -> bool:
    drop = max(range(3), key=lambda k: abs(normal[k]))
    x, y = (k for k in range(3) if k != drop)
    a, b = [(p[x], p[y]) for p in a], [(p[x], p[y]) for p in b]

    def side(p, q, r):
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    if len(shared) == 2:
        p, q = (a[fa.index(i)] for i in shared)
        ra, rb = (t[next(k for k in range(3) if f[k] not in shared)] for t, f in ((a, fa), (b, fb)))
        return side(p, q, ra) * side(p, q, rb) > 0
    if side(*b) < 0:
        b = b[::-1]
    polygon = list(a)
    for i in range(3):
        p, q = b[i], b[(i + 1) % 3]
        out = []
        for k, r in enumerate(polygon):
            s = polygon[k - 1]
            dr, ds = side(p, q, r), side(p, q, s)
            if dr * ds < 0:
                u = Fraction(ds, ds - dr)
                out.append((s[0] + u * (r[0] - s[0]), s[1] + u * (r[1] - s[1])))
            if dr >= 0:
                out.append(r)
        polygon = out
    return len(set(polygon)) > len(shared)
