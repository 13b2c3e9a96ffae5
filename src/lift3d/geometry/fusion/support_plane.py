"""The plane that carries the capture: the largest plane below the measured points that all cameras look down on, an
object's table or a scene's floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.geometry.camera.up_direction import Gravity, UpDirection, up_direction
from lift3d.geometry.fusion.base_level import Silhouette, silhouette_drop
from lift3d.types import F32, F64, Camera, Points

MIN_FLOOR_FRACTION = 0.05
"""Least fraction of a scene's points that lie on its floor."""
MAX_NOISE, SHARP_RISE = 0.03, 4.0
"""Of the points of an object, see `lowest_level`."""
MIN_AGREEMENT = 0.6
"""Least agreement of a floor's normal with the orientation of the photos, see `_orientation_agreement`."""
MIN_ROLLED_AGREEMENT, MIN_IMPROVEMENT = 0.8, 0.15
"""Photos count as rotated by a quarter turn only if a floor then agrees at least this well, and better by this much."""


@dataclass(frozen=True)
class SupportPlane:
    """The plane normal . x = offset in the world; the normal points up, to the object.

    noise: robust spread of its points (1.48 times the median absolute deviation); fraction: of all points that lie on it.
    """

    normal: F64
    offset: float
    noise: float
    fraction: float

    def height(self, xyz: F64) -> F64:
        """(N,) signed heights of world points (N, 3) above the plane."""
        return xyz @ self.normal - self.offset

    def evidence(self) -> dict[str, Any]:
        """The values that the report shows."""
        return {"fraction": self.fraction, "noise": self.noise, "normal": self.normal.tolist()}


def allowed_tilt(up: UpDirection) -> float:
    """Largest angle in degrees between an object's table and the horizontal: three standard errors of up and 12 degrees for
    photos that are all held at a slant, at most 70. A facade is never a table where the cameras tell what is up."""
    return min(12.0 + 3.0 * up.error, 70.0)


def find_support_plane(
    xyz: F64,
    normals: F32,
    centres: F64,
    up: F64,
    scale: float,
    seed: int = 0,
    trials: int = 600,
    tilt: float = 70.0,
) -> SupportPlane | None:
    """The support plane by RANSAC (Fischler & Bolles 1981), or None if no plane is convincing.

    xyz, normals: (N, 3) points and unit normals; centres: (M, 3) camera centres; up: (3,) expected up direction, within
    `tilt` degrees; scale: size of the object, which sets the inlier distance (1 %); trials: planes tried, each from one point and
    its normal. A plane is refused when it has too few points, cameras below it, or many points below it.
    """
    n = len(xyz)
    if n < 200:
        return None
    rng = np.random.default_rng(seed)
    sample = rng.choice(n, min(n, 6000), replace=False)
    p, q = xyz[sample], normals[sample].astype(np.float64)
    least = np.cos(np.radians(tilt))
    facing = q @ up > least
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
    if normal @ up < np.cos(np.radians(min(tilt + 3.0, 89.0))):
        return None
    residual = np.abs(xyz[inlier] @ normal - offset)
    return SupportPlane(normal, offset, float(1.48 * np.median(residual)), float(inlier.mean()))


def resting_plane(
    xyz: F64, up: F64, centres: F64, silhouettes: Sequence[Silhouette] = (), pixel: float = 0.0
) -> SupportPlane | None:
    """The level plane through the lowest of an object's points xyz (N, 3), or below them as its silhouettes tell
    (`silhouette_drop`), on which it stands where its table was masked.

    None if a camera (centres (M, 3)) is below it, which may see the object from beneath.
    """
    height = xyz @ up
    low, middle = lowest_level(height), np.quantile(height, 0.05)
    if (centres @ up <= low).any():
        return None
    base = low - silhouette_drop(xyz, up, low, silhouettes, pixel)
    return SupportPlane(up, base, max(0.1 * float(middle - low), 0.0), 0.0)


def lowest_level(height: F64) -> float:
    """The height below which the points of an object, by their heights (N,), are noise: where their density rises at least
    SHARP_RISE-fold, with at most MAX_NOISE of them below, as above the rim of a plate of which little was measured; else their
    0.3 % quantile."""
    ordered = np.sort(height)
    low, high = np.quantile(ordered, [0.003, 0.997])
    window = 0.02 * (high - low)
    levels = (
        np.arange(ordered[0], np.quantile(ordered, MAX_NOISE), 0.1 * window) if window > 0 else ordered[:0]
    )
    at, above, below = (np.searchsorted(ordered, levels + d) for d in (0.0, window, -window))
    rise = (above - at) / (at - below + 2e-4 * len(ordered))
    if len(levels) == 0 or rise.max() < SHARP_RISE:
        return float(low)
    return float(levels[int(rise.argmax())])


def find_floor(
    points: Points, cameras: Sequence[Camera], seed: int = 0, gravity: Gravity = ()
) -> SupportPlane | None:
    """The floor of a scene, or None if no floor is clear.

    It is searched below the mean up direction of the photos; the search tolerates photos held at a slant. For photos rotated by
    a quarter turn (portrait photos without an orientation tag) that search finds a wall, if anything. A floor to the side of the
    photos is preferred if it agrees clearly better with the orientation of the cameras. gravity: see `up_direction`.
    """
    assert points.normals is not None
    centres = np.array([c.centre for c in cameras])
    scale = 0.5 * float(np.median(np.linalg.norm(points.xyz - centres.mean(0), axis=1)))
    side = np.array([c.R[0] for c in cameras]).mean(0)
    side /= max(float(np.linalg.norm(side)), 1e-12)
    best, best_agreement = None, 0.0
    upwards = up_direction(cameras, gravity)
    if upwards.measured:
        tilt = allowed_tilt(upwards)
        return find_support_plane(
            points.xyz, points.normals, centres, upwards.direction, scale, seed, tilt=tilt
        )
    for up in (upwards.direction, side, -side):
        plane = find_support_plane(points.xyz, points.normals, centres, up, scale, seed)
        agreement = (
            0.0
            if plane is None or plane.fraction < MIN_FLOOR_FRACTION
            else _orientation_agreement(cameras, plane.normal)
        )
        if agreement > (
            max(MIN_ROLLED_AGREEMENT, best_agreement + MIN_IMPROVEMENT) if best is not None else MIN_AGREEMENT
        ):
            best, best_agreement = plane, agreement
        if best is None:  # without a plane below, the rotation of the photos is unknown
            return None
    return best


def _orientation_agreement(cameras: Sequence[Camera], up: F64) -> float:
    """Agreement in [0, 1] of an up direction (3,) with the orientation of the cameras.

    The mean over the cameras of the larger absolute cosine between it and an image axis: 1 for level photos of any quarter turn,
    less for photos that look up or down, and for a direction along the viewing directions.
    """
    return float(np.mean([np.abs(c.R[:2] @ up).max() for c in cameras]))


def _svd(centred: F64) -> tuple[None, None, F64]:
    """Right singular vectors (3, 3) of centred points (N, 3), largest first, by the covariance; replaces `np.linalg.svd`."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return None, None, vectors[:, ::-1].T
