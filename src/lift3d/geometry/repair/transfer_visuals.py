"""Transfer of colours and textures from a mesh to its repaired copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from trimesh.visual import ColorVisuals, TextureVisuals

from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.repair.working_mesh import Soup, drop_unused_vertices
from lift3d.types import Mesh


def transfer_visuals(source: Mesh, soup: Soup) -> tuple[Mesh, str]:
    """(the repaired mesh with the colours or texture of the source, a phrase that states what was transferred)."""
    soup = drop_unused_vertices(soup)
    bare = trimesh.Trimesh(soup.v, soup.f, process=False, validate=False, metadata=dict(source.metadata))
    bare.units = source.units  # type: ignore[assignment]
    visual: Any = source.visual
    if not visual.defined:
        return bare, "no colours or texture"
    if isinstance(visual, TextureVisuals) and visual.uv is not None and (soup.origin >= 0).all():
        return _textured(source, soup, bare), "texture kept"
    try:
        colours: Any = visual.to_color() if isinstance(visual, TextureVisuals) else visual
        vertex = np.asarray(colours.vertex_colors, np.uint8)
    except (AttributeError, ValueError, TypeError, IndexError):
        return bare, "colours could not be read and were dropped"
    if len(vertex) != len(source.vertices):
        return bare, "colours could not be read and were dropped"
    bare.visual = ColorVisuals(bare, vertex_colors=_transferred(source, soup, vertex))
    if isinstance(visual, TextureVisuals):
        return bare, "texture became vertex colours, because the surface changed"
    return bare, "colours kept"


def _textured(source: Mesh, soup: Soup, bare: Mesh) -> Mesh:
    """The mesh with texture coordinates: vertices are split along texture seams, one per (vertex, source vertex)."""
    old = np.asarray(source.faces)[soup.origin]
    # The order of the corners may have changed: each takes the closest corner of its source face.
    squared_distance = ((soup.v[soup.f][:, :, None] - np.asarray(source.vertices)[old][:, None]) ** 2).sum(-1)
    corner = np.take_along_axis(old, squared_distance.argmin(2), axis=1)
    pairs = np.stack([soup.f.reshape(-1), corner.reshape(-1)], axis=1)
    distinct, f = np.unique(pairs, axis=0, return_inverse=True)
    out = trimesh.Trimesh(
        soup.v[distinct[:, 0]], f.reshape(-1, 3), process=False, validate=False, metadata=dict(bare.metadata)
    )
    out.units = bare.units  # type: ignore[assignment]
    source_visual: Any = source.visual
    uv = np.asarray(source_visual.uv)[distinct[:, 1]]
    out.visual = TextureVisuals(uv=uv, material=source_visual.material)
    return out


def _transferred(source: Mesh, soup: Soup, vertex: np.ndarray) -> np.ndarray:
    """(V, 4) uint8 colours of the source at the closest points, interpolated over its faces."""
    v, f = np.asarray(source.vertices, np.float64), np.asarray(source.faces)
    points, _, face = closest_in_tree(build_search_tree(v, f), soup.v)
    bary = trimesh.triangles.points_to_barycentric(v[f[face]], points)
    bary = np.clip(np.nan_to_num(bary, nan=1 / 3), 0, 1)
    bary /= np.maximum(bary.sum(1, keepdims=True), 1e-12)
    mixed = (vertex[f[face]].astype(np.float64) * bary[:, :, None]).sum(1)
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
