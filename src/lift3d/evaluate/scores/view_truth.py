"""Ground truth of a rendered view, in the view frame (geometry/voxels/view_frame.py), and scores of a prediction.

One image does not determine depth and scale, so that the true depth of the object's centre is given. IoU is computed on voxels of
1/32 and 1/64 of the true longest side, in a cube of 1.5 times that side around the centre. Surfaces are compared with the true
mesh without the faces inside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.mesh.components import remove_debris
from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.metrics.solids import (
    WORST_SCORES,
    SampledSurface,
    SurfaceScores,
    compare_surfaces,
    sample_mesh,
)
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.voxels.canonical_frame import RESOLUTION, canonical_grid
from lift3d.geometry.voxels.view_frame import ViewFrame, resample_affine, resample_from_view
from lift3d.inference.single_view import SingleViewPrediction
from lift3d.train.data.view_set import View, ViewSet, view_target, view_to_index
from lift3d.types import F64

LATTICE_EXTENT = 1.5
"""Side of the cube in which IoU is computed, as a multiple of the true longest side."""
RESOLUTIONS = (32, 64)
"""Voxels along the true longest side."""


@dataclass(frozen=True)
class ViewScores:
    """Scores of one image: IoU by resolution; surface scores; mean absolute and mean squared depth error, in units of the longest
    side, over pixels where prediction and truth have a surface; error of the up direction in degrees; IoU in the upright frame.
    The rotation about the vertical is not scored, because the categories' front is not defined."""

    iou: dict[int, float]
    surface: SurfaceScores
    depth_mae: float
    depth_mse: float
    up: float
    upright: float


class GroundTruth:
    """The true object in one view, against which predictions are scored."""

    def __init__(self, solids: ViewSet, view: View) -> None:
        self.solids, self.view = solids, view
        self.levels = solids.levels(view.shape)
        self.points = solids.points(view.shape) @ view.to_view[:3, :3].T + view.to_view[:3, 3]
        low, high = self.points.min(0), self.points.max(0)
        self.centre, self.side = (low + high) / 2, float((high - low).max())

    def lattice(self, n: int) -> tuple[F64, float, int]:
        """Centre of the first voxel (3,), voxel size, and count along each side, for voxels of 1/n of the longest side."""
        m = int(LATTICE_EXTENT * n)
        step = self.side / n
        return self.centre - (m - 1) / 2 * step, step, m

    @cached_property
    def voxels(self) -> dict[int, NDArray[np.bool_]]:
        """The true solid on the lattice of each resolution."""
        to, out = view_to_index(self.view.to_view), {}
        for n in RESOLUTIONS:
            first, step, m = self.lattice(n)
            out[n] = resample_affine(self.levels, to[:3, :3] @ first + to[:3, 3], to[:3, :3] * step, m) > 127
        return out

    @cached_property
    def surface(self) -> SampledSurface:
        """The true mesh with samples on its outer surface, without samples inside the solid."""
        v, f = concatenate_parts(self.solids.corpus.parts(self.view.shape))
        samples = self.solids.corpus.surface(self.view.shape)
        outside_voxels = ~self.solids.corpus.inside_or_surface(self.view.shape)
        first, step = canonical_grid(RESOLUTION)
        near_open = ndimage.binary_dilation(outside_voxels, np.ones((3, 3, 3)))
        voxel = np.clip(np.rint((samples.xyz - first) / step).astype(int), 0, RESOLUTION - 1)
        outside = near_open[tuple(voxel.T)]
        outside = outside if outside.any() else np.ones_like(outside)
        rotation, shift = self.view.to_view[:3, :3], self.view.to_view[:3, 3]
        assert samples.normals is not None
        normals = samples.normals[outside].astype(np.float64) @ rotation.T
        return SampledSurface(
            v @ rotation.T + shift, np.asarray(f, np.int32), self.points[outside], normals, self.side
        )

    def full_voxels(self, prediction: SingleViewPrediction, threshold: float) -> dict[int, NDArray[np.bool_]]:
        """The predicted solid on the lattice of each resolution."""
        frame = prediction.frame(self.view.frame)
        return {
            n: resample_from_view(prediction.occupancy, frame, *self.lattice(n)) > threshold
            for n in RESOLUTIONS
        }

    def iou_by_threshold(
        self, prediction: SingleViewPrediction, thresholds: NDArray[np.float64], n: int
    ) -> NDArray[np.float64]:
        """(T,) IoU at n voxels along the longest side, at each threshold (T,)."""
        frame = prediction.frame(self.view.frame)
        occupancy = resample_from_view(prediction.occupancy, frame, *self.lattice(n))
        return np.array([iou(occupancy > threshold, self.voxels[n]) for threshold in thresholds])

    def score(self, prediction: SingleViewPrediction, threshold: float) -> ViewScores:
        """All scores of a prediction at an occupancy threshold."""
        prediction = prediction.fill_silhouette(threshold)
        full = self.full_voxels(prediction, threshold)
        overlap = {n: iou(full[n], self.voxels[n]) for n in RESOLUTIONS}
        mae, mse = self._depth_error(prediction, threshold)
        up, upright = self._upright(prediction, full[RESOLUTIONS[-1]])
        return ViewScores(overlap, self._surface_scores(prediction, threshold), mae, mse, up, upright)

    def _surface_scores(self, prediction: SingleViewPrediction, threshold: float) -> SurfaceScores:
        mesh = prediction_mesh(prediction, self.view.frame, threshold)
        return WORST_SCORES if mesh is None else compare_surfaces(sample_mesh(*mesh), self.surface)

    def _depth_error(self, prediction: SingleViewPrediction, threshold: float) -> tuple[float, float]:
        """Mean absolute and mean squared error of the depth of the first full voxel along each ray, in units of the longest
        side."""
        full, n = prediction.occupancy > threshold, len(prediction.occupancy)
        truth = view_target(self.view, self.levels, n) > 127
        both = full.any(0) & truth.any(0)
        if not both.any():
            return 1.0, 1.0
        depths = [
            first_depth(x, frame)[both]
            for x, frame in ((full, prediction.frame(self.view.frame)), (truth, self.view.frame))
        ]
        error = (depths[0] - depths[1]) / self.side
        return float(np.abs(error).mean()), float((error**2).mean())

    def _upright(self, prediction: SingleViewPrediction, full: NDArray[np.bool_]) -> tuple[float, float]:
        """Degrees between predicted and true up direction; IoU after each solid is rotated to its own upright frame."""
        up = self.view.to_view[:3, 2]
        if prediction.pose is None:
            return float(np.degrees(np.arccos(np.clip(-up[1], -1, 1)))), 0.0
        rotation = prediction.rotation
        assert rotation is not None
        predicted_up = rotation[2]
        angle = float(np.degrees(np.arccos(np.clip(predicted_up @ up, -1, 1))))
        back = rotation_between(up, predicted_up)
        centre = np.full(3, (len(full) - 1) / 2)
        moved = resample_affine(full.astype(np.uint8) * 255, centre - back @ centre, back, len(full)) > 127
        return angle, iou(moved, self.voxels[RESOLUTIONS[-1]])


def rotation_between(a: F64, b: F64) -> F64:
    """The smallest rotation (3, 3) that maps unit vector a (3,) to unit vector b (3,), by Rodrigues' formula."""
    axis, cosine = np.cross(a, b), float(np.clip(a @ b, -1, 1))
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else 2 * np.outer(p := _orthogonal(a), p) - np.eye(3)
    x, y, z = axis / sine
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + sine * k + (1 - cosine) * k @ k)


def _orthogonal(a: F64) -> F64:
    """A unit vector orthogonal to a."""
    other = np.cross(a, np.eye(3)[int(np.abs(a).argmin())])
    return np.asarray(other / np.linalg.norm(other))


def first_depth(full: NDArray[np.bool_], frame: ViewFrame) -> F64:
    """(H, W) depth of the first full voxel of a view grid (D, H, W) along each ray; the depth of the first voxel for rays without
    a full voxel."""
    w = (full.argmax(0) + 0.5) / len(full) * 2 - 1
    return np.asarray(frame.centre_depth + frame.half_depth * w)


def prediction_mesh(
    prediction: SingleViewPrediction, given: ViewFrame, threshold: float
) -> tuple[F64, NDArray[np.int32]] | None:
    """Vertices (V, 3) and faces (F, 3) of the closed predicted surface in the view frame, without debris; None where no voxel
    is above the threshold."""
    n = len(prediction.occupancy)
    v, f = marching_tetrahedra(np.ascontiguousarray(-prediction.occupancy.transpose(2, 1, 0)), -threshold)
    if not len(f):
        return None
    v, f = remove_debris(v, f)
    return prediction.frame(given).unproject((v + 0.5) / n * 2 - 1), f
