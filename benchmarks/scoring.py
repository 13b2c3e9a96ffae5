"""Scores of a reconstruction of a rendered set: surface, depth maps, held-out photos.

Frames: the reconstruction is in the frame of its estimated cameras. It is aligned to the true frame by the similarity of the
camera centres (Umeyama 1991), which is accurate to a few tenths of a per cent with 26 centres, and then by iterated closest
points on the surface itself, without pairs farther than 1 % of the diagonal.

Surface (after Knapitsch et al. 2017): recall is the fraction of the visible true points that lie within the
threshold of the reconstruction; precision is the fraction of the reconstruction's visible area that lies within the
threshold of the truth. The visible area is visible in two true cameras by the reconstruction's own depth map, or outside the
truth's box: the closed base does not count, but floaters and remains of the table do.
Distances are exact (to faces).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree, sample_surface
from lift3d.geometry.metrics.points import nearest_distances, umeyama
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.rasterizer import depth_map, visible_points
from lift3d.geometry.render.renderer import render
from lift3d.types import Camera, Depth, Mesh
from rendered_sets import RenderedSet
from whole_score import FScores, f_score, whole_score

Similarity = tuple[float, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SurfaceScore(FScores):
    """Of the surface that the photos saw; accuracy, completeness: median distance, %."""

    accuracy: float
    completeness: float

    def to_json(self) -> dict[str, float]:
        return {k: round(v, 4) for k, v in asdict(self).items()}


def moved(similarity: Similarity, xyz: np.ndarray) -> np.ndarray:
    """s R x + t for points (N, 3)."""
    s, r, t = similarity
    return s * np.asarray(xyz, np.float64) @ r.T + t


def moved_camera(similarity: Similarity, camera: Camera) -> Camera:
    """The camera in the world after the similarity; its depths are s times as large."""
    s, r, t = similarity
    pose = np.eye(4)
    pose[:3, :3] = camera.R @ r.T
    pose[:3, 3] = s * camera.t - pose[:3, :3] @ t
    return Camera(camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy, pose)


def align_cameras(estimated: list[Camera], true: list[Camera]) -> Similarity:
    """The similarity that maps the estimated camera centres to the true centres, in pairs."""
    return umeyama(np.array([c.centre for c in estimated]), np.array([c.centre for c in true]))


def camera_errors(similarity: Similarity, estimated: list[Camera], true: list[Camera]) -> dict[str, float]:
    """Median rotation error (degrees) and centre error (% of the largest distance between true centres). A photo that was turned
    by quarter turns is compared in its own orientation."""
    turn, shift = [], []
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    for a, b in zip(estimated, true):
        a = moved_camera(similarity, a)
        trace = max(np.trace(np.linalg.matrix_power(quarter, k) @ a.R @ b.R.T) for k in range(4))
        turn.append(np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))))
        shift.append(np.linalg.norm(a.centre - b.centre))
    centres = np.array([c.centre for c in true])
    diameter = np.linalg.norm(centres[:, None] - centres[None], axis=2).max()
    return {
        "rotation_deg": float(np.median(turn)),
        "centre_percent": float(100 * np.median(shift) / diameter),
    }


def refine(similarity: Similarity, mesh: Mesh, truth: RenderedSet, rounds: int = 15) -> Similarity:
    """The similarity by iterated closest points from the visible true points to the mesh, with pairs within 1 % of the
    diagonal."""
    rng = np.random.default_rng(0)
    points = truth.seen[rng.permutation(len(truth.seen))[:8000]].astype(np.float64)
    tree = build_search_tree(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    for _ in range(rounds):
        s, r, t = similarity
        local = (points - t) @ r / s
        there, distance, _ = closest_in_tree(tree, local)
        near = distance * s < 0.01 * truth.diagonal
        if near.sum() < 500:
            return similarity
        similarity = umeyama(there[near], points[near])
    return similarity


def surface_score(
    mesh: Mesh, truth: RenderedSet, similarity: Similarity, samples: int = 150_000
) -> SurfaceScore:
    """The F-scores of a reconstructed mesh, moved to the true frame by `similarity`."""
    v, f = moved(similarity, mesh.vertices), np.asarray(mesh.faces, np.int32)
    recall_distance = (
        closest_in_tree(build_search_tree(v, f), truth.seen.astype(np.float64))[1] / truth.diagonal
    )
    points, _, _ = sample_surface(v, f, samples, np.random.default_rng(0))
    count = np.zeros(len(points), np.int64)
    for camera in truth.cameras:
        big = resize_camera(camera, 2 * camera.width, 2 * camera.height)
        count += visible_points(big, depth_map(big, v, f), points, slack=0.001)
    true = truth.mesh
    low, high = true.bounds[0] - 0.02 * truth.diagonal, true.bounds[1] + 0.02 * truth.diagonal
    points = points[(count >= 2) | (points < low).any(1) | (points > high).any(1)]
    tree = build_search_tree(np.asarray(true.vertices), np.asarray(true.faces))
    precision_distance = closest_in_tree(tree, points)[1] / truth.diagonal
    return _score(precision_distance, recall_distance)


def points_score(xyz: np.ndarray, truth: RenderedSet, similarity: Similarity) -> SurfaceScore:
    """The F-scores of a point cloud (N, 3): all points count for precision."""
    points = moved(similarity, xyz)
    true = truth.mesh
    tree = build_search_tree(np.asarray(true.vertices), np.asarray(true.faces))
    recall = nearest_distances(truth.seen.astype(np.float64), points)
    return _score(closest_in_tree(tree, points)[1] / truth.diagonal, recall / truth.diagonal)


def _score(there: np.ndarray, back: np.ndarray) -> SurfaceScore:
    values = [x for limit in (0.01, 0.005) for x in f_score(there, back, limit)]
    accuracy = float(100 * np.median(there)) if len(there) else float("inf")
    return SurfaceScore(*values, accuracy, float(100 * np.median(back)))


def depth_score(
    depths: list[Depth], truth: RenderedSet, photos: list[int], scale: float = 1.0
) -> dict[str, float]:
    """Fractions of the object's visible pixels, over all photos: `within`, with a depth within 0.5 % of the truth, and
    `measured`, with any depth. depths[k] belongs to photo photos[k], at any size, but not turned; its values times `scale` are in
    the true unit."""
    total = within = measured = 0
    for depth, i in zip(depths, photos):
        height, width = depth.z.shape
        camera = truth.cameras[i]
        if abs(width * camera.height - height * camera.width) > 0.02 * width * camera.height:
            continue  # turned by a quarter
        true = truth.depth(i, width, height)
        on = true > 0
        z = depth.z * np.float32(scale)
        total += int(on.sum())
        measured += int((z[on] > 0).sum())
        within += int((np.abs(z[on] - true[on]) <= 0.005 * true[on]).sum())
    return {"within": within / max(total, 1), "measured": measured / max(total, 1), "pixels": float(total)}


def texture_score(mesh: Mesh, truth: RenderedSet, similarity: Similarity) -> dict[str, float]:
    """PSNR (dB, sRGB) of the textured mesh against the held-out photos, at pixels where the model covers the object: without a
    correction, and with one gain per photo and channel, because the photos' exposures differ."""
    ready = drawable(mesh)
    ready = replace(ready, v=moved(similarity, ready.v))
    plain, gained = [], []
    for path, camera in zip(truth.held_back, truth.held_back_cameras):
        photo = photo_pixels(path)
        shot = render(ready, camera, samples=2, shading=0)
        on = shot.mask & (depth_map(camera, truth.mesh.vertices, truth.mesh.faces) > 0)
        if not on.any():
            continue
        a, b = shot.rgb[on].astype(np.float64), photo[on].astype(np.float64)
        gain = (a * b).sum(0) / np.maximum((a * a).sum(0), 1e-9)
        plain.append(psnr(a, b))
        gained.append(psnr(np.clip(a * gain, 0, 255), b))
    return {"psnr": float(np.mean(plain)), "psnr_gain": float(np.mean(gained)), "worst": float(np.min(plain))}


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(((a - b) ** 2).mean(), 1e-12)))


def photo_pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def score(mesh: trimesh.Trimesh, estimated: list[Camera], photos: list[int], truth: RenderedSet) -> dict:
    """All scores of one textured reconstruction. estimated[k] is the camera of photo photos[k]."""
    true = [truth.cameras[i] for i in photos]
    rough = align_cameras(estimated, true)
    fine = refine(rough, mesh, truth)
    result: dict = {
        "registered": len(photos),
        "cameras": camera_errors(rough, estimated, true),
        "surface": surface_score(mesh, truth, fine).to_json(),
        "surface_unrefined": surface_score(mesh, truth, rough).to_json(),
        "whole": whole_score(
            moved(fine, mesh.vertices),
            mesh.faces,
            truth.mesh.vertices,
            truth.mesh.faces,
            truth.seen,
            scene=truth.scene,
            cameras=truth.cameras,
        ).to_json(),
        "up_deg": float(np.degrees(np.arccos(np.clip(truth.up @ fine[1][:, 2], -1, 1)))),
    }
    if mesh.visual.kind in ("texture", "vertex") and truth.held_back:
        result["texture"] = texture_score(mesh, truth, fine)
    return result
