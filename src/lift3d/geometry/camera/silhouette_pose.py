"""The pose of a camera from the silhouette of a known mesh in its photo.

Silhouettes of a mesh in a set of directions are compared with the mask by their IoU, and the most similar ones refined by the
Nelder-Mead method over rotation and translation, as in pose estimation by silhouettes (Lensch, Heidrich & Seidel 2001,
doi:10.1006/gmod.2001.0554). A silhouette does not tell the front from the back of an object that is symmetric about the image
plane, so that several poses are returned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.spatial.transform import Rotation

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.types import F64, Camera

AZIMUTHS = 24
ELEVATIONS = (-15.0, 0.0, 15.0, 32.0, 50.0, 75.0)
"""Degrees of the directions that are tried."""
COARSE, FINE = 48, 128
"""Pixels along each side of the crop in which silhouettes are compared: in the search, and in the refinement."""
KEPT, APART = 6, 25.0
"""Poses that are refined, and the least angle between two of them in degrees."""
TURN, MOVE = 6.0, 0.04
"""Unit of the search: degrees, and fraction of the distance or of the object's size."""
SIMPLICES = (1.0, -1.5, 2.5)
"""Sizes of the first simplices of the runs of the refinement, each of which begins where the last one ended."""
ROUNDS = 140
"""Most evaluations of a refinement."""


@dataclass(frozen=True)
class SilhouettePose:
    """A camera of the photo, and the IoU of the mesh's silhouette with the mask."""

    camera: Camera
    iou: float


def poses_from_silhouette(
    v: F64,
    f: NDArray[np.integer],
    mask: NDArray[np.bool_],
    intrinsics: F64,
    elevations: tuple[float, ...] = ELEVATIONS,
    kept: int = KEPT,
) -> list[SilhouettePose]:
    """Poses from which the mesh, upright along +z, looks like the mask (H, W), the best first.

    v (V, 3), f (F, 3): the mesh; intrinsics (3, 3): of the photo; elevations: degrees that are tried; kept: number of poses. The
    search has cameras that do not roll, and the refinement moves them freely. ValueError for an empty mask or mesh.
    """
    if not len(f):
        raise ValueError("the mesh has no faces")
    crop = square_crop(mask)
    coarse, fine = (_crop_mask(mask, crop, n) for n in (COARSE, FINE))
    points = v[np.unique(f)]
    centre = (points.min(0) + points.max(0)) / 2
    radius = float(np.linalg.norm(points - centre, axis=1).max())
    found = []
    for elevation in elevations:
        for k in range(AZIMUTHS):
            camera = _fitted(points, centre, radius, 360 * k / AZIMUTHS, elevation, mask, intrinsics)
            found.append((iou(_silhouette(v, f, camera, crop, COARSE), coarse), camera))
    found.sort(key=lambda pair: -pair[0])
    chosen: list[Camera] = []
    for _, camera in found:
        if len(chosen) < kept and all(_angle(camera, other) > APART for other in chosen):
            chosen.append(camera)
    poses = [_refined(v, f, camera, centre, radius, crop, fine) for camera in chosen]
    return sorted(poses, key=lambda pose: -pose.iou)


def _fitted(
    points: F64, centre: F64, radius: float, azimuth: float, elevation: float, mask: NDArray[np.bool_], k: F64
) -> Camera:
    """The camera in a direction whose bounding box of the points is that of the mask."""
    a, e = math.radians(azimuth), math.radians(elevation)
    out = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    h, w = mask.shape
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    low, high = np.array([columns[0], rows[0]], float), np.array([columns[-1] + 1, rows[-1] + 1], float)
    focal = float(k[0, 0])
    distance = max(focal * 2 * radius / float((high - low).max()), 1.2 * radius)
    pose = look_at(centre + distance * out, centre, w, h, focal).world_to_camera.copy()
    for _ in range(3):
        p = points @ pose[:3, :3].T + pose[:3, 3]
        uv = p[:, :2] / p[:, 2:] * focal + k[:2, 2]
        a_low, a_high = uv.min(0), uv.max(0)
        grow = float((high - low).max() / max((a_high - a_low).max(), 1e-9))
        pose[2, 3] = max(pose[2, 3] / grow, 1.05 * radius)
        shift = (low + high) / 2 - (k[:2, 2] + ((a_low + a_high) / 2 - k[:2, 2]) * grow)
        pose[:2, 3] += shift / focal * pose[2, 3]
    return Camera(w, h, float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), pose)


def _silhouette(v: F64, f: NDArray[np.integer], camera: Camera, crop: Crop, n: int) -> NDArray[np.bool_]:
    """(n, n) bool: the pixels of the crop that the mesh covers."""
    scale = n / (2 * crop.half)
    small = replace(
        camera, width=n, height=n, fx=camera.fx * scale, fy=camera.fy * scale,
        cx=(camera.cx - crop.x + crop.half) * scale, cy=(camera.cy - crop.y + crop.half) * scale,
    )  # fmt: skip
    return rasterize(small, v, f)[0] >= 0


def _crop_mask(mask: NDArray[np.bool_], crop: Crop, n: int) -> NDArray[np.bool_]:
    """(n, n) bool: the mask at the pixel centres of the crop; False outside the photo."""
    line = (np.arange(n) + 0.5) / n * 2 * crop.half - crop.half
    x, y = np.floor(line + crop.x).astype(int), np.floor(line + crop.y).astype(int)
    h, w = mask.shape
    inside = ((y >= 0) & (y < h))[:, None] & ((x >= 0) & (x < w))[None]
    return np.asarray(inside & mask[np.clip(y, 0, h - 1)[:, None], np.clip(x, 0, w - 1)[None]])


def _refined(
    v: F64, f: NDArray[np.integer], camera: Camera, centre: F64, radius: float, crop: Crop, mask: NDArray[np.bool_]
) -> SilhouettePose:  # fmt: skip
    """The camera moved until the silhouette agrees best; it turns about the centre of the mesh."""
    place = camera.R @ centre + camera.t

    def moved(x: F64) -> Camera:
        rotation = Rotation.from_rotvec(x[:3] * math.radians(TURN)).as_matrix() @ camera.R
        at = place + np.array([x[3] * radius, x[4] * radius, x[5] * place[2]]) * MOVE
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation, at - rotation @ centre
        return replace(camera, world_to_camera=pose)

    def cost(x: F64) -> float:
        return 1 - iou(_silhouette(v, f, moved(x), crop, len(mask)), mask)

    best = np.zeros(6)
    for size in SIMPLICES:  # new starts leave local minima
        done = minimize(
            cost, best, method="Nelder-Mead",
            options={
                "initial_simplex": best + size * np.concatenate([np.zeros((1, 6)), np.eye(6)]), "maxfev": ROUNDS,
                "xatol": 0.02, "fatol": 1e-4,
            },
        )  # fmt: skip
        best = done.x
    return SilhouettePose(moved(best), 1 - cost(best))


def _angle(a: Camera, b: Camera) -> float:
    """Degrees between the rotations of two cameras."""
    trace = float(np.trace(a.R @ b.R.T))
    return math.degrees(math.acos(min(max((trace - 1) / 2, -1.0), 1.0)))
