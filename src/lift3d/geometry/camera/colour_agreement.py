"""Whether two photos of a mesh show the same colours where both see it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.render.rasterizer import depth_map, visible_points
from lift3d.types import F64, Camera, Image

SAMPLES, SIDE = 6000, 320
"""Points on the mesh, and longer side in pixels of the reduced photos."""
GRAZING = 0.25
"""Cosine between normal and line of sight below which a point is not compared."""
MIN_COMMON = 60
"""Points that both photos have to see."""
MIN_CONTRAST = 6.0
"""Mean difference, in codes of 0 to 255, between colours of random points below which colours tell nothing."""


@dataclass(frozen=True)
class ColourAgreement:
    """overlap: fraction of the points seen in the second photo that the first sees as well. difference: mean difference of their
    colours over that of random pairs of them: near 0 for the same surface, near 1 for another one; None where nothing can be
    compared."""

    overlap: float
    difference: float | None


def compare_colours(
    v: F64, f: NDArray[np.integer], first: tuple[Image, Camera], second: tuple[Image, Camera]
) -> ColourAgreement:
    """The agreement of two photos with masks and cameras around a mesh (v, f). Gains of the channels are forgiven."""
    points, normals, _ = sample_surface(v, f, SAMPLES, np.random.default_rng(0))
    (a, seen_a), (b, seen_b) = (_colours(v, f, points, normals, *each) for each in (first, second))
    both = seen_a & seen_b
    overlap = float(both.sum() / max(int(seen_b.sum()), 1))
    if int(both.sum()) < MIN_COMMON:
        return ColourAgreement(overlap, None)
    x, y = a[both], b[both]
    y = y * (np.median(x, 0) + 1) / (np.median(y, 0) + 1)
    other = np.random.default_rng(1).permutation(len(x))
    usual = float(np.abs(x - y[other]).mean())
    contrast = float(np.abs(x - x[other]).mean())
    if contrast < MIN_CONTRAST:
        return ColourAgreement(overlap, None)
    return ColourAgreement(overlap, float(np.abs(x - y).mean()) / max(usual, 1e-9))


def _colours(
    v: F64, f: NDArray[np.integer], points: F64, normals: F64, image: Image, camera: Camera
) -> tuple[F64, NDArray[np.bool_]]:
    """(N, 3) colours of the points in a photo, smoothed by its reduction, and (N,) which of them it sees inside its mask."""
    factor = max(1, round(max(image.width, image.height) / SIDE))
    small = np.asarray(Pil.fromarray(image.pixels).reduce(factor), np.float64)
    h, w = small.shape[:2]
    reduced = replace(
        camera, width=w, height=h, fx=camera.fx / factor, fy=camera.fy / factor, cx=camera.cx / factor,
        cy=camera.cy / factor,
    )  # fmt: skip
    seen = visible_points(reduced, depth_map(reduced, v, f), points)
    line = camera.centre - points
    seen &= (normals * line).sum(1) > GRAZING * np.linalg.norm(line, axis=1)
    p = points @ reduced.R.T + reduced.t
    uv = p[:, :2] / np.where(seen, p[:, 2], 1.0)[:, None] * [reduced.fx, reduced.fy] + [
        reduced.cx,
        reduced.cy,
    ]
    x, y = (np.where(seen, uv[:, k], 0).astype(int).clip(0, n - 1) for k, n in ((0, w), (1, h)))
    if image.mask is not None:
        rows, columns = (
            (c * factor + factor // 2).clip(0, n - 1) for c, n in ((y, image.height), (x, image.width))
        )
        seen &= image.mask[rows, columns]
    return small[y, x], seen
