"""Guarantees about meshes, voxels and surfaces."""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.geometry.mesh.components import component_volumes, connected_components
from lift3d.geometry.mesh.distances import closest_points
from lift3d.geometry.mesh.solidity import has_boundary, inspect_arrays, inspect_solid, is_closed
from lift3d.geometry.mesh.winding_number import winding_number
from lift3d.mapping import Guarantee, Mapping
from lift3d.types import F64, DepthMaps, Mesh, Points, Surface, Voxels

SAMPLES = 400
"""Grid nodes at which an exact value is compared."""

AnyMapping = Mapping[Any, Any]


def _probabilities(mapping: AnyMapping, source: Any, result: Voxels) -> str | None:
    low, high = float(result.values.min()), float(result.values.max())
    return (
        None if result.quantity == "occupancy" and 0 <= low <= high <= 1 else f"values from {low} to {high}"
    )


def _empty_border(mapping: AnyMapping, source: Any, result: Voxels) -> str | None:
    inner = np.zeros(result.inside.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    return "voxels at the border of the grid are occupied" if (result.inside & ~inner).any() else None


def _points_in_grid(mapping: AnyMapping, source: Points, result: Voxels) -> str | None:
    index = (source.xyz - result.affine[:3, 3]) @ np.linalg.inv(result.affine[:3, :3]).T
    inside = ((index >= -0.5) & (index <= np.array(result.values.shape) - 0.5)).all(1)
    return None if inside.all() else f"{int((~inside).sum())} points lie outside the grid"


def _mesh_arrays(mesh: Mesh) -> tuple[F64, Any]:
    return np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)


def _solid(mapping: AnyMapping, source: Any, result: Mesh) -> str | None:
    return "; ".join(inspect_solid(result).failures()) or None


def _solid_unchanged(mapping: AnyMapping, source: Any, result: Mesh) -> str | None:
    again = mapping(result)
    same = all(np.array_equal(a, b) for a, b in zip(_mesh_arrays(again), _mesh_arrays(result)))
    return None if same else "the repair changes a solid"


def _closed_and_oriented(mapping: AnyMapping, source: Any, result: Mesh) -> str | None:
    report = inspect_arrays(*_mesh_arrays(result))
    return None if report.closed and report.oriented else "; ".join(report.failures())


def _no_small_components(mapping: AnyMapping, source: Any, result: Mesh) -> str | None:
    v, f = _mesh_arrays(result)
    volumes = np.abs(component_volumes(v, f, connected_components(f, len(v))))
    volumes = volumes[volumes > 0]
    share = float(volumes.min() / volumes.max())
    return None if share > 0.01 else f"a component has {100 * share:.2g} % of the volume of the largest"


def _face_budget(mapping: AnyMapping, source: Any, result: Mesh) -> str | None:
    most = mapping.faces  # type: ignore[attr-defined]
    return None if len(result.faces) <= most else f"{len(result.faces)} faces, more than {most}"


def _object_closed_scene_open(mapping: AnyMapping, source: Any, result: Surface) -> str | None:
    v, f = _mesh_arrays(result.mesh)
    if result.kind == "scene":
        return None if has_boundary(v, f) else "a scene has no boundary"
    if not is_closed(v, f):
        return "an object is not closed"
    base = int((np.abs(v[:, 2] - v[:, 2].min()) < 1e-9).sum())
    return None if abs(v[:, 2].min()) < 1e-6 and base >= 1 else "an object does not stand on z = 0"


def _views_in_frame(mapping: AnyMapping, source: DepthMaps, result: Surface) -> str | None:
    frame = result.world_from_model
    for given, own in zip(source.views.cameras, result.views.cameras):
        if not np.allclose(frame[:3, :3] @ own.centre + frame[:3, 3], given.centre, atol=1e-6):
            return "the cameras are not in the frame of the mesh"
    return None


def _geometry_unchanged(mapping: AnyMapping, source: Surface, result: Mesh) -> str | None:
    old, new = (np.asarray(m.vertices)[np.asarray(m.faces)] for m in (source.mesh, result))
    return None if np.array_equal(old, new) else "corners of faces have moved"


def _every_face_textured(mapping: AnyMapping, source: Surface, result: Mesh) -> str | None:
    uv = np.asarray(result.visual.uv)  # type: ignore[union-attr]
    good = uv.shape == (len(result.vertices), 2) and uv.min() >= 0 and uv.max() <= 1
    return None if good else "faces have no place on the texture"


def _exact_inside(mapping: AnyMapping, source: Mesh, result: Voxels) -> str | None:
    v, f = _mesh_arrays(source)
    index, nodes = _sampled_nodes(result)
    truth = winding_number(v, f, nodes) > 0.5
    clear = closest_points(v, f, nodes)[1] > 1e-9
    wrong = int((truth != result.inside[tuple(index.T)])[clear].sum()) if is_closed(v, f) else 0
    return None if wrong == 0 else f"{wrong} of {len(nodes)} nodes are on the wrong side"


def _exact_distances(mapping: AnyMapping, source: Mesh, result: Voxels) -> str | None:
    if result.quantity != "signed_distance":
        return None
    index, nodes = _sampled_nodes(result)
    far = closest_points(*_mesh_arrays(source), nodes)[1]
    error = float(np.abs(np.abs(result.values[tuple(index.T)]) - far).max())
    return None if error < 1e-5 * max(1.0, float(far.max())) else f"distances are wrong by up to {error:.2g}"


def _sampled_nodes(voxels: Voxels) -> tuple[Any, F64]:
    """(N, 3) indices of random nodes, and their positions in the world."""
    index = np.random.default_rng(0).integers(0, voxels.values.shape, (SAMPLES, 3))
    return index, index @ voxels.affine[:3, :3].T + voxels.affine[:3, 3]


PROBABILITIES = Guarantee("probabilities", "occupancy in [0, 1]", _probabilities)
EMPTY_BORDER = Guarantee(
    "empty_border", "the border of the grid is empty, so the solid is closed", _empty_border
)
POINTS_IN_GRID = Guarantee("points_in_grid", "all given points lie within the grid", _points_in_grid)
SOLID = Guarantee(
    "solid", "closed edge-manifold, oriented, positive volume, no self-intersection, no debris", _solid
)
SOLID_UNCHANGED = Guarantee("solid_unchanged", "a solid is returned unchanged", _solid_unchanged)
CLOSED = Guarantee("closed", "closed and consistently oriented", _closed_and_oriented)
NO_SMALL_COMPONENTS = Guarantee(
    "no_small_components",
    "no component under 2 % of the volume of the largest before smoothing",
    _no_small_components,
)
FACE_BUDGET = Guarantee("face_budget", "at most as many faces as the option `faces`", _face_budget)
OBJECT_CLOSED_SCENE_OPEN = Guarantee(
    "object_closed_scene_open",
    "an object is closed and stands on z = 0; a scene is open",
    _object_closed_scene_open,
)
VIEWS_IN_FRAME = Guarantee("views_in_frame", "cameras and mesh share one frame", _views_in_frame)
GEOMETRY_UNCHANGED = Guarantee(
    "geometry_unchanged", "the corners and the order of the faces are those of the input", _geometry_unchanged
)
EVERY_FACE_TEXTURED = Guarantee(
    "every_face_textured", "every face has a place on the texture", _every_face_textured
)
EXACT_INSIDE = Guarantee(
    "exact_inside",
    "exact inside test at every voxel centre of a closed mesh; by vote otherwise",
    _exact_inside,
)
EXACT_DISTANCES = Guarantee("exact_distances", "distances to the surface are exact", _exact_distances)
