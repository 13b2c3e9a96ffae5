"""From visible faces to colour: matt surfaces under given lights, panes blended over what is behind them.

Light is added up on linear values: a surface of colour a shows a (sum over suns of colour max(0, n . l) v + the
surrounding's E(n) / pi), v being what of the light arrives (`lift3d.geometry.render.shadow_maps`). The two sides of a face are
alike: its normal is turned to the eye. Panes are blended front to back, colour += T alpha c, T *= 1 - alpha (Porter &
Duff, "Compositing digital images", 1984).
"""

from __future__ import annotations

import math

import numpy as np

from lift3d.geometry.image.colour_space import encode_srgb
from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.render.drawable import FLAT, NORMALS
from lift3d.geometry.render.scan_conversion import MIN_ALPHA, sample_surface, translucent_layers
from lift3d.geometry.render.shadow_maps import POINT, SKY, light_visibility


@njit_inline
def _weights(c, i, x, y):  # type: ignore[no-untyped-def]
    """Barycentric coordinates where the ray (x, y, 1) meets face i."""
    e0 = (c[i, 0] * x + c[i, 1] * y) + c[i, 2]
    e1 = (c[i, 3] * x + c[i, 4] * y) + c[i, 5]
    e2 = (c[i, 6] * x + c[i, 7] * y) + c[i, 8]
    scale = 1.0 / (e0 + e1 + e2)
    return e0 * scale, e1 * scale, e2 * scale


@njit_inline
def _normal(face, i, a, b, c):  # type: ignore[no-untyped-def]
    """The smooth normal, of unit length, or the face's own where it has none."""
    x = a * face[i, NORMALS] + b * face[i, NORMALS + 3] + c * face[i, NORMALS + 6]
    y = a * face[i, NORMALS + 1] + b * face[i, NORMALS + 4] + c * face[i, NORMALS + 7]
    z = a * face[i, NORMALS + 2] + b * face[i, NORMALS + 5] + c * face[i, NORMALS + 8]
    size = math.sqrt(x * x + y * y + z * z)
    if size < 1e-6:
        return float(face[i, FLAT]), float(face[i, FLAT + 1]), float(face[i, FLAT + 2])
    return x / size, y / size, z / size


@njit_inline
def _camera_light(nx, ny, nz, r, shading):  # type: ignore[no-untyped-def]
    """Light over the photographer's left shoulder on a surface with normal n (world), turned to the eye."""
    x = r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz
    y = r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz
    z = r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz
    side = -1.0 if z > 0 else 1.0
    facing = max(0.0, side * (-0.42 * x - 0.62 * y - 0.66 * z))
    return 1 + shading * (0.34 - 0.16 * side * y + 0.88 * facing - 1)


@njit_inline
def _curved(corners, face, i, a, b, c, px, py, pz, side):  # type: ignore[no-untyped-def]
    """The point p of the face on the curved surface that its smooth normals pretend (Hanika 2021)."""
    qx, qy, qz = px, py, pz
    for m in range(3):
        weight = a if m == 0 else (b if m == 1 else c)
        nx, ny, nz = face[i, NORMALS + 3 * m], face[i, NORMALS + 3 * m + 1], face[i, NORMALS + 3 * m + 2]
        below = (px - corners[i, m, 0]) * nx + (py - corners[i, m, 1]) * ny + (pz - corners[i, m, 2]) * nz
        below = weight * min(below * side, 0.0) * side
        qx, qy, qz = qx - below * nx, qy - below * ny, qz - below * nz
    return qx, qy, qz


@njit_inline
def _light(lamps, around, maps, depths, p, q, n, flat, out):  # type: ignore[no-untyped-def]
    """out (3,): what a white matt surface at p (q as the shadows see it) with normal n and face normal `flat`, both
    to the eye, shows. The sky's lamps come first."""
    x, y, z = n
    fx, fy, fz = flat
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    for k in range(3):
        e = around[k, 0] + around[k, 1] * x + around[k, 2] * y + around[k, 3] * z + around[k, 4] * xy
        e += around[k, 5] * yz + around[k, 6] * xz + around[k, 7] * xx + around[k, 8] * yy + around[k, 9] * zz
        out[k] = e if e > 0 else 0.0
    whole, free = 0.0, 0.0
    for j in range(len(lamps) + 1):
        if whole > 0 and (j == len(lamps) or lamps[j, 0] != SKY):
            for k in range(3):
                out[k] *= free / whole
            whole = 0.0
        if j == len(lamps):
            break
        kind, dx, dy, dz, fall = lamps[j, 0], lamps[j, 1], lamps[j, 2], lamps[j, 3], 1.0
        if kind == POINT:
            dx, dy, dz = dx - p[0], dy - p[1], dz - p[2]
            away = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-12)
            dx, dy, dz, fall = dx / away, dy / away, dz / away, 1 / (away * away)
        cosine = x * dx + y * dy + z * dz
        if cosine <= 0:
            continue
        true = fx * dx + fy * dy + fz * dz
        steep, share = math.sqrt(max(0.0, 1 - true * true)), -1.0
        for m in range(int(lamps[j, 7]), int(lamps[j, 8])):
            share = light_visibility(maps, depths, m, q[0], q[1], q[2], fx, fy, fz, steep, kind != SKY)
            if share >= 0:
                break
        cosine *= fall
        arriving = cosine * (share if share >= 0 else 1.0)
        if kind == SKY:
            weight = lamps[j, 4] + lamps[j, 5] + lamps[j, 6]
            whole, free = whole + weight * cosine, free + weight * arriving
            continue
        for k in range(3):
            out[k] += lamps[j, 4 + k] * arriving


@njit_inline
def _lit(corners, face, lamps, around, maps, depths, i, c, x, y, eye, light):  # type: ignore[no-untyped-def]
    """light (3,) on face i where the ray (x, y, 1) meets it, on the side that `eye` sees."""
    a, b, d = _weights(c, i, x, y)
    nx, ny, nz = _normal(face, i, a, b, d)
    px = a * corners[i, 0, 0] + b * corners[i, 1, 0] + d * corners[i, 2, 0]
    py = a * corners[i, 0, 1] + b * corners[i, 1, 1] + d * corners[i, 2, 1]
    pz = a * corners[i, 0, 2] + b * corners[i, 1, 2] + d * corners[i, 2, 2]
    fx, fy, fz = face[i, FLAT], face[i, FLAT + 1], face[i, FLAT + 2]
    seen = fx * (px - eye[0]) + fy * (py - eye[1]) + fz * (pz - eye[2])
    outer = (
        -1.0 if fx * nx + fy * ny + fz * nz < 0 else 1.0
    )  # where the smooth normals point, from the face's own
    turn = -1.0 if seen > 0 else 1.0
    side = turn * outer
    q = (px, py, pz)
    if len(maps):
        q = _curved(corners, face, i, a, b, d, px, py, pz, side)
    n, flat = (side * nx, side * ny, side * nz), (turn * fx, turn * fy, turn * fz)
    _light(lamps, around, maps, depths, (px, py, pz), q, n, flat, light)


@njit_kernel
def shade(first, last, scratch, s, lights, c, box, grid, pose, glass, face_id, z, out):  # type: ignore[no-untyped-def]
    """Rows first..last of out (H, W, 4): light times cover, and cover, the mean of samples x samples of face_id and z
    (samples H, samples W). pose: rotation and eye of the camera."""
    fx, fy, cx, cy = grid
    rotation, eye = pose
    samples = face_id.shape[0] // out.shape[0]
    corners, face, texels, levels, decoded = s
    style, shading, lamps, around, maps, far = lights
    value, light = np.empty(4), np.ones(3)
    width = face_id.shape[1]
    top = first * samples
    start, depths, faces = np.zeros(1, np.int64), np.empty(0, np.float32), np.empty(0, np.int32)
    if glass:
        start, depths, faces = translucent_layers(top, last * samples, face, c, box, grid, 0.0, z)
    share = 1.0 / (samples * samples)
    for row in range(first, last):
        for column in range(out.shape[1]):
            r, g, b, cover, last_lit = 0.0, 0.0, 0.0, 0.0, -1
            for sample in range(samples * samples):
                yy, xx = row * samples + sample // samples, column * samples + sample % samples
                x, y = (xx + 0.5 - cx) / fx, (yy + 0.5 - cy) / fy
                left, before, hit, k, end = 1.0, -1.0, face_id[yy, xx], 0, 0
                if glass:
                    k, end = start[(yy - top) * width + xx], start[(yy - top) * width + xx + 1]
                while True:  # the panes from the front, then what is behind them
                    pane = k < end
                    i = faces[k] if pane else hit
                    k += 1
                    if pane and depths[k - 1] - before <= 1e-5 * depths[k - 1]:
                        continue
                    if i < 0:
                        break
                    before = depths[k - 1] if pane else before
                    sample_surface(face, texels, levels, decoded, i, c, x, y, fx, fy, value)
                    if not pane or value[3] >= MIN_ALPHA:
                        if style == 1 and i != last_lit:  # light is softer than pixels: once by face
                            last_lit = i
                            _lit(corners, face, lamps, around, maps, far, i, c, x, y, eye, light)
                        elif style == 0 and shading > 0:
                            n = _normal(face, i, *_weights(c, i, x, y))
                            light[:] = _camera_light(n[0], n[1], n[2], rotation, shading)
                        alpha = min(value[3], 1.0) if pane else 1.0
                        r += left * alpha * value[0] * light[0]
                        g += left * alpha * value[1] * light[1]
                        b += left * alpha * value[2] * light[2]
                        left *= 1 - alpha
                    if not pane:
                        break
                cover += 1 - left
            out[row, column, 0], out[row, column, 1] = r * share, g * share
            out[row, column, 2], out[row, column, 3] = b * share, cover * share


@njit_kernel
def finish(first, last, scratch, s, c, grid, pose, face_id, z, paint, ground, table, rgb, normals, mask):  # type: ignore[no-untyped-def]
    """Rows first..last of rgb (H, W, 3) uint8: paint (H, W, 4) over the linear colour `ground`, or, where that is
    negative, by itself; normals (H, W, 3) of the camera's frame, to the eye; mask (H, W)."""
    fx, fy, cx, cy = grid
    rotation, _ = pose
    face = s.face
    empty = np.empty(3, np.uint8)
    for k in range(3):
        empty[k] = int(encode_srgb(ground[k], table) + 0.5)
    for row in range(first, last):
        y = (row + 0.5 - cy) / fy
        for column in range(rgb.shape[1]):
            cover = paint[row, column, 3]
            for k in range(3):
                if cover == 0:
                    rgb[row, column, k] = empty[k]
                    continue
                value = paint[row, column, k]
                value = value + ground[k] * (1 - cover) if ground[0] >= 0 else value / cover
                rgb[row, column, k] = int(encode_srgb(value, table) + 0.5)
            i = face_id[row, column]
            mask[row, column] = i >= 0
            for k in range(3):
                normals[row, column, k] = 0.0
            if i < 0:
                continue
            n = _normal(face, i, *_weights(c, i, (column + 0.5 - cx) / fx, y))
            facing = rotation[2, 0] * n[0] + rotation[2, 1] * n[1] + rotation[2, 2] * n[2]
            side = -1.0 if facing > 0 else 1.0
            for k in range(3):
                turned = rotation[k, 0] * n[0] + rotation[k, 1] * n[1] + rotation[k, 2] * n[2]
                normals[row, column, k] = side * turned
