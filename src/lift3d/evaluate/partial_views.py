"""Wholes made partial, as scans are: cut by a plane, or seen from one side by a depth camera.

What was done follows from the shape's number alone.
"""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.types import F64, Mesh

KINDS = ("cut", "view")
KEPT = (0.3, 0.6)
"""Share of the surface that a cut leaves: about half. With much more, the part alone is all but the whole."""
ELEVATION = (0.0, 50.0)
PIXELS = 160
LEAP = 6.0
"""Neighbouring pixels whose depths differ by more than so many of their own widths are of two surfaces."""


def partial(v: F64, f: NDArray[np.integer], points: F64, kind: str, number: int) -> Mesh:
    """Of the whole v, f with samples (N, 3), even over its surface; number: from which everything random follows."""
    rng = np.random.default_rng([number, KINDS.index(kind)])
    if kind == "cut":
        return half(v, f, points, rng)
    azimuth, elevation = rng.uniform(0, 360), rng.uniform(*ELEVATION)
    return seen(v, f, float(azimuth), float(elevation))


def half(v: F64, f: NDArray[np.integer], points: F64, rng: np.random.Generator) -> Mesh:
    """What lies on one side of a plane of any direction; the cut stays open."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    offset = float(np.quantile(points @ normal, 1 - rng.uniform(*KEPT)))
    cut_v, cut_f, _ = trimesh.intersections.slice_faces_plane(v, f, normal, normal * offset)
    return trimesh.Trimesh(cut_v, cut_f, process=False, validate=False)


def seen(v: F64, f: NDArray[np.integer], azimuth: float, elevation: float, pixels: int = PIXELS) -> Mesh:
    """The surface that a depth camera sees (degrees), two triangles between every four pixels."""
    camera = orbit_camera(v, azimuth, elevation, pixels, pixels, 2.0 * pixels)
    z = depth_map(camera, v, f).astype(np.float64)
    at = ((pixel_rays(camera) * z[..., None]).reshape(-1, 3) - camera.t) @ camera.R
    number = np.arange(pixels * pixels).reshape(pixels, pixels)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    # rows run down: a b c is counter-clockwise as the camera sees it, so its normal points to the camera
    faces = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    depth = z.reshape(-1)[faces]
    leap = np.ptp(depth, axis=1) > LEAP * depth.min(1) / camera.fx
    faces = faces[(depth > 0).all(1) & ~leap]
    used, local = np.unique(faces, return_inverse=True)
    return trimesh.Trimesh(at[used], local.reshape(-1, 3), process=False, validate=False)
