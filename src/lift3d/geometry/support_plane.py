"""The table or floor that an object stands on: the largest plane below it that all cameras look down on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.types import F32, F64


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


def _svd(centred: F64) -> tuple[None, None, F64]:
    """Principal axes by the covariance, largest first."""
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return None, None, vectors[:, ::-1].T
