"""A flat base for printing: the lowest slice of a solid is cut off, and the solid placed on z = 0."""

from __future__ import annotations

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair.shell_union import from_manifold, to_manifold
from lift3d.geometry.repair.working_mesh import I32
from lift3d.types import F64


def cut_flat_base(v: F64, f: I32, slice_height: float) -> tuple[F64, I32, float]:
    """(vertices (N, 3), faces (F, 3), z of the new base before the move): the solid cut `slice_height` above its
    lowest point and moved onto z = 0.

    It is moved without a cut where the cut would not leave a solid.
    """
    low = float(v[:, 2].min())
    body = to_manifold(v, f)
    if body is not None:
        w, g = from_manifold(body.trim_by_plane((0.0, 0.0, 1.0), low + slice_height))
        if len(g) and inspect_arrays(w, g).is_solid:
            v, f, low = w, g, float(w[:, 2].min())
    return v - [0.0, 0.0, low], f, low
