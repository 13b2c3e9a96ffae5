"""A slow, independent test of solidity: dictionaries for topology, rational arithmetic for intersections.

Nothing here shares code or method with `lift3d.geometry`: two triangles are intersected by clipping one by
the half-spaces of the other, and the remaining polygon, with exact corners, must be what they share.
"""

from collections import defaultdict
from fractions import Fraction
from itertools import combinations

import numpy as np


def _minus(a, b):
    return tuple(x - y for x, y in zip(a, b))


def _cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def _clip(polygon, normal, origin):
    """The part of a convex polygon (a list of points, maybe one or two) where normal . (x - origin) >= 0."""
    sides = [_dot(normal, _minus(p, origin)) for p in polygon]
    kept = []
    for i, (p, s) in enumerate(zip(polygon, sides)):
        q, t = polygon[(i + 1) % len(polygon)], sides[(i + 1) % len(polygon)]
        if s >= 0:
            kept.append(p)
        if s * t < 0:
            r = s / (s - t)
            kept.append(tuple(x + r * (y - x) for x, y in zip(p, q)))
    return kept


def common_points(s, t):
    """Corners of the intersection of two triangles with area (3 points of 3 Fractions each)."""
    n = _cross(_minus(t[1], t[0]), _minus(t[2], t[0]))
    polygon = list(s)
    for normal, origin in [(n, t[0]), (tuple(-x for x in n), t[0])] + [
        (_cross(n, _minus(t[(k + 1) % 3], t[k])), t[k]) for k in range(3)
    ]:
        if polygon:
            polygon = _clip(polygon, normal, origin)
    return set(polygon)


def intersect_badly(s, t):
    """True if two triangles share more than a common corner or edge."""
    shared = set(s) & set(t)
    if len(shared) == 3:
        return True
    points = common_points(s, t)
    if len(shared) == 2:
        a, b = shared
        return any(any(_cross(_minus(p, a), _minus(b, a))) for p in points)
    return bool(points - shared)


def exact(v):
    """Vertices as triples of Fractions of their float32 values."""
    return [tuple(Fraction(float(x)) for x in p) for p in np.asarray(v, np.float32)]


def brute_self_intersections(v, f):
    """All pairs (i, j), i < j, by comparing every face with every other whose box it meets."""
    p = exact(v)
    faces = [tuple(p[i] for i in t) for t in np.asarray(f)]
    flat = [not any(_cross(_minus(t[1], t[0]), _minus(t[2], t[0]))) for t in faces]
    box = np.asarray(v, np.float32)[np.asarray(f)]
    low, high = box.min(1), box.max(1)
    return {
        (i, j)
        for i, j in combinations(range(len(faces)), 2)
        if (low[i] <= high[j]).all()
        and (low[j] <= high[i]).all()
        and not flat[i]
        and not flat[j]
        and intersect_badly(faces[i], faces[j])
    }


def topology_defects(v, f):
    """Names of the defects of a mesh, apart from self-intersections; empty for none."""
    single = np.asarray(v, np.float32)
    if not np.isfinite(single).all():
        return {"finite"}
    number = {}
    faces = [tuple(number.setdefault(tuple((single[i] + 0).tolist()), len(number)) for i in t) for t in f]
    defects = set()
    edges, links = defaultdict(list), defaultdict(lambda: defaultdict(list))
    for t in faces:
        for k in range(3):
            a, b, c = t[k], t[(k + 1) % 3], t[(k + 2) % 3]
            edges[frozenset((a, b))].append((a, b))
            links[a][b].append(c)
            links[a][c].append(b)
    for key, uses in edges.items():
        if len(uses) != 2 or len(key) != 2:
            defects.add("closed")
        elif uses[0] == uses[1]:
            defects.add("oriented")
    for link in links.values():  # the neighbours of a vertex form one circle
        start = next(iter(link))
        seen, todo = {start}, [start]
        while todo:
            for other in link[todo.pop()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        if len(seen) != len(link) or any(len(n) != 2 for n in link.values()):
            defects.add("closed")
    corners = single.astype(float)[np.asarray(f)]
    if len(f) == 0 or np.linalg.det(corners - corners.mean((0, 1))).sum() <= 0:
        defects.add("volume")
    return defects


def is_solid(v, f):
    """True for a mesh without defects."""
    return not topology_defects(v, f) and not brute_self_intersections(v, f)
