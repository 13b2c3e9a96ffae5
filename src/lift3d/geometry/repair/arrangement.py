"""A closed surface cut along the curves in which it intersects itself (mesh arrangement; Zhou et al. 2016).

Every new vertex is named by what meets in it, an edge and a face or three faces, so that the faces around it agree on it.
Signs are exact; where one is zero (a vertex on a face, coplanar faces) the vertices must be moved a little at random.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import manifold3d
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.mesh.exact_predicates import common_step, orient3d
from lift3d.geometry.mesh.self_intersection import self_intersections
from lift3d.geometry.repair.working_mesh import I32, Soup, bounding_diagonal
from lift3d.types import F64

MOST_PAIRS = 6000
"""Most pairs of intersecting faces."""
Name = tuple[int, ...]
"""A point: (vertex,), (vertex, vertex, face) of an edge through a face, or (-1, face, face, face)."""


class DegenerateError(Exception):
    """Faces that touch or coincide, so that their intersection is not determined by signs."""


def cut_along_intersections(soup: Soup, jitter: float = 0.0) -> Soup | None:
    """The soup with every face cut along its intersections with others; `origin` is the face of the soup.

    Its vertices, rounded to float32 and moved at random by up to `jitter` times the diagonal, come first. None without
    intersections, with too many, where faces touch or coincide, and where rounding leaves contradictions.
    """
    shift = np.random.default_rng(0).uniform(-1, 1, soup.v.shape) * jitter * bounding_diagonal(soup.v, soup.f)
    v = (soup.v + shift).astype(np.float32).astype(np.float64)
    pairs = self_intersections(v, soup.f, MOST_PAIRS)
    if not 0 < len(pairs) < MOST_PAIRS:
        return None
    try:
        return _Cutter(v, soup.f).cut(pairs)
    except DegenerateError:
        return None


class _Cutter:
    """Cuts the faces f (F, 3) of v (V, 3), float64 that hold float32."""

    def __init__(self, v: F64, f: I32) -> None:
        self.v, self.f, self.step = v, f, common_step(v)
        self.points: dict[Name, NDArray[np.float64]] = {}
        self.ends: dict[tuple[int, int], tuple[Name, Name]] = {}
        self.on_edge: dict[tuple[int, int], set[Name]] = defaultdict(set)

    def cut(self, pairs: I32) -> Soup:
        """The cut soup. Raises DegenerateError."""
        for a, b in pairs.tolist():
            self._segment(a, b)
        others: dict[int, list[int]] = defaultdict(list)
        for a, b in self.ends:
            others[a].append(b)
            others[b].append(a)
        inner: dict[tuple[int, int], set[Name]] = defaultdict(set)
        for face, around in others.items():
            self._crossings(face, [b for b in around if b > face], inner)
        touched = set(others)
        number: dict[Name, int] = {(k,): k for k in range(len(self.v))}
        for name in self.points:
            number[name] = len(number)
        faces, origin = [], []
        for face, corners in enumerate(self.f.tolist()):
            sides = list(zip(corners, corners[1:] + corners[:1]))
            if face not in touched and not any(self.on_edge.get((min(s), max(s))) for s in sides):
                faces.append(corners)
                origin.append(face)
                continue
            links = [
                self._along((i,), (j,), self.on_edge.get((min(i, j), max(i, j)), set())) for i, j in sides
            ]
            rim = {name for chain in links for name in chain}
            for other in others.get(face, []):
                key = (min(face, other), max(face, other))
                links.append(self._along(*self.ends[key], inner.get(key, set())))
            new = self._triangles(face, links, rim)
            faces += [[number[name] for name in t] for t in new]
            origin += [face] * len(new)
        v = np.concatenate([self.v, *(p[None] for p in self.points.values())])
        return Soup(v, np.array(faces, np.int32), np.array(origin, np.int32))

    def _sign(self, a: int, b: int, c: int, d: int) -> int:
        sign = int(orient3d(self.v[a], self.v[b], self.v[c], self.v[d], self.step))
        if sign == 0:
            raise DegenerateError
        return sign

    def _segment(self, a: int, b: int) -> None:
        """Note the segment in which two faces intersect, and its end points."""
        fa, fb = self.f[a].tolist(), self.f[b].tolist()
        shared = set(fa) & set(fb)
        found: list[Name] = [(k,) for k in shared]
        if len(shared) > 1:
            raise DegenerateError
        for face, corners, edged in ((a, fa, fb), (b, fb, fa)):
            for i, j in zip(edged, edged[1:] + edged[:1]):
                if i not in shared and j not in shared and self._crosses(i, j, corners):
                    found.append(self._edge_point(min(i, j), max(i, j), face))
        if len(found) != 2:
            raise DegenerateError
        self.ends[min(a, b), max(a, b)] = (found[0], found[1])

    def _crosses(self, i: int, j: int, corners: list[int]) -> bool:
        """Whether the edge ij passes through a face."""
        a, b, c = corners
        if self._sign(a, b, c, i) == self._sign(a, b, c, j):
            return False
        return self._sign(i, j, a, b) == self._sign(i, j, b, c) == self._sign(i, j, c, a)

    def _edge_point(self, i: int, j: int, face: int) -> Name:
        name = (i, j, face)
        if name not in self.points:
            a, b, c = self.v[self.f[face]]
            normal = np.cross(b - a, c - a)
            high, low = float(normal @ (self.v[i] - a)), float(normal @ (self.v[j] - a))
            t = high / (high - low)
            self.points[name] = self.v[i] + min(1.0, max(0.0, t)) * (self.v[j] - self.v[i])
            self.on_edge[i, j].add(name)
        return name

    def _position(self, name: Name) -> NDArray[np.float64]:
        return self.v[name[0]] if len(name) == 1 else self.points[name]

    def _along(self, first: Name, last: Name, between: set[Name]) -> list[Name]:
        """The points of a straight line in order."""
        start = self._position(first)
        way = self._position(last) - start
        middle = sorted(between, key=lambda name: float((self._position(name) - start) @ way))
        return [first, *middle, last]

    def _flat(self, face: int) -> tuple[int, int]:
        """The axes of the projection of a face in which its corners run counter-clockwise."""
        a, b, c = self.v[self.f[face]]
        normal = np.cross(b - a, c - a)
        axis = int(np.argmax(np.abs(normal)))
        p, q = (axis + 1) % 3, (axis + 2) % 3
        return (p, q) if normal[axis] > 0 else (q, p)

    def _crossings(self, face: int, others: list[int], inner: dict[tuple[int, int], set[Name]]) -> None:
        """Note the points in which a face meets two others of higher number, on the three segments between them."""
        if len(others) < 2:
            return
        axes = list(self._flat(face))
        ends = np.array([[self._position(n)[axes] for n in self.ends[face, other]] for other in others])
        start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
        for k in range(len(others) - 1):
            gap = start[k + 1 :] - start[k]
            turn = way[k, 0] * way[k + 1 :, 1] - way[k, 1] * way[k + 1 :, 0]
            with np.errstate(all="ignore"):
                s = (gap[:, 0] * way[k + 1 :, 1] - gap[:, 1] * way[k + 1 :, 0]) / turn
                t = (gap[:, 0] * way[k, 1] - gap[:, 1] * way[k, 0]) / turn
            for m in np.flatnonzero((s > 0) & (s < 1) & (t > 0) & (t < 1)).tolist():
                b, c = sorted((others[k], others[k + 1 + m]))
                if set(self.ends[face, others[k]]) & set(self.ends[face, others[k + 1 + m]]):
                    continue
                if (b, c) not in self.ends:
                    raise DegenerateError
                name = (-1, face, b, c)
                first, last = (self._position(n) for n in self.ends[face, others[k]])
                self.points[name] = first + s[m] * (last - first)
                for key in ((face, b), (face, c), (b, c)):
                    inner[key].add(name)

    def _triangles(self, face: int, links: list[list[Name]], rim: set[Name]) -> list[list[Name]]:
        """The triangles of a face between the lines `links`, each a sequence of points; rim: the points of its border."""
        names = list(dict.fromkeys(name for chain in links for name in chain))
        row = {name: k for k, name in enumerate(names)}
        flat = np.array([self._position(name) for name in names])[:, list(self._flat(face))]
        flat = flat - flat.mean(0)
        edges = {(row[i], row[j]) for chain in links for i, j in pairwise(chain)}
        edges |= {(j, i) for i, j in edges}
        loops = _loops(flat, edges)
        areas = [_area(flat[loop]) for loop in loops]
        cells = [[loop] for loop, area in zip(loops, areas) if area > 0]
        for loop, area in zip(loops, areas):
            if area <= 0 and not any(names[k] in rim for k in loop):  # the border of an island
                around = [
                    c for c in cells if set(c[0]).isdisjoint(loop) and _contains(flat[c[0]], flat[loop[0]])
                ]
                if not around:
                    raise DegenerateError
                min(around, key=lambda c: _area(flat[c[0]])).append(loop)
        out: list[list[Name]] = []
        for cell in cells:
            order = [k for loop in cell for k in loop]
            found = manifold3d.triangulate([np.ascontiguousarray(flat[loop]) for loop in cell], -1, False)
            if len(found) != len(order) - 2 + 2 * (len(cell) - 1):
                raise DegenerateError
            out += [[names[order[k]] for k in t] for t in np.asarray(found).tolist()]
        return out


def _loops(flat: F64, edges: set[tuple[int, int]]) -> list[list[int]]:
    """The borders of the cells of a planar graph, counter-clockwise; the outer ones of its components are clockwise."""
    around: dict[int, list[int]] = defaultdict(list)
    for i, j in sorted(edges):
        around[i].append(j)
    following: dict[tuple[int, int], tuple[int, int]] = {}
    for i, ends in around.items():
        way = flat[ends] - flat[i]
        order = np.argsort(np.arctan2(way[:, 1], way[:, 0]), kind="stable")
        ring = [ends[k] for k in order.tolist()]
        for k, j in enumerate(ring):
            following[j, i] = (i, ring[k - 1])
    loops, left = [], dict.fromkeys(sorted(edges))
    while left:
        edge = start = next(iter(left))
        loop = []
        while True:
            del left[edge]
            loop.append(edge[0])
            edge = following[edge]
            if edge == start:
                break
        loops.append(loop)
    return loops


def _area(loop: F64) -> float:
    x, y = loop.T
    return 0.5 * float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())


def _contains(loop: F64, point: F64) -> bool:
    """Whether a point lies inside a polygon, by the crossings of a ray."""
    a, b = loop, np.roll(loop, -1, 0)
    spans = (a[:, 1] > point[1]) != (b[:, 1] > point[1])
    with np.errstate(all="ignore"):
        x = a[:, 0] + (point[1] - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    return bool((spans & (x > point[0])).sum() % 2)
