"""Damaged meshes with a known original: analytic and procedural solids with the defects that files have.

`damaged_meshes()` returns at least 200 cases, always the same ones. The `original` of a case is the undamaged solid;
`refusable` marks input that has no such solid, so that a clear error is correct.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import manifold3d
import numpy as np
import trimesh

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Case:
    """v, f: the damaged mesh; restore: returns the undamaged solid (None if there is none)."""

    name: str
    v: np.ndarray
    f: np.ndarray
    restore: Callable[[], Arrays] | None
    refusable: bool = False

    @cached_property
    def original(self) -> Arrays | None:
        return self.restore() if self.restore else None

    @property
    def mesh(self) -> trimesh.Trimesh:
        return trimesh.Trimesh(self.v, self.f, process=False, validate=False)


def _arrays(mesh: trimesh.Trimesh) -> Arrays:
    return np.array(mesh.vertices, float), np.array(mesh.faces, np.int64)


def _from_manifold(m: manifold3d.Manifold) -> Arrays:
    out = m.to_mesh()
    return np.array(out.vert_properties[:, :3], float), np.array(out.tri_verts, np.int64)


def bumpy() -> Arrays:
    """A sphere with smooth bumps."""
    v, f = _arrays(trimesh.creation.icosphere(4))
    return v * (1 + 0.12 * np.sin(4 * v[:, :1]) * np.cos(5 * v[:, 1:2]) * np.sin(3 * v[:, 2:] + 1)), f


def bracket() -> Arrays:
    """An L with two drilled holes: flat faces, sharp edges, genus two."""
    leg = manifold3d.Manifold.cube([2, 0.4, 1.2]) + manifold3d.Manifold.cube([0.4, 2, 1.2])
    drill = manifold3d.Manifold.cylinder(4, 0.25, 0.25, 40)
    m = (
        leg
        - drill.rotate([90, 0, 0]).translate([1.4, 2, 0.6])
        - drill.rotate([0, 90, 0]).translate([-1, 1.4, 0.6])
    )
    return _from_manifold(m.refine_to_length(0.12))


def gear(teeth: int = 9) -> Arrays:
    """An extruded polygon."""
    a = np.linspace(0, 2 * np.pi, teeth * 8, endpoint=False)
    r = np.where(np.arange(len(a)) % 8 < 4, 1.0, 0.8)
    outline = manifold3d.CrossSection([np.stack([r * np.cos(a), r * np.sin(a)], 1)])
    return _from_manifold(manifold3d.Manifold.extrude(outline, 0.4).refine_to_length(0.15))


def hollow() -> Arrays:
    """A ball with a ball-shaped cavity."""
    v, f = _arrays(trimesh.creation.icosphere(3))
    return np.concatenate([v, 0.75 * v]), np.concatenate([f, f[:, ::-1] + len(v)])


def tube(path: Callable[[np.ndarray], np.ndarray], radius: float = 0.2, n: int = 90, k: int = 14) -> Arrays:
    """A capped tube along path(t), t in [0, 1]; it intersects itself where the path does."""
    t = np.linspace(0, 1, n)
    p = path(t)
    tangent = np.gradient(p, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1)[:, None]
    side = np.empty_like(p)
    s = np.cross(tangent[0], [0.3, 0.2, 0.9])
    for i in range(n):
        s = s - tangent[i] * (s @ tangent[i])
        s /= np.linalg.norm(s)
        side[i] = s
    other = np.cross(tangent, side)
    a = np.linspace(0, 2 * np.pi, k, endpoint=False)
    ring = p[:, None] + radius * (np.cos(a)[:, None] * side[:, None] + np.sin(a)[:, None] * other[:, None])
    i, j = np.meshgrid(np.arange(n - 1), np.arange(k), indexing="ij")
    q = [i * k + j, i * k + (j + 1) % k, (i + 1) * k + (j + 1) % k, (i + 1) * k + j]
    faces = [np.stack([q[0], q[1], q[2]], -1), np.stack([q[0], q[2], q[3]], -1)]
    wall = np.concatenate([x.reshape(-1, 3) for x in faces])
    j = np.arange(k)
    ends = [np.stack([np.full(k, n * k), (j + 1) % k, j], 1)]
    ends.append(np.stack([np.full(k, n * k + 1), (n - 1) * k + j, (n - 1) * k + (j + 1) % k], 1))
    return np.concatenate([ring.reshape(-1, 3), p[[0, -1]]]), np.concatenate([wall, *ends])


def _arch(t: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(np.pi * t), 0.2 * np.sin(5 * t), np.sin(np.pi * t)], 1)


def solids() -> dict[str, Arrays]:
    """The undamaged solids, of 400 to 6000 faces."""
    box = trimesh.creation.box((1.0, 0.7, 0.5)).subdivide().subdivide().subdivide()
    return {
        "box": _arrays(box),
        "sphere": _arrays(trimesh.creation.icosphere(4)),
        "torus": _arrays(trimesh.creation.torus(1.0, 0.35, major_sections=48, minor_sections=24)),
        "capsule": _arrays(trimesh.creation.capsule(2.0, 0.5, count=[24, 24])),
        "bumpy": bumpy(),
        "bracket": bracket(),
        "gear": gear(),
        "hollow": hollow(),
        "arch": tube(_arch),
    }


def _near(v: np.ndarray, f: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Indices of the fraction of faces nearest to a random face: one round hole."""
    c = v[f].mean(1)
    start = c[rng.integers(len(f))]
    return np.argsort(((c - start) ** 2).sum(1), kind="stable")[: max(1, round(share * len(f)))]


def holes(v, f, rng, level):  # type: ignore[no-untyped-def]
    """One, three or eight round holes."""
    gone = np.concatenate([_near(v, f, rng, s) for s in ([0.002] * 8, [0.01] * 3, [0.03])[level]])
    return v, np.delete(f, gone, axis=0)


def missing(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Single missing faces."""
    return v, np.delete(
        f, rng.choice(len(f), max(2, int((0.002, 0.01, 0.03)[level] * len(f))), False), axis=0
    )


def flipped(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Flipped faces."""
    some, out = rng.random(len(f)) < (0.01, 0.1, 0.4)[level], f.copy()
    out[some] = out[some][:, ::-1]
    return v, out


def inside_out(v, f, rng, level):  # type: ignore[no-untyped-def]
    return v, f[:, ::-1]


def soup(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Every face with its own vertices, jittered by rounding noise."""
    diagonal = np.linalg.norm(np.ptp(v, axis=0))
    p = v[f].reshape(-1, 3)
    return p + rng.normal(size=p.shape) * diagonal * (0, 1e-8, 1e-6)[level], np.arange(len(p)).reshape(-1, 3)


def duplicates(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Duplicate faces, some of them flipped."""
    again = f[rng.random(len(f)) < (0.01, 0.2, 1.0)[level]].copy()
    again[::2] = again[::2, ::-1]
    return v, np.concatenate([f, again])


def double_shell(v, f, rng, level):  # type: ignore[no-untyped-def]
    """The whole shell twice: identical, shifted so that both intersect, or shrunk inside."""
    centre = v.mean(0)
    diagonal = np.linalg.norm(np.ptp(v, axis=0))
    w = (v.copy(), v + 0.002 * diagonal, centre + (v - centre) * 0.9)[level]
    return np.concatenate([v, w]), np.concatenate([f, f + len(v)])


def crossing(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Balls halfway in the surface, as separate shells."""
    diagonal = np.linalg.norm(np.ptp(v, axis=0))
    bv, bf = _arrays(trimesh.creation.icosphere(2, radius=0.05 * diagonal))
    vs, fs, n = [v], [f], len(v)
    for i in rng.choice(len(v), (1, 3, 8)[level], False):
        vs.append(bv + v[i])
        fs.append(bf + n)
        n += len(bv)
    return np.concatenate(vs), np.concatenate(fs)


def fins(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Extra triangles standing on edges: edges with three faces."""
    diagonal = np.linalg.norm(np.ptp(v, axis=0))
    which = rng.choice(len(f), (1, 5, 20)[level], False)
    t = v[f[which]]
    normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    top = t[:, :2].mean(1) + 0.03 * diagonal * normal
    fin = np.stack([f[which, 0], f[which, 1], len(v) + np.arange(len(which))], 1)
    return np.concatenate([v, top]), np.concatenate([f, fin])


def pinched(v, f, rng, level):  # type: ignore[no-untyped-def]
    """A copy of the solid that touches it in one vertex (or along one edge), and shares it."""
    low, high = np.argmin(v[:, 0]), np.argmax(v[:, 0])
    w = v - v[low] + v[high] if level < 2 else v * [-1, 1, 1] + [2 * v[high, 0], 0, 0]
    g = f if level < 2 else f[:, ::-1]
    return np.concatenate([v, w]), np.concatenate([f, g + len(v)])


def debris(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Debris around the solid: loose triangles and tiny closed components."""
    diagonal = np.linalg.norm(np.ptp(v, axis=0))
    vs, fs, n = [v], [f], len(v)
    for k in range((3, 15, 60)[level]):
        at = v[rng.integers(len(v))] * (1.1 + 0.2 * rng.random())
        bv, bf = _arrays(trimesh.creation.icosphere(0, radius=0.004 * diagonal))
        bf = bf[:1] if k % 2 else bf
        vs.append(bv + at)
        fs.append(bf + n)
        n += len(bv)
    return np.concatenate(vs), np.concatenate(fs)


def not_finite(v, f, rng, level):  # type: ignore[no-untyped-def]
    """NaN and infinite vertices, used and unused."""
    w = v.copy()
    some = rng.choice(len(v), (1, 3, 10)[level], False)
    w[some] = np.where(rng.random((len(some), 1)) < 0.7, np.nan, np.inf)
    return np.concatenate([w, np.full((4, 3), np.nan)]), f


def degenerate(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Faces without area: repeated corners, and slivers on split edges."""
    n = (2, 10, 40)[level]
    a = f[rng.choice(len(f), n, False)]
    points = a.copy()
    points[:, 2] = points[:, 0]
    middle = 0.5 * (v[a[:, 0]] + v[a[:, 1]])
    slivers = np.stack([a[:, 1], a[:, 0], len(v) + np.arange(n)], 1)
    return np.concatenate([v, middle]), np.concatenate([f, points, slivers, [[0, 0, 0]]])


def cracks(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Edges split on one side only: hanging vertices."""
    out, w, n = list(map(tuple, f)), list(v), len(v)
    for i in rng.choice(len(f), (2, 10, 40)[level], False):
        a, b, c = out[i]
        w.append(0.5 * (w[a] + w[b]))
        out[i] = (a, n, c)
        out.append((n, b, c))
        n += 1
    return np.array(w), np.array(out)


def inner_wall(v, f, rng, level):  # type: ignore[no-untyped-def]
    """A wall through the inside that shares edges with the shell: the cut of the solid by a plane."""
    m = manifold3d.Manifold(manifold3d.Mesh64(v, f.astype(np.uint64)))
    axis = np.roll([1.0, 0.013, 0.007], level)
    halves = m.split_by_plane(
        axis / np.linalg.norm(axis), float(v.mean(0) @ axis / np.linalg.norm(axis)) + 0.0113
    )
    (va, fa), (vb, fb) = (_from_manifold(h) for h in halves)
    return np.concatenate([va, vb]), np.concatenate([fa, fb + len(va)])


def dented(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Vertices pulled through the opposite wall: one self-intersecting shell."""
    w, centre = v.copy(), v.mean(0)
    for i in rng.choice(len(v), (1, 3, 6)[level], False):
        n = np.unique(f[(f == i).any(1)])
        w[n] = v[n] - 1.1 * np.ptp(v, axis=0).max() * (v[i] - centre) / np.linalg.norm(v[i] - centre)
    return w, f


def mixed(v, f, rng, level):  # type: ignore[no-untyped-def]
    """Several kinds of damage at once."""
    chain = (
        (missing, flipped, debris),
        (duplicates, holes, not_finite, flipped),
        (crossing, missing, degenerate, soup),
    )
    for hurt in chain[level]:
        v, f = hurt(v, f, rng, min(level, 1))
    return v, f


HURTS = (
    holes, missing, flipped, inside_out, soup, duplicates, double_shell, crossing, fins, pinched,
    debris, not_finite, degenerate, cracks, inner_wall, dented, mixed,
)  # fmt: skip
UNKNOWN = (dented,)  # what is meant is not certain
UNITES = (double_shell, crossing, pinched)  # what is meant is the union of the shells


def union(v: np.ndarray, f: np.ndarray, first: int) -> Arrays:
    """The union of the shell of the first faces with all others."""
    whole = trimesh.Trimesh(v, f[first:], process=False, validate=False).split(only_watertight=False)
    shells = [(v, f[:first]), *(_arrays(m) for m in whole)]
    bodies = [manifold3d.Manifold(manifold3d.Mesh64(a, b.astype(np.uint64))) for a, b in shells]
    return _from_manifold(manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add))


def _itself(v: np.ndarray, f: np.ndarray) -> Arrays:
    return v, f


def _specials() -> Iterator[Case]:
    v, f = solids()["sphere"]
    for share in (0.1, 0.15, 0.2, 0.25):
        gone = np.argsort(-v[f].mean(1)[:, 2], kind="stable")[: int(share * len(f))]
        yield Case(f"open-sphere-{share}", v, np.delete(f, gone, axis=0), partial(_itself, v, f))
    for i, thickness in enumerate((0.02, 0.05, 0.1)):
        n = 24
        x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 0.8, n), indexing="ij")
        z = 0.05 * i * np.sin(5 * x) * np.cos(4 * y)
        top = np.stack([x, y, z + thickness], -1).reshape(-1, 3)
        q = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).reshape(-1)
        g = np.concatenate([np.stack([q, q + n, q + n + 1], 1), np.stack([q, q + n + 1, q + 1], 1)])
        w = np.concatenate([top, top - [0, 0, thickness]])
        rim = np.concatenate(
            [np.arange(n) * n, (n - 1) * n + np.arange(n), np.arange(n)[::-1] * n + n - 1, np.arange(n)[::-1]]
        )
        a, b = rim[:-1], rim[1:]
        keep = a != b
        a, b = a[keep], b[keep]
        sides = np.concatenate([np.stack([a, a + n * n, b + n * n], 1), np.stack([a, b + n * n, b], 1)])
        whole = np.concatenate([g, g[:, ::-1] + n * n, sides])
        sheets = np.concatenate([g, g[:, ::-1] + n * n])
        yield Case(f"two-sheets-{thickness}", w, sheets, partial(_itself, w, whole))
    curls = {
        "eight": lambda t: np.stack([np.sin(2 * np.pi * t), np.sin(4 * np.pi * t) / 2, 0.02 * t], 1),
        "loop": lambda t: np.stack([2 * t - 1 + np.sin(6 * t), np.cos(6 * t), 0.1 * t], 1),
        "knot": lambda t: np.stack([np.cos(7 * t), np.sin(11 * t), np.cos(5 * t) * 0.3], 1),
        "coil": lambda t: np.stack([np.cos(15 * t), np.sin(15 * t), t * 0.6], 1),
    }
    for name, path in curls.items():
        yield Case(f"self-crossing-{name}", *tube(path), None)
        w, g = tube(path)
        yield Case(f"self-crossing-open-{name}", w, g[: len(g) - 28], None)
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    pair = np.array([[0, 1, 2], [0, 2, 3]])
    yield Case("flat-sheet", flat, pair, None, refusable=True)
    yield Case("flat-sheet-doubled", flat, np.concatenate([pair, pair[:, ::-1]]), None, refusable=True)


def damaged_meshes() -> list[Case]:
    """All cases; the same every time."""
    cases = []
    for name, (v, f) in solids().items():
        for k, hurt in enumerate(HURTS):
            for level in range(3):
                if hurt is inside_out and level:
                    continue
                if name == "hollow" and hurt in (pinched, inner_wall, double_shell):
                    continue
                rng = np.random.default_rng([level, k, len(f)])
                w, g = hurt(v, f, rng, level)
                meant = partial(union, w, g, len(f)) if hurt in UNITES else partial(_itself, v, f)
                unknown = hurt in UNKNOWN or (hurt is mixed and level == 2)
                cases.append(Case(f"{name}-{hurt.__name__}-{level}", w, g, None if unknown else meant))
    cases.extend(_specials())
    return cases
