"""Primitives to a coloured closed mesh, upright, its longest side 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from lift3d.corpus.procedural.primitives import Primitive, union_on_grid
from lift3d.geometry.mesh.components import keep_main_components
from lift3d.geometry.surface.decimation import decimate
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import F64, Mesh

NODES, MARGIN = 88, 3
"""Nodes along the longest side, and empty ones around the shape."""
FACES = 6000


def mesh_of(primitives: Sequence[Primitive], seed: int) -> Mesh:
    """The surface of the union with colours of its vertices. ValueError where it is empty."""
    boxes = [one.box() for one in primitives if not one.cut]
    low, high = np.min([a for a, _ in boxes], 0), np.max([b for _, b in boxes], 0)
    step = float((high - low).max()) / NODES
    count = np.ceil((high - low) / step).astype(int) + 2 * MARGIN + 1
    start = low - MARGIN * step
    values = union_on_grid(primitives, start, step, (int(count[0]), int(count[1]), int(count[2]))).astype(
        np.float32
    )
    v, f = marching_tetrahedra(np.ascontiguousarray(values), 0.0)
    if not len(f):
        raise ValueError("the shape is empty")
    v, f, _ = keep_main_components(v, f)
    if len(f) > FACES:
        v, f = decimate(v, f, FACES)
    v = v * step + start
    colours = colours_at(primitives, v, seed)
    v = (v - [*(v.min(0) + v.max(0))[:2] / 2, v[:, 2].min()]) / float(np.ptp(v, axis=0).max())
    return trimesh.Trimesh(
        v, f, vertex_colors=np.rint(colours).astype(np.uint8), process=False, validate=False
    )


def colours_at(primitives: Sequence[Primitive], points: F64, seed: int) -> F64:
    """(N, 3) sRGB of the primitive that is nearest to each point, with its pattern."""
    solids = [one for one in primitives if not one.cut]
    distances = np.stack([one.distance(points) for one in solids])
    nearest = distances.argmin(0)
    out = np.zeros((len(points), 3))
    rng = np.random.default_rng(seed)
    size = float(np.ptp(points, axis=0).max())
    for k, one in enumerate(solids):
        phase, turn = rng.uniform(0, 6.3, 3), rng.normal(0, 1, 3)
        mine = nearest == k
        if mine.any():
            out[mine] = one.colour + _pattern(one, points[mine] / size, phase, turn)
    return np.clip(out, 0, 255)


def _pattern(one: Primitive, p: F64, phase: F64, turn: F64) -> F64:
    """(N, 3) additions to the colour: "stripes", "spots" or "shade"; 0 for no pattern."""
    turn = turn / max(float(np.linalg.norm(turn)), 1e-9)
    if one.pattern == "stripes":
        wave = np.sin(60 * (p @ turn) + phase[0]) > 0.3
    elif one.pattern == "spots":
        wave = np.sin(45 * p + phase).prod(1) > 0.25
    elif one.pattern == "shade":
        return np.asarray(35 * np.sin(5 * (p @ turn) + phase[0])[:, None] * np.ones(3))
    else:
        return np.zeros((len(p), 3))
    return np.asarray(
        np.where(wave[:, None], -0.75 * one.colour if one.colour.mean() > 90 else 255 - one.colour, 0)
    )
