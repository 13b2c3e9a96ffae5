"""Scan conversion with textures: the rasteriser of `lift3d.geometry.render.rasterizer` for masked and blended faces.

A masked face (foliage, a fence) is tested texel by texel before it enters the depth buffer, so depth and mask are those of the
leaves and not of the quads that carry them. The same kernels render images, the depth maps of lamps (pinhole) and of suns
(parallel: the pixel's ray is (x, y, .) along z, so the weights b_i are affine in x, y and z = sum b_i z_i). They hold no lock and
start no threads, so several images can be rendered in parallel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.render.drawable import ALPHA_MODE, COLOURS, LEVELS, UV
from lift3d.geometry.render.rasterizer import set_up_face
from lift3d.geometry.render.texture_sampling import sample_texture
from lift3d.types import F32, F64

I32 = NDArray[np.int32]

COEFFICIENTS = 12
"""Numbers per face: nine edge coefficients, then the numerator of the depth as a plane over x, y, 1."""
ALPHA_CUTOFF, MIN_ALPHA = 0.5, 0.05
"""Least alpha at which a masked face is present, and at which a blended face is visible."""


@njit_kernel
def set_up_faces(
    corners: F64, rotation: F64, shift: F64, grid: Any, near: float, parallel: bool, width: int, height: int, c: F64, box: I32
) -> None:  # fmt: skip
    """Fill the coefficients c (F, COEFFICIENTS) and pixel boxes (F, 4) of world corners (F, 3, 3). parallel: rays along z."""
    p, flat = np.empty((3, 3)), np.empty((3, 3))
    fx, fy, cx, cy = grid
    for i in range(len(corners)):
        for k in range(3):
            for m in range(3):
                q = rotation[m, 0] * corners[i, k, 0] + rotation[m, 1] * corners[i, k, 1]
                p[k, m] = q + rotation[m, 2] * corners[i, k, 2] + shift[m]
        for m in range(COEFFICIENTS):
            c[i, m] = 0.0
        box[i, :] = 0
        if not parallel:
            set_up_face(p, grid, near, width, height, c[i], box[i])
            c[i, 11], c[i, 9] = c[i, 9], 0.0
            continue
        for k in range(3):
            flat[k, 0], flat[k, 1], flat[k, 2] = p[k, 0], p[k, 1], 1.0
        set_up_face(flat, grid, 0.0, width, height, c[i], box[i])
        for m in range(3):
            c[i, 9 + m] = c[i, m] * p[0, 2] + c[i, 3 + m] * p[1, 2] + c[i, 6 + m] * p[2, 2]


@njit_inline
def sample_surface(
    face: Any, texels: Any, levels: Any, decoded: Any, i: int, c: F64, x: float, y: float, fx: float, fy: float, out: F64
) -> None:  # fmt: skip
    """Write out (4,): linear colour and alpha of face i at the ray (x, y, 1), filtered to the size of a pixel."""
    c0, c1, c3, c4, c6, c7 = c[i, 0], c[i, 1], c[i, 3], c[i, 4], c[i, 6], c[i, 7]
    e0, e1, e2 = (c0 * x + c1 * y) + c[i, 2], (c3 * x + c4 * y) + c[i, 5], (c6 * x + c7 * y) + c[i, 8]
    scale = 1.0 / (e0 + e1 + e2)
    b0, b1, b2 = e0 * scale, e1 * scale, e2 * scale
    first = int(face[i, LEVELS])
    if first < 0:
        for k in range(4):
            out[k] = b0 * face[i, COLOURS + k] + b1 * face[i, COLOURS + 4 + k] + b2 * face[i, COLOURS + 8 + k]
        return
    u0, v0, u1, v1 = face[i, UV], face[i, UV + 1], face[i, UV + 2], face[i, UV + 3]
    u2, v2 = face[i, UV + 4], face[i, UV + 5]
    u, v = b0 * u0 + b1 * u1 + b2 * u2, b0 * v0 + b1 * v1 + b2 * v2
    # derivatives by the quotient rule of u = sum e_i u_i / sum e_i, in texels per pixel
    w, h = levels[first, 2] * scale, levels[first, 1] * scale
    u0, u1, u2, v0, v1, v2 = (
        (u0 - u) * w,
        (u1 - u) * w,
        (u2 - u) * w,
        (v0 - v) * h,
        (v1 - v) * h,
        (v2 - v) * h,
    )
    ux, vx = (c0 * u0 + c3 * u1 + c6 * u2) / fx, (c0 * v0 + c3 * v1 + c6 * v2) / fx
    uy, vy = (c1 * u0 + c4 * u1 + c7 * u2) / fy, (c1 * v0 + c4 * v1 + c7 * v2) / fy
    # by the area of the footprint; a long footprint by its length, which blurs it by a factor of 4 at most
    size = max(abs(ux * vy - uy * vx), max(ux * ux + vx * vx, uy * uy + vy * vy) / 16)
    lod = 0.5 * math.log2(size) if size > 1.0 else 0.0
    sample_texture(texels, levels, first, int(face[i, LEVELS + 1]), decoded, u, v, lod, out)
    for k in range(4):
        out[k] *= b0 * face[i, COLOURS + k] + b1 * face[i, COLOURS + 4 + k] + b2 * face[i, COLOURS + 8 + k]


@njit_kernel
def scan(
    first: int, last: int, scratch: Any, s: Any, c: F64, box: I32, grid: Any, near: float, blended: bool, face_id: I32, z: F32
) -> None:  # fmt: skip
    """Rows first..last of face_id and z (H, W): the nearest face, the lowest index of equals; -1 and 0 for the background.

    Masked faces count where they are present, blended faces only if `blended`.
    """
    fx, fy, cx, cy = grid
    _, face, texels, levels, decoded = s
    out = np.empty(4)
    face_id[first:last] = -1
    z[first:last] = 0
    for i in range(len(box)):
        y0, y1 = max(box[i, 2], first), min(box[i, 3], last)
        x0, x1, mode = box[i, 0], box[i, 1], int(face[i, ALPHA_MODE])
        if y0 >= y1 or x0 >= x1 or (mode == 2 and not blended):
            continue
        a0, a1, a2, b0, b1, b2 = c[i, 0], c[i, 3], c[i, 6], c[i, 1], c[i, 4], c[i, 7]
        c0, c1, c2 = c[i, 2], c[i, 5], c[i, 8]
        n0, n1, n2 = c[i, 9], c[i, 10], c[i, 11]
        min_alpha = ALPHA_CUTOFF if mode == 1 else MIN_ALPHA
        for row in range(y0, y1):
            y = (row + 0.5 - cy) / fy
            entered = False
            for column in range(x0, x1):
                x = (column + 0.5 - cx) / fx
                e0 = (a0 * x + b0 * y) + c0
                e1 = (a1 * x + b1 * y) + c1
                e2 = (a2 * x + b2 * y) + c2
                if not (e0 >= 0 and e1 >= 0 and e2 >= 0):
                    if entered:  # a face is convex: past its end the row holds no more of it
                        break
                else:
                    entered = True
                    total = e0 + e1 + e2
                    if total > 0:
                        depth = np.float32(((n0 * x + n1 * y) + n2) / total)
                        old = z[row, column]
                        if depth > near and (old == 0 or depth < old) and depth < np.inf:
                            if mode > 0:
                                sample_surface(face, texels, levels, decoded, i, c, x, y, fx, fy, out)
                                if out[3] < min_alpha:
                                    continue
                            z[row, column] = depth
                            face_id[row, column] = i


@njit_kernel
def translucent_layers(
    first: int, last: int, face: Any, c: F64, box: I32, grid: Any, near: float, z: F32
) -> tuple[Any, Any, Any]:
    """The blended faces in front of z (H, W) in rows first..last.

    Returns start (pixels + 1,), and per pixel, from the nearest to the farthest, depths and faces. Of two at one depth (a
    sheet given twice) the caller uses the first.
    """
    fx, fy, cx, cy = grid
    width = z.shape[1]
    start = np.zeros((last - first) * width + 1, np.int64)
    depths, faces = np.empty(0, np.float32), np.empty(0, np.int32)
    used = np.zeros(1, np.int64)
    for round_ in range(2):
        for i in range(len(box)):
            if face[i, ALPHA_MODE] != 2:
                continue
            for row in range(max(box[i, 2], first), min(box[i, 3], last)):
                y = (row + 0.5 - cy) / fy
                for column in range(box[i, 0], box[i, 1]):
                    x = (column + 0.5 - cx) / fx
                    e0 = (c[i, 0] * x + c[i, 1] * y) + c[i, 2]
                    e1 = (c[i, 3] * x + c[i, 4] * y) + c[i, 5]
                    e2 = (c[i, 6] * x + c[i, 7] * y) + c[i, 8]
                    total = e0 + e1 + e2
                    if e0 < 0 or e1 < 0 or e2 < 0 or not total > 0:
                        continue
                    depth = np.float32(((c[i, 9] * x + c[i, 10] * y) + c[i, 11]) / total)
                    old = z[row, column]
                    if not (depth > near and depth < np.inf) or (old > 0 and depth >= old):
                        continue
                    pixel = (row - first) * width + column
                    if round_ == 0:
                        start[pixel + 1] += 1
                        continue
                    slot = start[pixel] + used[pixel]
                    while slot > start[pixel] and depths[slot - 1] > depth:
                        depths[slot], faces[slot] = depths[slot - 1], faces[slot - 1]
                        slot -= 1
                    depths[slot], faces[slot] = depth, i
                    used[pixel] += 1
        if round_ == 0:
            start = np.cumsum(start)
            depths, faces = np.empty(start[-1], np.float32), np.empty(start[-1], np.int32)
            used = np.zeros(len(start), np.int64)
    return start, depths, faces
