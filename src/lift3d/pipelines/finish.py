"""The last steps that all reconstructions share: real size and solidity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.mapping import Mapping
from lift3d.pipelines.options import Options
from lift3d.pipelines.scale import mark_pixels
from lift3d.runtime.runner import Run
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.types import Mesh, Views


def sized(mesh: Mesh, views: Views, options: Options, run: Run) -> tuple[Mesh, Views, dict[str, Any]]:
    """Mesh and views at the size that the user gives, if any; and how the scale was found."""
    from lift3d.geometry.camera.similarity import transform_views

    set_unit(mesh, views.unit)
    how = "not given: the unit is unknown" if views.unit is None else "the cameras are given in metres"
    scale: dict[str, Any] = {"given": options.scale.wanted, "how": how}
    if options.scale.wanted:
        marks = mark_pixels(options.scale.marks, views) if options.scale.marks else None
        factor, scale["how"] = options.scale.factor(mesh, views, marks)
        mesh.vertices = np.asarray(mesh.vertices) * factor
        set_unit(mesh, "m")
        views = transform_views(views, np.diag([factor, factor, factor, 1.0]), "m")
    return mesh, views, scale


def solid(mesh: Mesh, repair: Mapping[Mesh, Mesh], run: Run) -> Mesh:
    """The mesh itself if it passes the predicate, else repaired."""
    from lift3d.geometry.mesh.solidity import inspect_solid

    with run.measured("solid"):
        report = inspect_solid(mesh)
        if report.is_solid:
            return mesh
        run.warn(f"The surface needed repair to be solid: {', '.join(report.failures())}.")
        return set_unit(repair(mesh, run.context), mesh.units)
