"""What things stand on: the largest plane below all else that all cameras look down on, an object's table or a
scene's floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.geometry.fusion.capture_layout import estimate_up
from lift3d.types import F32, F64, Camera, Points

MIN_FLOOR_FRACTION = 0.05
"""Share of a scene's points that must lie on its floor."""
MIN_AGREEMENT = 0.6
"""How well a floor must agree with how the photos were held, see `_held`."""
MIN_ROLLED_AGREEMENT, MIN_IMPROVEMENT = 0.8, 0.15
"""Photos are taken as turned on their side only if a floor then agrees as well as this, and this much better."""


@dataclass(frozen=True)
class SupportPlane:
    """normal . x = offset, the normal pointing up to the object; noise: spread (1.48 MAD) of its points; share: of all points."""

    normal: F64
    offset: float
    noise: float
    share: float

    def height(self, xyz: F64) -> F64:
        """(N,) signed heights above the plane."""
        return xyz @ self.normal - self.offset

    def evidence(self) -> dict[str, Any]:
        """For the report."""
        return {"share": self.share, "noise": self.noise, "normal": self.normal.tolist()}


def find_support_plane(
    xyz: F64, normals: F32, centres: F64, up: F64, scale: float, seed: int = 0, trials: int = 600
) -> SupportPlane | None:
    """RANSAC (Fischler & Bolles 1981) over points with normals.

    xyz (N, 3), normals (N, 3); centres (M, 3) camera centres; up: expected up direction (wide tolerance);
    scale: size of the thing (sets the inlier distance). None when no plane is convincing: too few points, cameras
    on both sides, or many points below it.
    """
    n = len(xyz)
    if n < 200:
        return None
    rng = np.random.default_rng(seed)
    sample = rng.choice(n, min(n, 6000), replace=False)
    p, q = xyz[sample], normals[sample].astype(np.float64)
    facing = q @ up > 0.3
    candidates = np.nonzero(facing)[0]
    if len(candidates) < 50:
        return None
    tolerance = 0.01 * scale
    best, best_score = None, 0.0
    for c in rng.choice(candidates, min(trials, len(candidates)), replace=False):
        normal = q[c]
        offset = float(normal @ p[c])
        if (centres @ normal - offset > 0).mean() < 0.95:
            continue
        height = p @ normal - offset
        inlier = (np.abs(height) < tolerance) & (q @ normal > 0.85)
        below = (height < -4 * tolerance).mean()
        score = inlier.mean() - 1.5 * below
        if score > best_score:
            best, best_score = (normal, offset), score
    if best is None or best_score < 0.04:
        return None
    normal, offset = best
    full = normals.astype(np.float64)
    for shrink in (1.0, 0.7, 0.5):
        inlier = (np.abs(xyz @ normal - offset) < tolerance * shrink) & (full @ normal > 0.8)
        if inlier.sum() < 50:
            return None
        centre = xyz[inlier].mean(0)
        _, _, vt = (
            np.linalg.svd(xyz[inlier] - centre, full_matrices=False)
            if inlier.sum() < 20000
            else _svd(xyz[inlier] - centre)
        )
        fitted = vt[2] if vt[2] @ normal > 0 else -vt[2]
        normal, offset = fitted, float(fitted @ centre)
    residual = np.abs(xyz[inlier] @ normal - offset)
    return SupportPlane(normal, offset, float(1.48 * np.median(residual)), float(inlier.mean()))


def find_floor(points: Points, cameras: Sequence[Camera], seed: int = 0) -> SupportPlane | None:
    """The floor of a scene, or None if there is none that is clear.

    It is looked for below the photos' mean up direction, which photos held at a slant lead astray by less than the
    search forgives. Of photos turned by a quarter, as those held upright whose files do not say so, that finds a wall,
    if anything; a floor to the side of the photos is preferred if it fits clearly better how cameras are held."""
    assert points.normals is not None
    centres = np.array([c.centre for c in cameras])
    scale = 0.5 * float(np.median(np.linalg.norm(points.xyz - centres.mean(0), axis=1)))
    side = np.array([c.R[0] for c in cameras]).mean(0)
    side /= max(float(np.linalg.norm(side)), 1e-12)
    best, fit = None, 0.0
    for up in (estimate_up(cameras), side, -side):
        plane = find_support_plane(points.xyz, points.normals, centres, up, scale, seed)
        held = 0.0 if plane is None or plane.share < MIN_FLOOR_FRACTION else _held(cameras, plane.normal)
        if held > (max(MIN_ROLLED_AGREEMENT, fit + MIN_IMPROVEMENT) if best is not None else MIN_AGREEMENT):
            best, fit = plane, held
        if best is None:  # nothing below: nothing is known of how the photos were turned
            return None
    return best


def _held(cameras: Sequence[Camera], up: F64) -> float:
    """How well a direction agrees with how cameras are held, one side of the picture level: the mean over the cameras
    of the larger cosine between it and a side of the picture. 1 for level photos of whatever quarter turn, less for
    those that look up or down, and for a direction that the cameras turn away from and towards."""
    return float(np.mean([np.abs(c.R[:2] @ up).max() for c in cameras]))


def _svd(centred: F64) -> tuple[None, None, F64]:
    """Principal axes by the covariance, largest first."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return None, None, vectors[:, ::-1].T
