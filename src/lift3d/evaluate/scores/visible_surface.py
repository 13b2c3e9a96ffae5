"""Scores of the half of a predicted surface that the photo shows: F-score at 1 % and normal consistency."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.metrics.solids import WORST_SCORES, SampledSurface, SurfaceScores, compare_samples
from lift3d.geometry.render.rasterizer import depth_map, visible_points
from lift3d.types import F32, Camera


def visible_half(surface: SampledSurface, camera: Camera) -> tuple[NDArray[np.bool_], F32]:
    """(N,) the samples that the camera sees, and the depth map (n, n) of the surface."""
    z = depth_map(camera, surface.v, surface.f)
    return visible_points(camera, z, surface.points), z


def compare_visible(
    predicted: SampledSurface, truth: SampledSurface, camera: Camera, shifted: bool = False
) -> SurfaceScores:
    """Scores of the samples of each surface that the camera sees, by their distances to the other surface. shifted: after the
    prediction is moved in depth, along z of the view frame, by the median difference of the depth maps, since a photo does not
    tell how far away an object is."""
    (seen, z), (true_seen, true_z) = (visible_half(s, camera) for s in (predicted, truth))
    if not seen.any() or not true_seen.any():
        return WORST_SCORES
    both = (z > 0) & (true_z > 0)
    if shifted and both.any():
        move = np.array([0, 0, float(np.median(true_z[both] - z[both])) / camera.R[2, 2]])
        predicted = replace(predicted, v=predicted.v + move, points=predicted.points + move)
    return compare_samples(predicted, seen, truth, true_seen)
