"""Partial surfaces of whole shapes, as in scans: cut by a plane, or seen by a depth camera from one side. All random choices
depend on the index of the shape alone."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.types import F64, Mesh

MODES = ("cut", "view")
CUT_FRACTION = (0.3, 0.6)
"""Range of the fraction of the surface that remains after a cut; a larger part would be almost the whole shape."""
ELEVATION = (0.0, 50.0)
"""Range of the depth camera's elevation, in degrees above the horizon."""
PIXELS = 160
DEPTH_JUMP = 6.0
"""Difference in depth, in pixel widths, above which neighbouring pixels belong to two surfaces."""


def make_partial(v: F64, f: NDArray[np.integer], points: F64, mode: str, index: int) -> Mesh:
    """Part of a mesh v (V, 3), f (F, 3): cut by a plane ("cut") or seen from one side ("view").

    points (N, 3): samples of its surface, uniform over the area; index: seed of the random choices."""
    rng = np.random.default_rng([index, MODES.index(mode)])
    if mode == "cut":
        return cut_by_plane(v, f, points, rng)
    azimuth, elevation = rng.uniform(0, 360), rng.uniform(*ELEVATION)
    return view_from_side(v, f, float(azimuth), float(elevation))


def cut_by_plane(v: F64, f: NDArray[np.integer], points: F64, rng: np.random.Generator) -> Mesh:
    """The mesh on one side of a random plane, with 30 to 60 % of the points (N, 3); the cut remains open."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = float(np.quantile(points @ normal, 1 - rng.uniform(*CUT_FRACTION)))
    cut_v, cut_f, _ = trimesh.intersections.slice_faces_plane(v, f, normal, normal * offset)
    return trimesh.Trimesh(cut_v, cut_f, process=False, validate=False)


def view_from_side(
    v: F64, f: NDArray[np.integer], azimuth: float, elevation: float, pixels: int = PIXELS
) -> Mesh:
    """The surface that a depth camera sees from azimuth and elevation in degrees: two triangles between every four pixels,
    oriented towards the camera, but none across a depth discontinuity."""
    camera = orbit_camera(v, azimuth, elevation, pixels, pixels, 2.0 * pixels)
    z = depth_map(camera, v, f).astype(np.float64)
    at = ((pixel_rays(camera) * z[..., None]).reshape(-1, 3) - camera.t) @ camera.R
    index = np.arange(pixels * pixels).reshape(pixels, pixels)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    # Rows are ordered downwards: a b c is counter-clockwise in the image, so that the normal points to the camera.
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    depth = z.reshape(-1)[faces]
    jump = np.ptp(depth, axis=1) > DEPTH_JUMP * depth.min(1) / camera.fx
    faces = faces[(depth > 0).all(1) & ~jump]
    used, local = np.unique(faces, return_inverse=True)
    return trimesh.Trimesh(at[used], local.reshape(-1, 3), process=False, validate=False)
