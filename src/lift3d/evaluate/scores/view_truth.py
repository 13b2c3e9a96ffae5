"""The true solid of a picture, in the frame of the picture, and how well a guess agrees with it.

Frame: the view frame (geometry/voxels/view_frame.py). What no single picture tells, how far away the thing is and so
how large, is
given: the depth of its middle. Overlap is counted on cells of 1/32 and 1/64 of the true thing's longest side, over a cube of
1.5 times that side around its middle; surfaces are compared with the true mesh, without what lies buried inside.
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

ROOM = 1.5
SIZES = (32, 64)


@dataclass(frozen=True)
class Score:
    """One picture: overlap by cells along the longest side, surface likeness, error of depth (mean absolute and mean square,
    over pixels where both have a surface, in the longest side), of up in degrees, and overlap in the upright frame (what is
    the front of a thing is not agreed upon, and the turn around up not judged)."""

    iou: dict[int, float]
    surface: SurfaceScores
    depth_mae: float
    depth_mse: float
    up: float
    upright: float


class Truth:
    """The thing in one picture."""

    def __init__(self, solids: ViewSet, view: View) -> None:
        self.solids, self.view = solids, view
        self.levels = solids.levels(view.shape)
        self.points = solids.points(view.shape) @ view.to_view[:3, :3].T + view.to_view[:3, 3]
        low, high = self.points.min(0), self.points.max(0)
        self.middle, self.side = (low + high) / 2, float((high - low).max())

    def lattice(self, n: int) -> tuple[F64, float, int]:
        """(first centre, step, count along each side) of cells of 1/n of the longest side."""
        m = int(ROOM * n)
        step = self.side / n
        return self.middle - (m - 1) / 2 * step, step, m

    @cached_property
    def cells(self) -> dict[int, NDArray[np.bool_]]:
        """What is full, by n."""
        to, out = view_to_index(self.view.to_view), {}
        for n in SIZES:
            first, step, m = self.lattice(n)
            out[n] = resample_affine(self.levels, to[:3, :3] @ first + to[:3, 3], to[:3, :3] * step, m) > 127
        return out

    @cached_property
    def surface(self) -> SampledSurface:
        """Of the true mesh; samples that lie buried are left out."""
        v, f = concatenate_parts(self.solids.corpus.parts(self.view.shape))
        held = self.solids.corpus.surface(self.view.shape)
        open_ = ~self.solids.corpus.inside_or_surface(self.view.shape)
        first, step = canonical_grid(RESOLUTION)
        near_open = ndimage.binary_dilation(open_, np.ones((3, 3, 3)))
        cell = np.clip(np.rint((held.xyz - first) / step).astype(int), 0, RESOLUTION - 1)
        outside = near_open[tuple(cell.T)]
        outside = outside if outside.any() else np.ones_like(outside)
        turn, shift = self.view.to_view[:3, :3], self.view.to_view[:3, 3]
        assert held.normals is not None
        normals = held.normals[outside].astype(np.float64) @ turn.T
        return SampledSurface(
            v @ turn.T + shift, np.asarray(f, np.int32), self.points[outside], normals, self.side
        )

    def filled(self, guess: SingleViewPrediction, level: float) -> dict[int, NDArray[np.bool_]]:
        """What the guess says is full, on the same cells."""
        frame = guess.frame(self.view.frame)
        return {n: resample_from_view(guess.occupancy, frame, *self.lattice(n)) > level for n in SIZES}

    def overlaps(
        self, guess: SingleViewPrediction, levels: NDArray[np.float64], n: int
    ) -> NDArray[np.float64]:
        """Overlap at n cells along the longest side, at each of these thresholds."""
        share = resample_from_view(guess.occupancy, guess.frame(self.view.frame), *self.lattice(n))
        return np.array([iou(share > level, self.cells[n]) for level in levels])

    def score(self, guess: SingleViewPrediction, level: float) -> Score:
        """level: of the share, above which a cell is full."""
        guess = guess.fill_silhouette(level)
        said = self.filled(guess, level)
        overlap = {n: iou(said[n], self.cells[n]) for n in SIZES}
        mae, mse = self._depth_error(guess, level)
        up, upright = self._upright(guess, said[SIZES[-1]])
        return Score(overlap, self._likeness(guess, level), mae, mse, up, upright)

    def _likeness(self, guess: SingleViewPrediction, level: float) -> SurfaceScores:
        mesh = mesh_of(guess, self.view.frame, level)
        return WORST_SCORES if mesh is None else compare_surfaces(sample_mesh(*mesh), self.surface)

    def _depth_error(self, guess: SingleViewPrediction, level: float) -> tuple[float, float]:
        """Of the first full cell along each ray."""
        said, n = guess.occupancy > level, len(guess.occupancy)
        truth = view_target(self.view, self.levels, n) > 127
        both = said.any(0) & truth.any(0)
        if not both.any():
            return 1.0, 1.0
        near = [
            first_depth(x, frame)[both]
            for x, frame in ((said, guess.frame(self.view.frame)), (truth, self.view.frame))
        ]
        error = (near[0] - near[1]) / self.side
        return float(np.abs(error).mean()), float((error**2).mean())

    def _upright(self, guess: SingleViewPrediction, said: NDArray[np.bool_]) -> tuple[float, float]:
        """Angle between said and true up; overlap where each is turned into its own upright frame."""
        up = self.view.to_view[:3, 2]
        if guess.pose is None:
            return float(np.degrees(np.arccos(np.clip(-up[1], -1, 1)))), 0.0
        turn = guess.rotation
        assert turn is not None
        said_up = turn[2]
        angle = float(np.degrees(np.arccos(np.clip(said_up @ up, -1, 1))))
        back = between(up, said_up)
        middle = np.full(3, (len(said) - 1) / 2)
        moved = resample_affine(said.astype(np.uint8) * 255, middle - back @ middle, back, len(said)) > 127
        return angle, iou(moved, self.cells[SIZES[-1]])


def between(a: F64, b: F64) -> F64:
    """(3, 3) the smallest rotation from one direction to another."""
    axis, cosine = np.cross(a, b), float(np.clip(a @ b, -1, 1))
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        return np.eye(3) if cosine > 0 else 2 * np.outer(p := _aside(a), p) - np.eye(3)
    x, y, z = axis / sine
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + sine * k + (1 - cosine) * k @ k)


def _aside(a: F64) -> F64:
    """A unit vector at a right angle to a."""
    other = np.cross(a, np.eye(3)[int(np.abs(a).argmin())])
    return np.asarray(other / np.linalg.norm(other))


def first_depth(full: NDArray[np.bool_], frame: ViewFrame) -> F64:
    """(H, W) depth of the first full cell along each ray (w, v, u)."""
    w = (full.argmax(0) + 0.5) / len(full) * 2 - 1
    return np.asarray(frame.centre_depth + frame.half_depth * w)


def mesh_of(
    guess: SingleViewPrediction, given: ViewFrame, level: float
) -> tuple[F64, NDArray[np.int32]] | None:
    """The closed surface of a guess in the view frame, without debris; None where nothing is full."""
    n = len(guess.occupancy)
    v, f = marching_tetrahedra(np.ascontiguousarray(-guess.occupancy.transpose(2, 1, 0)), -level)
    if not len(f):
        return None
    v, f = remove_debris(v, f)
    return guess.frame(given).unproject((v + 0.5) / n * 2 - 1), f
