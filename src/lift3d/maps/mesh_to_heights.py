"""A mesh to the heights of its front: parallel rays meet the nearest surface exactly (orthographic projection).

The viewer stands at -y and looks along +y, z up, unless `azimuth` turns the viewer around the z axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.mesh.distances import (
    build_search_tree,
    closest_points,
    hits_in_tree,
    nondegenerate_faces,
)
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.types import F64, HeightField, Mesh

NAME = "mesh_to_heights"
SMALLEST, LARGEST = 16, 4096
MARGIN = 0.02
"""Empty border around the object, as a fraction of its longer side in the picture."""
CHECKED = 400


def _on_surface(mapping: Mapping[Any, Any], source: Mesh, result: HeightField) -> str | None:
    """None, or the largest distance of a sampled height from the surface."""
    known = result.known
    assert known is not None
    rows, columns = np.nonzero(known)
    chosen = np.random.default_rng(0).integers(0, len(rows), CHECKED)
    rows, columns = rows[chosen], columns[chosen]
    turned, origin, step = _grid(source, mapping.resolution, mapping.azimuth)[:3]  # type: ignore[attr-defined]
    x, z = origin[0] + columns * step, origin[2] - rows * step
    points = np.stack([x, -result.values[rows, columns].astype(np.float64), z], 1)
    far = closest_points(turned, np.asarray(source.faces, np.int32), points)[1].max()
    size = float(np.ptp(turned, axis=0).max())
    return None if far < 1e-5 * size else f"a height is {far / size:.2g} of the size from the surface"


ON_SURFACE = Guarantee("on_surface", "every height lies on the surface", _on_surface)


def _grid(mesh: Mesh, resolution: int, azimuth: float) -> tuple[F64, F64, float, tuple[int, int]]:
    """(vertices (V, 3) with the viewer at -y, upper left sample (3,), distance between samples, (rows, columns))."""
    a = -np.radians(azimuth)
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]])
    v = np.asarray(mesh.vertices, np.float64) @ turn.T
    used = v[np.unique(np.asarray(mesh.faces))]
    low, high = used.min(0), used.max(0)
    size = float(max(high[0] - low[0], high[2] - low[2]))
    margin = MARGIN * size
    step = (size + 2 * margin) / (resolution - 1)
    columns, rows = (int(np.ceil((high[k] - low[k] + 2 * margin) / step - 1e-6)) + 1 for k in (0, 2))
    centre = (low + high) / 2
    origin = np.array([centre[0] - (columns - 1) * step / 2, low[1], centre[2] + (rows - 1) * step / 2])
    return v, origin, step, (rows, columns)


@register(Card(NAME, "Mesh", "HeightField", (ON_SURFACE, SAME_BYTES)))
@dataclass(frozen=True)
class MeshToHeights(Mapping[Mesh, HeightField]):
    """resolution: samples along the longer side of the picture. azimuth: degrees by which the viewer walks around the object,
    counter-clockwise as seen from above; 0 stands at -y."""

    resolution: int = 600
    azimuth: float = 0.0

    def apply(self, source: Mesh, context: Context) -> HeightField:
        """Heights in the unit of the mesh, -y of the nearest surface, known where a ray meets it. Raises InputError for a mesh
        without faces and for a resolution outside its limits."""
        if not SMALLEST <= self.resolution <= LARGEST:
            raise InputError(f"resolution = {self.resolution}", f"use {SMALLEST} to {LARGEST}")
        faces = np.asarray(source.faces, np.int32)
        vertices = np.asarray(source.vertices, np.float64)
        if len(faces) == 0 or len(nondegenerate_faces(vertices, faces)) == 0:
            raise InputError("the mesh has no faces with an area", "check the file it was read from")
        if not np.isfinite(vertices[faces]).all():
            raise InputError("the mesh has vertices that are not finite", "repair it first")
        v, origin, step, (rows, columns) = _grid(source, self.resolution, self.azimuth)
        if not step > 0:
            raise InputError("the mesh has no extent as seen from the front", "turn it with --azimuth")
        tree = build_search_tree(v, faces)
        depth = np.empty((rows, columns))
        start = origin[1] - 1.0 * max(float(np.ptp(v[:, 1])), step)
        x = origin[0] + np.arange(columns) * step
        for row in range(rows):
            if row % 64 == 0:
                context.progress(NAME, row / rows)
            rays = np.stack([x, np.full(columns, start), np.full(columns, origin[2] - row * step)], 1)
            depth[row] = hits_in_tree(tree, rays, np.tile([0.0, 1.0, 0.0], (columns, 1)), 0.0)[0]
        known = np.isfinite(depth)
        if not known.any():
            raise InputError("no ray from the front meets the mesh", "turn it with --azimuth")
        values = np.where(known, -(start + np.where(known, depth, 0.0)), 0.0).astype(np.float32)
        context.note(NAME, shape=[rows, columns], known=round(float(known.mean()), 4))
        context.progress(NAME, 1.0)
        return HeightField(values, known)
