"""A z-buffer rasteriser: which face each pixel of a camera sees, its depth, and where on the face.

Homogeneous rasterisation (Olano & Greer, "Triangle scan conversion using 2D homogeneous coordinates", 1997): with camera-frame
corners p_i of a face and a pixel's ray d = (x, y, 1), z d = sum b_i p_i gives

    e_i = d . (p_{i+1} x p_{i+2}),   b_i = e_i / (e_0 + e_1 + e_2),   z = det(p0, p1, p2) / (e_0 + e_1 + e_2).

The barycentrics are perspective-correct, and a face that crosses the camera plane needs no clipping: the pixel is inside where
all e_i have the sign of det and z is beyond the near plane. The edge terms of two neighbouring faces are exact negatives of each
other, so no pixel falls between them.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64, Camera

_BANDS = 24
"""Bands of rows that threads process; a pixel's value does not depend on their number."""


def rasterize(
    camera: Camera, v: F64, f: NDArray[np.integer], near: float = 0.0
) -> tuple[NDArray[np.int32], F32, F32]:
    """The faces f (F, 3) of vertices v (V, 3, world) as seen through the pixel centres of a pinhole camera.

    Returns face_id (H, W) int32, -1 for the background; z (H, W) float32 camera depth, 0 for the background; bary (H, W, 3)
    float32 perspective-correct barycentric coordinates. Faces are two-sided and cut at depth `near`; edges belong to a face;
    among equal float32 depths the lowest index wins. Faces without area as seen from the camera, or with a corner that is not
    finite, are not drawn. Raises ValueError for a camera with distortion or a face index out of range.
    """
    corners, coefficients, box = _prepare(camera, v, f, near)
    shape = (camera.height, camera.width)
    face_id, z = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)
    bary = np.zeros((*shape, 3), np.float32)
    if len(corners):
        grid = (camera.fx, camera.fy, camera.cx, camera.cy)
        _draw(coefficients, box, grid, max(near, 0.0), face_id, z)
        _weights(coefficients, grid, face_id, bary)
    return face_id, z, bary


def depth_map(camera: Camera, v: F64, f: NDArray[np.integer], near: float = 0.0) -> F32:
    """(H, W) float32 camera depth of the mesh, 0 for the background; see `rasterize`."""
    return rasterize(camera, v, f, near)[1]


def visible_points(camera: Camera, z: F32, xyz: F64, slack: float = 0.005) -> NDArray[np.bool_]:
    """(N,) True for the world points xyz (N, 3) that the camera sees, given the mesh's depth map z (H, W) from that camera.

    A point is visible if it falls in the image and is not farther than the largest of the four depths around its pixel by more
    than `slack` times that depth. Where the four are background, nothing hides it.
    """
    p = np.asarray(xyz, np.float64) @ camera.R.T + camera.t
    depth = p[:, 2]
    front = depth > 0
    safe = np.where(front, depth, 1.0)
    u, w = camera.fx * p[:, 0] / safe + camera.cx, camera.fy * p[:, 1] / safe + camera.cy
    inside = front & (u >= 0) & (u < camera.width) & (w >= 0) & (w < camera.height)
    u, w = np.where(inside, u, 0.0), np.where(inside, w, 0.0)
    x, y = np.floor(u - 0.5).astype(np.int64), np.floor(w - 0.5).astype(np.int64)
    nearest = np.zeros(len(p))
    for dx in (0, 1):
        for dy in (0, 1):
            around = z[np.clip(y + dy, 0, camera.height - 1), np.clip(x + dx, 0, camera.width - 1)]
            nearest = np.maximum(nearest, around)
    return inside & ((depth <= nearest * (1 + slack)) | (nearest == 0))


def _prepare(
    camera: Camera, v: F64, f: NDArray[np.integer], near: float
) -> tuple[F64, F64, NDArray[np.int32]]:
    """Corners (F, 3, 3) in the camera frame; 9 edge coefficients and det (F, 10); pixel boxes (F, 4)."""
    if camera.distortion:
        raise ValueError("rasterize needs a pinhole camera: undistort the photo first")
    v, faces = np.asarray(v, np.float64).reshape(-1, 3), np.asarray(f).reshape(-1, 3)
    if len(faces) and (faces.min() < 0 or faces.max() >= len(v)):
        raise ValueError("a face refers to a vertex that does not exist")
    with np.errstate(invalid="ignore"):  # _setup skips corners that are not finite
        corners = np.ascontiguousarray((v @ camera.R.T + camera.t)[faces])
    coefficients = np.zeros((len(faces), 10))
    box = np.zeros((len(faces), 4), np.int32)
    if len(faces):
        grid = (camera.fx, camera.fy, camera.cx, camera.cy)
        _setup(corners, grid, max(near, 0.0), camera.width, camera.height, coefficients, box)
    return corners, coefficients, box


@numba.njit(cache=True, parallel=True)
def _setup(
    corners: F64, grid: Any, near: float, width: int, height: int, coefficients: F64, box: NDArray[np.int32]
) -> None:
    """Edge coefficients (F, 10) and half-open pixel boxes x0, x1, y0, y1 (F, 4) of all faces."""
    for i in numba.prange(len(corners)):
        set_up_face(corners[i], grid, near, width, height, coefficients[i], box[i])


@numba.njit(cache=True, nogil=True)
def set_up_face(
    p: F64, grid: Any, near: float, width: int, height: int, c: F64, box: NDArray[np.int32]
) -> None:
    """Write the edge coefficients and det c (10,), scaled so that det > 0, and the pixel box (4,) of one face.

    p: (3, 3) camera-frame corners; grid: fx, fy, cx, cy. Nothing is written for a face that is not drawn.
    """
    fx, fy, cx, cy = grid
    far = max(p[0, 2], p[1, 2], p[2, 2])
    low = min(p[0, 2], p[1, 2], p[2, 2])
    if not np.isfinite(p.sum()) or far <= near:
        return
    for k in range(3):
        a, b = p[(k + 1) % 3], p[(k + 2) % 3]
        c[3 * k] = a[1] * b[2] - a[2] * b[1]
        c[3 * k + 1] = a[2] * b[0] - a[0] * b[2]
        c[3 * k + 2] = a[0] * b[1] - a[1] * b[0]
    det = p[0, 0] * c[0] + p[0, 1] * c[1] + p[0, 2] * c[2]
    if det < 0:
        for k in range(9):
            c[k] = -c[k]
        det = -det
    c[9] = det
    if not det > 0:
        return
    cut = max(near, 1e-9 * far)
    x0, x1, y0, y1 = np.inf, -np.inf, np.inf, -np.inf
    for k in range(3):
        a, b = p[k], p[(k + 1) % 3]
        if a[2] >= cut:
            x, y = fx * a[0] / a[2] + cx, fy * a[1] / a[2] + cy
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
        if low < cut and (a[2] < cut) != (b[2] < cut):
            s = (cut - a[2]) / (b[2] - a[2])
            x = fx * (a[0] + s * (b[0] - a[0])) / cut + cx
            y = fy * (a[1] + s * (b[1] - a[1])) / cut + cy
            x0, x1, y0, y1 = min(x0, x), max(x1, x), min(y0, y), max(y1, y)
    pixel_box(x0, x1, y0, y1, width, height, box)


@numba.njit(cache=True, nogil=True)
def pixel_box(
    x0: float, x1: float, y0: float, y1: float, width: int, height: int, box: NDArray[np.int32]
) -> None:
    """Write the pixels whose centres may lie in a range of image coordinates: a half-open box x0, x1, y0, y1 in the image."""
    # Half a pixel to the first centre, and a thousandth as a margin: the edge functions decide, the box only narrows.
    x0, x1 = min(max(x0 - 0.501, 0.0), width), min(max(x1 - 0.499, -1.0), width - 1.0)
    y0, y1 = min(max(y0 - 0.501, 0.0), height), min(max(y1 - 0.499, -1.0), height - 1.0)
    box[0], box[1] = int(np.ceil(x0)), int(np.floor(x1)) + 1
    box[2], box[3] = int(np.ceil(y0)), int(np.floor(y1)) + 1


@numba.njit(cache=True, parallel=True)
def _draw(
    coefficients: F64, box: NDArray[np.int32], grid: Any, near: float, face_id: NDArray[np.int32], z: F32
) -> None:
    """Fill face_id and z band by band, faces in ascending order: a later face must be strictly nearer."""
    fx, fy, cx, cy = grid
    height = face_id.shape[0]
    for band in numba.prange(_BANDS):
        top, bottom = band * height // _BANDS, (band + 1) * height // _BANDS
        for i in range(len(box)):
            y0, y1 = max(box[i, 2], top), min(box[i, 3], bottom)
            x0, x1 = box[i, 0], box[i, 1]
            if y0 >= y1 or x0 >= x1:
                continue
            c = coefficients[i]
            a0, a1, a2, b0, b1, b2 = c[0], c[3], c[6], c[1], c[4], c[7]
            c0, c1, c2, det = c[2], c[5], c[8], c[9]
            for row in range(y0, y1):
                y = (row + 0.5 - cy) / fy
                for column in range(x0, x1):
                    x = (column + 0.5 - cx) / fx
                    e0 = (a0 * x + b0 * y) + c0
                    e1 = (a1 * x + b1 * y) + c1
                    e2 = (a2 * x + b2 * y) + c2
                    if e0 >= 0 and e1 >= 0 and e2 >= 0:
                        total = e0 + e1 + e2
                        if total > 0:
                            depth = np.float32(det / total)
                            old = z[row, column]
                            if depth > near and (old == 0 or depth < old) and depth < np.inf:
                                z[row, column] = depth
                                face_id[row, column] = i


@numba.njit(cache=True, parallel=True)
def _weights(coefficients: F64, grid: Any, face_id: NDArray[np.int32], bary: F32) -> None:
    """Barycentric coordinates of the face seen by every pixel."""
    fx, fy, cx, cy = grid
    for row in numba.prange(face_id.shape[0]):
        y = (row + 0.5 - cy) / fy
        for column in range(face_id.shape[1]):
            i = face_id[row, column]
            if i >= 0:
                x = (column + 0.5 - cx) / fx
                c = coefficients[i]
                e0 = (c[0] * x + c[1] * y) + c[2]
                e1 = (c[3] * x + c[4] * y) + c[5]
                e2 = (c[6] * x + c[7] * y) + c[8]
                total = e0 + e1 + e2
                bary[row, column, 0] = e0 / total
                bary[row, column, 1] = e1 / total
                bary[row, column, 2] = e2 / total
