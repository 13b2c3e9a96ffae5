"""The face that each pixel centre sees, computed on the caller's thread without the interpreter's lock.

The arithmetic and the result are those of `lift3d.geometry.render.rasterizer`, for callers that render many small images in
parallel.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.render.rasterizer import set_up_face
from lift3d.types import F32, F64


def face_ids(
    p: F64, f: NDArray[np.integer], grid: tuple[float, ...], size: tuple[int, int]
) -> NDArray[np.int32]:
    """(H, W) int32 face indices, -1 for the background.

    p: (V, 3) vertices in the camera frame; f: (F, 3); grid: fx, fy, cx, cy; size: (width, height).
    """
    ids = np.full((size[1], size[0]), -1, np.int32)
    faces = np.ascontiguousarray(f, np.int32)
    fx, fy, cx, cy = (float(g) for g in grid)
    _fill(np.ascontiguousarray(p, np.float64), faces, (fx, fy, cx, cy), np.zeros(ids.shape, np.float32), ids)
    return ids


@numba.njit(cache=True, nogil=True)
def _fill(p: F64, faces: NDArray[np.int32], grid: Any, z: F32, ids: NDArray[np.int32]) -> None:
    """Write the nearest face of every pixel to ids (H, W), with z (H, W) as depth buffer."""
    fx, fy, cx, cy = grid
    height, width = ids.shape
    corners, c, box = np.empty((3, 3)), np.empty(10), np.empty(4, np.int32)
    for i in range(len(faces)):
        for k in range(3):
            corners[k] = p[faces[i, k]]
        c[:] = 0.0
        box[:] = 0
        set_up_face(corners, grid, 0.0, width, height, c, box)
        for row in range(box[2], box[3]):
            y = (row + 0.5 - cy) / fy
            for column in range(box[0], box[1]):
                x = (column + 0.5 - cx) / fx
                e0 = (c[0] * x + c[1] * y) + c[2]
                e1 = (c[3] * x + c[4] * y) + c[5]
                e2 = (c[6] * x + c[7] * y) + c[8]
                if e0 >= 0 and e1 >= 0 and e2 >= 0:
                    total = e0 + e1 + e2
                    if total > 0:
                        depth = np.float32(c[9] / total)
                        old = z[row, column]
                        if depth > 0 and (old == 0 or depth < old) and depth < np.inf:
                            z[row, column] = depth
                            ids[row, column] = i
