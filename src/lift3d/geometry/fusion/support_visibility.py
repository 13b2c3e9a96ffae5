"""Visibility of the support plane: a ray that reaches the table proves free space before it.

Depth is measured where several neighbouring photos see a point. Under a seat or between legs the table is visible in few photos,
from directions far apart, and depth is missing. But its plane is known, so that all photos can be rectified to it (Hartley &
Zisserman 2004, section 8.4): where a photo shows the table itself, and not something before it, its rectified patch equals that
of other photos, from whatever direction. Something above the plane is displaced between the views and does not match.
Correlated is the detail alone, since two smooth patches correlate by chance, and the chroma must agree: with both, of the pixels
found in four rendered sets 0.1 % showed the object (without them 0.5 %, and up to 5 % on a table of wood).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.image.pyramid import halve
from lift3d.types import F32, F64, Camera, Depth, DepthMaps

RADIUS = 5
"""Half width of a patch in cells of the plane's grid."""
MAX_CELLS = 640
"""Largest number of cells along a side of the grid."""
OTHERS = 12
"""Number of other photos with which each is compared."""
MIN_ANGLE_COSINE = 0.97
"""Photos closer in direction (14 degrees) are not compared: what stands on the table moves too little between them."""
MIN_NCC, SURE_NCC = 0.7, 0.9
"""Correlations at which the confidence is 0 and 1."""
MIN_DEVIATION = 1.5
"""Least standard deviation of the detail (grey levels, 0 to 255) of a patch; plainer patches say nothing."""
DETAIL = 2.5
"""Standard deviation in cells of the smoothing that is subtracted: two smooth patches correlate by chance."""
MAX_CHROMA_DIFFERENCE = 0.025
"""Largest difference of the fractions of red and of green between two patches."""
PIXELS = 1.5
"""Least size of a cell in pixels of the depth maps."""
GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue in the luma of ITU-R BT.601."""


class PlaneGrid(NamedTuple):
    """Square cells of a plane z = height in a frame (4, 4, local to world): cell (i, j) has its centre at low + step (i, j)."""

    frame: F64
    low: F64
    height: float
    step: float
    shape: tuple[int, int]

    def points(self) -> F64:
        """(X, Y, 3) world points of the cells."""
        x = self.low[0] + self.step * np.arange(self.shape[0])
        y = self.low[1] + self.step * np.arange(self.shape[1])
        local = np.stack([*np.meshgrid(x, y, indexing="ij"), np.full(self.shape, self.height)], -1)
        return local @ self.frame[:3, :3].T + self.frame[:3, 3]


def plane_grid(frame: F64, low: F64, high: F64, height: float, pixel: float) -> PlaneGrid:
    """The grid under and around the box low, high (3,) in `frame`; pixel: size in the world of a pixel on the plane."""
    extent = high[:2] - low[:2]
    margin = float(extent.max())
    size = extent + 2 * margin
    step = max(pixel, float(size.max()) / MAX_CELLS)
    shape = np.ceil(size / step).astype(int) + 1
    return PlaneGrid(frame, low[:2] - margin, height, step, (int(shape[0]), int(shape[1])))


@njit(cache=True, error_model="numpy")
def _rectify(grey: F32, points: F64, matrix: F64, out: F32) -> None:
    """Sample grey (H, W) bilinearly at the projections of points (N, 3) by matrix (3, 4) into out (N,); NaN outside the photo."""
    height, width = grey.shape
    for n in range(len(points)):
        x, y, z = points[n]
        w = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
        out[n] = np.nan
        if w <= 1e-9:
            continue
        u = (matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3]) / w - 0.5
        v = (matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3]) / w - 0.5
        if u < 0 or v < 0 or u >= width - 1 or v >= height - 1:
            continue
        c, r = int(u), int(v)
        a, b = u - c, v - r
        out[n] = (1 - b) * ((1 - a) * grey[r, c] + a * grey[r, c + 1]) + b * (
            (1 - a) * grey[r + 1, c] + a * grey[r + 1, c + 1]
        )


@njit(cache=True, error_model="numpy")
def _window_sums(values: F64, radius: int) -> F64:
    """(X, Y) sums over windows of 2 radius + 1 cells; windows that leave the grid are cut."""
    nx, ny = values.shape
    total = np.zeros((nx + 1, ny + 1))
    for i in range(nx):
        row = 0.0
        for j in range(ny):
            row += values[i, j]
            total[i + 1, j + 1] = total[i, j + 1] + row
    out = np.empty((nx, ny))
    for i in range(nx):
        i0, i1 = max(i - radius, 0), min(i + radius + 1, nx)
        for j in range(ny):
            j0, j1 = max(j - radius, 0), min(j + radius + 1, ny)
            out[i, j] = total[i1, j1] - total[i0, j1] - total[i1, j0] + total[i0, j0]
    return out


@njit(cache=True, error_model="numpy")
def _known(values: F64) -> F64:
    """(X, Y) 1 where a value is not NaN, else 0; NaN becomes 0 in place."""
    known = np.ones(values.shape)
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            if np.isnan(values[i, j]):
                known[i, j] = values[i, j] = 0.0
    return known


@njit(cache=True, parallel=True, error_model="numpy")
def _agreement(
    patches: F32, chroma: F32, others: NDArray[np.int64], radius: int, deviation: float, tolerance: float
) -> F32:
    """(V, X, Y) the second largest normalised cross-correlation of each rectified photo with `others` (V, K); 0 where too few of
    them show the whole patch in the same chroma (V, X, Y, 2), or the patch is plain. patches: (V, X, Y), NaN where unknown."""
    views, nx, ny = patches.shape
    least = (2 * radius + 1) ** 2 - 0.5
    out = np.zeros((views, nx, ny), np.float32)
    for v in prange(views):
        own = patches[v].astype(np.float64)
        inside = _known(own)
        count = _window_sums(inside, radius)
        mean = _window_sums(own, radius) / count
        variance = _window_sums(own * own, radius) / count - mean * mean
        best = np.zeros((nx, ny, 2), np.float32)
        for k in range(others.shape[1]):
            o = others[v, k]
            if o < 0:
                continue
            other = patches[o].astype(np.float64)
            there = _known(other)
            number = _window_sums(there, radius)
            other_mean = _window_sums(other, radius) / number
            other_variance = _window_sums(other * other, radius) / number - other_mean * other_mean
            product = _window_sums(own * other, radius)
            for i in range(nx):
                for j in range(ny):
                    if count[i, j] < least or number[i, j] < least:
                        continue
                    if variance[i, j] < deviation**2 or other_variance[i, j] < deviation**2:
                        continue
                    if (
                        abs(chroma[v, i, j, 0] - chroma[o, i, j, 0]) > tolerance
                        or abs(chroma[v, i, j, 1] - chroma[o, i, j, 1]) > tolerance
                    ):
                        continue
                    covariance = product[i, j] / count[i, j] - mean[i, j] * other_mean[i, j]
                    ncc = np.float32(covariance / np.sqrt(variance[i, j] * other_variance[i, j]))
                    if ncc > best[i, j, 0]:
                        best[i, j, 1] = best[i, j, 0]
                        best[i, j, 0] = ncc
                    elif ncc > best[i, j, 1]:
                        best[i, j, 1] = ncc
        out[v] = best[:, :, 1]
    return out


def choose_others(cameras: Sequence[Camera], centre: F64) -> NDArray[np.int64]:
    """(V, OTHERS) photos to compare each with, evenly spaced in angle as seen from `centre` (3,) beyond MIN_ANGLE_COSINE; -1 for
    none."""
    rays = np.array([c.centre - centre for c in cameras])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    out = np.full((len(cameras), OTHERS), -1, np.int64)
    for v, cosines in enumerate(rays @ rays.T):
        order = np.argsort(-cosines, kind="stable")
        order = order[cosines[order] < MIN_ANGLE_COSINE]
        some = order[np.unique(np.linspace(0, len(order) - 1, min(OTHERS, len(order))).round().astype(int))]
        out[v, : len(some)] = some
    return out


def support_visibility(
    photos: Sequence[NDArray[np.uint8]], cameras: Sequence[Camera], grid: PlaneGrid
) -> F32:
    """(V, X, Y) confidence in [0, 1] that each photo shows the plane itself in each cell of the grid.

    photos: (H, W, 3) uint8 of the size of their cameras. 0 where nothing is known: outside the photo, or where the plane has no
    texture.
    """
    points = grid.points()
    centre = points[grid.shape[0] // 2, grid.shape[1] // 2]
    patches = np.empty((len(cameras), *grid.shape), np.float32)
    chroma = np.empty((len(cameras), *grid.shape, 2), np.float32)
    for v, (photo, camera) in enumerate(zip(photos, cameras)):
        patches[v], chroma[v] = _detail_and_chroma(_rectified(photo, camera, points, centre, grid.step))
    ncc = _agreement(
        patches, chroma, choose_others(cameras, centre), RADIUS, MIN_DEVIATION, MAX_CHROMA_DIFFERENCE
    )
    return np.clip((ncc - MIN_NCC) / (SURE_NCC - MIN_NCC), 0, 1).astype(np.float32)


def _rectified(photo: NDArray[np.uint8], camera: Camera, points: F64, centre: F64, step: float) -> F32:
    """(X, Y, 3) colours of a photo at world points (X, Y, 3), `step` apart around `centre`; NaN outside the photo."""
    channels = [np.ascontiguousarray(photo[..., c], np.float32) for c in range(3)]
    while 2 * np.linalg.norm(camera.centre - centre) / camera.fx < step and min(channels[0].shape) > 64:
        channels = [halve(channel) for channel in channels]
        camera = resize_camera(camera, channels[0].shape[1], channels[0].shape[0])
    matrix = camera.K @ np.concatenate([camera.R, camera.t[:, None]], 1)
    out = np.empty((3, *points.shape[:2]), np.float32)
    for channel, values in zip(channels, out):
        _rectify(channel, points.reshape(-1, 3), matrix, values.reshape(-1))
    return np.moveaxis(out, 0, -1)


def _detail_and_chroma(rgb: F32) -> tuple[F32, F32]:
    """Of a rectified photo (X, Y, 3): (X, Y) its luma without what is smooth over DETAIL cells, NaN outside the photo, and
    (X, Y, 2) the fractions of red and green, averaged over a patch."""
    outside = np.isnan(rgb[..., 0])
    rgb = np.where(outside[..., None], np.float32(0), rgb)
    luma = rgb @ GREY
    inside = ndimage.gaussian_filter((~outside).astype(np.float32), DETAIL)
    detail = luma - ndimage.gaussian_filter(luma, DETAIL) / np.maximum(inside, 1e-6)
    mean = ndimage.uniform_filter(rgb, (2 * RADIUS + 1, 2 * RADIUS + 1, 1))
    chroma = mean[..., :2] / np.maximum(mean.sum(-1, keepdims=True), 1.0)
    return np.where(outside, np.float32(np.nan), detail).astype(np.float32), chroma


def visibility_of_pixels(camera: Camera, grid: PlaneGrid, confidence: F32) -> tuple[F32, F32]:
    """(confidence, depth of the plane) (H, W) of the pixels of a photo; both 0 where its ray does not meet the grid. confidence
    (X, Y): of the grid's cells."""
    frame = grid.frame
    down = camera.R @ frame[:3, 2]
    origin = (camera.centre - frame[:3, 3]) @ frame[:3, :3]
    u = (np.arange(camera.width) + 0.5 - camera.cx) / camera.fx
    v = (np.arange(camera.height) + 0.5 - camera.cy) / camera.fy
    slope = u[None, :] * down[0] + v[:, None] * down[1] + down[2]
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (grid.height - origin[2]) / slope
    z = np.where(np.isfinite(z) & (z > 0), z, 0.0)
    axes = camera.R @ frame[:3, :2]
    cell = np.stack(
        [
            (origin[k] + z * (u[None, :] * axes[0, k] + v[:, None] * axes[1, k] + axes[2, k]) - grid.low[k]) / grid.step
            for k in (0, 1)
        ]
    )  # fmt: skip
    index = np.rint(cell).astype(np.int64)
    met = (z > 0) & (index >= 0).all(0) & (index[0] < grid.shape[0]) & (index[1] < grid.shape[1])
    seen = np.zeros(z.shape, np.float32)
    seen[met] = confidence[index[0][met], index[1][met]]
    return seen, np.where(met, z, 0.0).astype(np.float32)


def add_support_depth(maps: DepthMaps, frame: F64, low: F64, high: F64, height: float) -> DepthMaps:
    """The depth maps, with the depth of the plane z = height where a photo shows it and nothing was measured by the photo itself.

    frame: (4, 4) local to world; low, high: (3,) corners of the object's box in it.
    """
    cameras = maps.views.cameras
    centre = frame[:3, :3] @ np.array([*(low + high)[:2] / 2, height]) + frame[:3, 3]
    pixel = float(np.median([np.linalg.norm(d.camera.centre - centre) / d.camera.fx for d in maps.depths]))
    grid = plane_grid(frame, low, high, height, PIXELS * pixel)
    confidence = support_visibility([image.pixels for image in maps.views.images], cameras, grid)
    return replace(
        maps, depths=tuple(_with_support_depth(d, grid, c) for d, c in zip(maps.depths, confidence))
    )


def _with_support_depth(depth: Depth, grid: PlaneGrid, confidence: F32) -> Depth:
    """One depth map with the depth of the plane where `confidence` (X, Y) says that it is seen."""
    assert depth.normals is not None and depth.confidence is not None
    seen, z = visibility_of_pixels(depth.camera, grid, confidence)
    unknown = depth.z == 0
    if depth.propagated is not None:
        unknown |= depth.propagated
    new = unknown & (seen > 0)
    normal = (depth.camera.R @ grid.frame[:3, 2]).astype(depth.normals.dtype)
    return replace(
        depth, z=np.where(new, z, depth.z), confidence=np.where(new, seen, depth.confidence),
        normals=np.where(new[..., None], normal, depth.normals),
        propagated=None if depth.propagated is None else depth.propagated & ~new,
    )  # fmt: skip
