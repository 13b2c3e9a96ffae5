"""Slanted-plane PatchMatch stereo of one reference photo against several source photos, on all cores.

Each pixel has a plane, stored as inverse depth w at the pixel centre and its gradient (gx, gy) per pixel. The inverse depth of
a plane is affine in pixel coordinates, so the plane's homography into a source view is x' ~ A [u, v, 1]^T + b w(u, v) with
A = K_s R K_r^-1 and b = K_s t (Hartley & Zisserman eq. 13.2). The cost is 1 - ZNCC over a window weighted by colour similarity
(Yoon & Kweon 2006), averaged over the pixel's best source views. Planes propagate over a red-black checkerboard (Bleyer et al.
2011; Galliani et al. 2015) and are refined by shrinking random steps. The random numbers are a hash of pixel and round, and red
pixels read black pixels only, so the result does not depend on the number of threads. The kernels take bands of rows that
`kernels.in_bands` distributes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.camera.projection import relative_pose, resize_camera
from lift3d.geometry.kernels import run_in_bands
from lift3d.geometry.stereo import patchmatch_kernels as kernels
from lift3d.geometry.stereo.patchmatch_kernels import (
    MAX_COST,
    OFFSETS,
    OUT_OF_VIEW_COST,
    SIGMA,
    WINDOW_RADIUS,
    WINDOW_SAMPLES,
)
from lift3d.types import F32, Camera

__all__ = [
    "MAX_COST", "OFFSETS", "OUT_OF_VIEW_COST", "SIGMA", "WINDOW_RADIUS", "WINDOW_SAMPLES", "PhotoSet",
    "evaluate_planes", "flatten_images", "initialise_planes", "prepare_photos", "propagate_planes", "upsample_planes",
]  # fmt: skip


class PhotoSet(NamedTuple):
    """The input of every kernel.

    padded: the reference's grey photo with WINDOW_RADIUS pixels added on every side, flattened; sources: all source photos,
    flattened; shape: (S, 4) int32 offset, stride, height, width of each; M: (S, 12) A and b of each; sigma: see `SIGMA`;
    keep: number of best views that make the cost.
    """

    padded: F32
    sources: F32
    shape: NDArray[np.int32]
    M: F32
    sigma: np.float32
    keep: int


def prepare_photos(greys: Sequence[F32], cameras: Sequence[Camera], keep: int) -> PhotoSet:
    """The photo set of grey photos (H, W) float32, the reference first. Cameras are resized to the photos."""
    fitted = [resize_camera(c, g.shape[1], g.shape[0]) for c, g in zip(cameras, greys)]
    padded = np.pad(greys[0], WINDOW_RADIUS, mode="edge").reshape(-1)
    sources, shape = flatten_images(greys[1:])
    M = np.array([relative_pose(fitted[0], c) for c in fitted[1:]], np.float32)
    return PhotoSet(padded, sources, shape, M, SIGMA, min(keep, len(M)))


def flatten_images(greys: Sequence[F32]) -> tuple[F32, NDArray[np.int32]]:
    """Grey photos of any sizes as one flat array, and (S, 4) int32 rows of (offset, stride, height, width)."""
    sizes = [g.size for g in greys]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    shape = np.array([(o, g.shape[1], *g.shape) for o, g in zip(offsets, greys)], np.int32)
    return np.concatenate([g.reshape(-1) for g in greys]), shape


def initialise_planes(
    p: PhotoSet, planes: F32, cost: F32, chosen: NDArray[np.uint8],
    *, views: int, tries: int, span: tuple[np.float32, np.float32], seed: int,
) -> None:  # fmt: skip
    """Fill cost (H, W) and chosen (H, W), the bit mask of each pixel's `views` best source views, in place.

    With tries > 0 planes (3, H, W) become the best of that many stratified random inverse depths in `span`; with 0 they stay.
    """
    run_in_bands(
        kernels.initialise_planes,
        len(cost),
        _scratch(p),
        tuple(p),
        planes,
        cost,
        chosen,
        views,
        tries,
        span,
        seed,
    )


def propagate_planes(
    p: PhotoSet, planes: F32, cost: F32, chosen: NDArray[np.uint8],
    *, K: F32, parity: int, far: int, step: np.float32, tilt: np.float32, span: tuple[np.float32, np.float32],
    tries: int, seed: int,
) -> None:  # fmt: skip
    """One half-sweep over the pixels with (x + y) % 2 == parity, in place.

    Each pixel tries its neighbours' planes (in each direction the cheapest at distance 1, 3, .. `far`), then `tries` random
    refinements of inverse depth (+- step) and gradient (+- tilt). K: fx, fy, cx, cy of the reference; span: range of inverse
    depth.
    """
    sweep = (K, parity, far, step, tilt, span, tries, seed)
    run_in_bands(kernels.propagate_planes, len(cost), _scratch(p), tuple(p), planes, cost, chosen, *sweep)


def _scratch(p: PhotoSet) -> Callable[[], F32]:
    """Working memory of one band: the weights and values of a window, and the costs of all views.

    The kernels do not allocate: without numba's reference counts on the photos, which all threads would write to, they are
    a fifth faster.
    """
    return lambda: np.empty(2 * WINDOW_SAMPLES + len(p.M), np.float32)


def evaluate_planes(p: PhotoSet, width: int, x: NDArray[np.int64], y: NDArray[np.int64], planes: F32) -> F32:
    """(N,) float32 costs of planes (3, N) at pixels (x, y) of a reference photo of the given width."""
    cost = np.empty(len(x), np.float32)
    run_in_bands(kernels.evaluate_planes, len(x), _scratch(p), tuple(p), width, x, y, planes, cost)
    return cost


def upsample_planes(planes: F32, height: int, width: int) -> F32:
    """Planes (3, h, w) on a finer grid, (3, height, width) float32: each pixel takes the plane of the coarse pixel that
    contains its centre, extended to that centre.
    """
    h, w = planes.shape[1:]
    sy, sx = h / height, w / width
    yf = (np.arange(height) + 0.5) * sy
    xf = (np.arange(width) + 0.5) * sx
    yi = np.minimum(yf.astype(np.int64), h - 1)
    xi = np.minimum(xf.astype(np.int64), w - 1)
    p = planes[:, yi][:, :, xi]
    w0 = p[0] + p[1] * (xf - (xi + 0.5))[None, :] + p[2] * (yf - (yi + 0.5))[:, None]
    return np.ascontiguousarray(np.stack([w0, p[1] * sx, p[2] * sy]), np.float32)
