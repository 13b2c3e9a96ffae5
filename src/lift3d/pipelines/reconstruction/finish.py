"""The last steps of every reconstruction: real size and solidity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lift3d.mapping import Mapping
from lift3d.pipelines.reconstruction.options import Options
from lift3d.pipelines.reconstruction.scale import Scale, mark_pixels
from lift3d.runtime.runner import Run
from lift3d.types import Mesh, Surface, Views
from lift3d.units import set_unit


@dataclass(frozen=True)
class ScaleSource:
    """Where the size of a model comes from. given: whether the user stated it; how: a phrase for the report."""

    given: bool
    how: str


@dataclass(frozen=True, eq=False)
class Model:
    """A finished model. kind: "object" or "scene", and the reason. how: a phrase about the photos used, for the user.
    uncertainty: the mesh with vertex colours that show how certain a prediction is, or None. confidence: of a prediction,
    in [0, 1], or None for a measured model."""

    mesh: Mesh
    views: Views
    kind: str
    reason: str
    scale: ScaleSource
    photo_count: int
    placed_count: int
    how: str = ""
    uncertainty: Mesh | None = None
    confidence: float | None = None


def apply_scale(surface: Surface, scale: Scale) -> tuple[Surface, ScaleSource]:
    """The surface with its views at its real size, in metres, if the user gave it; else unchanged."""
    from lift3d.geometry.camera.similarity import transform_views

    mesh, views = surface.mesh, surface.views
    set_unit(mesh, views.unit)
    if not scale.is_given:
        known = views.unit is not None
        how = "the cameras are given in metres" if known else "not given: the unit is unknown"
        return surface, ScaleSource(False, how)
    marks = mark_pixels(scale.marks, views) if scale.marks else None
    factor, how = scale.factor(mesh, views, marks)
    mesh.vertices = np.asarray(mesh.vertices) * factor
    set_unit(mesh, "m")
    views = transform_views(views, np.diag([factor, factor, factor, 1.0]), "m")
    return replace(surface, mesh=mesh, views=views), ScaleSource(True, how)


def without_light(mesh: Mesh, options: Options, run: Run) -> Mesh:
    """The textured mesh, its albedo if that is wanted."""
    if not options.delight:
        return mesh
    from lift3d.maps.mesh_to_albedo import MeshToAlbedo

    return run.step("albedo", MeshToAlbedo(), mesh, keep=False)


def ensure_solid(mesh: Mesh, repair: Mapping[Mesh, Mesh], run: Run) -> Mesh:
    """The mesh itself if it is solid, else repaired, with a warning."""
    from lift3d.geometry.mesh.solidity import inspect_solid

    with run.measured("solid"):
        report = inspect_solid(mesh)
        if report.is_solid:
            return mesh
        run.warn(f"The surface needed repair to be solid: {', '.join(report.failures())}.")
        return set_unit(repair(mesh, run.context), mesh.units)
