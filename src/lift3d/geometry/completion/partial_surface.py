"""The known part of an object, as a scan brings it: scaled to unit size, sampled evenly, with normals.

A mesh is sampled by area. Points are thinned to a grid, and each is given a square of the area that it stands for, so
that the squares together have the area of the surface and a winding number can be computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lift3d.errors import InputError
from lift3d.geometry.completion.merge import squares_around_points
from lift3d.geometry.completion.partial_frame import FRAME_RESOLUTION, fit_partial_frame
from lift3d.geometry.mesh.distances import nondegenerate_faces, sample_surface
from lift3d.geometry.voxels.canonical_frame import flatness
from lift3d.types import F64, Mesh, Points

MIN_POINTS = 100
"""Points of a point cloud."""
SAMPLES_PER_CELL = 1.6
"""Samples for each square cell of the surface; the density of the training data."""
SAMPLES = (2000, 40_000)
"""Least and largest number of samples."""
THINNING_GRID = 200
"""Grid cells along the longest side; points in one cell are averaged."""
NEIGHBOURS = 8
"""Neighbours from which the area of a point is estimated."""
FLAT = 0.01
"""Ratio of the spread across a plane to the largest spread in it, below which the known part is flat."""


@dataclass(frozen=True, eq=False)
class PartialSurface:
    """The known surface, scaled so that the longest side of its box is 1 and the box is centred at the origin.

    mesh: the surface, or one square for each point, with colours. samples: points spread evenly over it, with unit
    normals. centre (3,) and scale: of the box in the coordinates of the input. unit: of the input, or None.
    """

    mesh: Mesh
    samples: Points
    centre: F64
    scale: float
    unit: str | None


def partial_surface(source: Mesh | Points, seed: int = 0) -> PartialSurface:
    """The known part of `source`; raises InputError where there is too little of it or its outside is unknown."""
    return _from_points(source) if isinstance(source, Points) else _from_mesh(source, seed)


def require_not_flat(known: PartialSurface) -> None:
    """Raise InputError where all samples lie in one plane: nothing shows how deep the object is behind it."""
    if flatness(known.samples.xyz) < FLAT:
        raise InputError(
            "the known part is flat, so nothing shows how deep the object is behind it",
            "scan more of the object, from another side too",
        )


def _from_mesh(mesh: Mesh, seed: int) -> PartialSurface:
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    kept = nondegenerate_faces(v, f)
    if not len(kept):
        raise InputError("the mesh has no faces with an area", "check the file it was read from")
    centre, scale = _bounding_box(v[f[kept]].reshape(-1, 3))
    scaled = mesh.copy()
    scaled.vertices = (v - centre) / scale
    scaled.update_faces(np.isin(np.arange(len(f)), kept))
    v, f = np.asarray(scaled.vertices, np.float64), np.asarray(scaled.faces)
    t = v[f]
    area = float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum()) / 2
    rng = np.random.default_rng(seed)
    p, n, _ = sample_surface(v, f, SAMPLES[0], rng)
    step = fit_partial_frame(p, n).side / FRAME_RESOLUTION
    count = int(np.clip(SAMPLES_PER_CELL * area / step**2, *SAMPLES))
    p, n, _ = sample_surface(v, f, count, rng)
    return PartialSurface(scaled, Points(p, n.astype(np.float32)), centre, scale, mesh.units)


def _from_points(cloud: Points) -> PartialSurface:
    if len(cloud) < MIN_POINTS:
        raise InputError(
            f"there are only {len(cloud)} points" if len(cloud) else "there are no points",
            f"give {MIN_POINTS} or more",
        )
    if cloud.normals is None:
        raise InputError(
            "the points have no normals, so the outside of the surface is unknown",
            "write the normals with the points (nx ny nz in a PLY file; most scanning programs can)",
        )
    if not (np.isfinite(cloud.xyz).all() and (np.abs(cloud.normals).sum(1) > 0).all()):
        raise InputError("some points are not finite or have no normal", "leave these points out")
    centre, scale = _bounding_box(cloud.xyz)
    xyz = (cloud.xyz - centre) / scale
    normals = cloud.normals.astype(np.float64)
    xyz, normals, colours = thin_points(xyz, normals, cloud.colours, 1 / THINNING_GRID)
    v, f = squares_around_points(xyz, normals, square_sizes(xyz))
    mesh = trimesh.Trimesh(v, f, process=False, validate=False)
    if colours is not None:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.repeat(colours, 4, 0))
    step = fit_partial_frame(xyz, normals).side / FRAME_RESOLUTION
    p, n, _ = thin_points(xyz, normals, None, step / np.sqrt(SAMPLES_PER_CELL))
    return PartialSurface(mesh, Points(p, n.astype(np.float32)), centre, scale, cloud.unit)


def square_sizes(xyz: F64) -> F64:
    """(N,) side of the square that each point (N, 3) stands for: the area of the disk that holds its nearest neighbours,
    divided by their number. Clipped to 0.5 to 1.6 times the median."""
    distance = cKDTree(xyz).query(xyz, min(NEIGHBOURS, len(xyz) - 1) + 1)[0][:, -1]
    side = np.sqrt(np.pi * distance**2 / (NEIGHBOURS + 0.5))
    median = float(np.median(side))
    return np.asarray(np.clip(side, 0.5 * median, 1.6 * median))


def thin_points(
    xyz: F64, normals: F64, colours: NDArray[np.uint8] | None, step: float
) -> tuple[F64, F64, NDArray[np.uint8] | None]:
    """Average the points (N, 3), unit normals (N, 3) and colours (N, 3) of each cubic cell of side `step`.

    Points of one cell whose normals have another dominant direction are averaged apart, so that the two faces of a thin
    plate stay separate. Returns (M, 3) points, unit normals and colours.
    """
    cell = np.floor((xyz - xyz.min(0)) / step).astype(np.int64)
    size = cell.max(0) + 1
    axis = np.abs(normals).argmax(1)
    facing = 2 * axis + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)
    key = ((cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2]) * 6 + facing
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)

    def mean(values: NDArray[Any]) -> F64:
        sums = [np.bincount(group, values[:, k].astype(np.float64), len(count)) for k in range(3)]
        return np.stack(sums, 1) / count[:, None]

    n = mean(normals)
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)
    return mean(xyz), n, None if colours is None else np.rint(mean(colours)).astype(np.uint8)


def _bounding_box(points: F64) -> tuple[F64, float]:
    """Centre (3,) and longest side of the axis-aligned box of points (N, 3)."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    if not (np.isfinite(side) and side > 0):
        raise InputError("all points are at one position", "check the file it was read from")
    return (low + high) / 2, side
