"""From visible faces to colour: matt surfaces under lights, blended layers in front of them.

Light adds up in linear values: a surface of colour a shows a (sum over suns of colour max(0, n . l) v + E(n) / pi of the
environment), with v the visibility of the light (`lift3d.geometry.render.shadow_maps`). Both sides of a face are alike: its
normal points to the eye. Layers are blended front to back, colour += T alpha c, T *= 1 - alpha (Porter & Duff, "Compositing
digital images", 1984).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lift3d.geometry.image.colour_space import encode_srgb
from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.render.drawable import FLAT, NORMALS
from lift3d.geometry.render.scan_conversion import MIN_ALPHA, sample_surface, translucent_layers
from lift3d.geometry.render.shadow_maps import POINT, SKY, light_visibility


@njit_inline
def _weights(c: Any, i: int, x: float, y: float) -> tuple[float, float, float]:
    """Barycentric coordinates of face i at the ray (x, y, 1)."""
    e0 = (c[i, 0] * x + c[i, 1] * y) + c[i, 2]
    e1 = (c[i, 3] * x + c[i, 4] * y) + c[i, 5]
    e2 = (c[i, 6] * x + c[i, 7] * y) + c[i, 8]
    scale = 1.0 / (e0 + e1 + e2)
    return e0 * scale, e1 * scale, e2 * scale


@njit_inline
def _normal(face: Any, i: int, a: float, b: float, c: float) -> tuple[float, float, float]:
    """The smooth unit normal, or the face normal where the smooth one vanishes."""
    x = a * face[i, NORMALS] + b * face[i, NORMALS + 3] + c * face[i, NORMALS + 6]
    y = a * face[i, NORMALS + 1] + b * face[i, NORMALS + 4] + c * face[i, NORMALS + 7]
    z = a * face[i, NORMALS + 2] + b * face[i, NORMALS + 5] + c * face[i, NORMALS + 8]
    size = math.sqrt(x * x + y * y + z * z)
    if size < 1e-6:
        return float(face[i, FLAT]), float(face[i, FLAT + 1]), float(face[i, FLAT + 2])
    return x / size, y / size, z / size


@njit_inline
def _headlight(nx: float, ny: float, nz: float, r: Any, shading: float) -> float:
    """Light over the photographer's left shoulder on a surface with normal n (world), on the side of the eye."""
    x = r[0, 0] * nx + r[0, 1] * ny + r[0, 2] * nz
    y = r[1, 0] * nx + r[1, 1] * ny + r[1, 2] * nz
    z = r[2, 0] * nx + r[2, 1] * ny + r[2, 2] * nz
    side = -1.0 if z > 0 else 1.0
    facing = max(0.0, side * (-0.42 * x - 0.62 * y - 0.66 * z))
    return 1 + shading * (0.34 - 0.16 * side * y + 0.88 * facing - 1)


@njit_inline
def _curved(
    corners: Any,
    face: Any,
    i: int,
    a: float,
    b: float,
    c: float,
    px: float,
    py: float,
    pz: float,
    side: float,
) -> tuple[float, float, float]:
    """The point p of the face moved to the curved surface that its smooth normals describe (Hanika 2021)."""
    qx, qy, qz = px, py, pz
    for m in range(3):
        weight = a if m == 0 else (b if m == 1 else c)
        nx, ny, nz = face[i, NORMALS + 3 * m], face[i, NORMALS + 3 * m + 1], face[i, NORMALS + 3 * m + 2]
        below = (px - corners[i, m, 0]) * nx + (py - corners[i, m, 1]) * ny + (pz - corners[i, m, 2]) * nz
        below = weight * min(below * side, 0.0) * side
        qx, qy, qz = qx - below * nx, qy - below * ny, qz - below * nz
    return qx, qy, qz


@njit_inline
def _light(
    lamps: Any, ambient: Any, maps: Any, depths: Any, p: Any, q: Any, n: Any, flat: Any, out: Any
) -> None:
    """Write out (3,): the colour that a white matt surface at p with normal n and face normal `flat` shows, both towards the eye.

    q: the point for shadow lookups. The lamps of the sky come first.
    """
    x, y, z = n
    fx, fy, fz = flat
    xx, yy, zz, xy, yz, xz = x * x, y * y, z * z, x * y, y * z, x * z
    for k in range(3):
        e = ambient[k, 0] + ambient[k, 1] * x + ambient[k, 2] * y + ambient[k, 3] * z + ambient[k, 4] * xy
        e += (
            ambient[k, 5] * yz
            + ambient[k, 6] * xz
            + ambient[k, 7] * xx
            + ambient[k, 8] * yy
            + ambient[k, 9] * zz
        )
        out[k] = e if e > 0 else 0.0
    sky_total, sky_visible = 0.0, 0.0
    for j in range(len(lamps) + 1):
        if sky_total > 0 and (j == len(lamps) or lamps[j, 0] != SKY):
            for k in range(3):
                out[k] *= sky_visible / sky_total
            sky_total = 0.0
        if j == len(lamps):
            break
        lamp, dx, dy, dz, falloff = lamps[j, 0], lamps[j, 1], lamps[j, 2], lamps[j, 3], 1.0
        if lamp == POINT:
            dx, dy, dz = dx - p[0], dy - p[1], dz - p[2]
            distance = max(math.sqrt(dx * dx + dy * dy + dz * dz), 1e-12)
            dx, dy, dz, falloff = dx / distance, dy / distance, dz / distance, 1 / (distance * distance)
        cosine = x * dx + y * dy + z * dz
        if cosine <= 0:
            continue
        face_cosine = fx * dx + fy * dy + fz * dz
        steep, visibility = math.sqrt(max(0.0, 1 - face_cosine * face_cosine)), -1.0
        for m in range(int(lamps[j, 7]), int(lamps[j, 8])):
            visibility = light_visibility(maps, depths, m, q[0], q[1], q[2], fx, fy, fz, steep, lamp != SKY)
            if visibility >= 0:
                break
        cosine *= falloff
        arriving = cosine * (visibility if visibility >= 0 else 1.0)
        if lamp == SKY:
            weight = lamps[j, 4] + lamps[j, 5] + lamps[j, 6]
            sky_total, sky_visible = sky_total + weight * cosine, sky_visible + weight * arriving
            continue
        for k in range(3):
            out[k] += lamps[j, 4 + k] * arriving


@njit_inline
def _light_face(
    corners: Any, face: Any, lamps: Any, ambient: Any, maps: Any, depths: Any, i: int, c: Any, x: float, y: float, eye: Any,
    light: Any ) -> None:  # fmt: skip
    """Write light (3,) on face i at the ray (x, y, 1), on the side that `eye` sees."""
    a, b, d = _weights(c, i, x, y)
    nx, ny, nz = _normal(face, i, a, b, d)
    px = a * corners[i, 0, 0] + b * corners[i, 1, 0] + d * corners[i, 2, 0]
    py = a * corners[i, 0, 1] + b * corners[i, 1, 1] + d * corners[i, 2, 1]
    pz = a * corners[i, 0, 2] + b * corners[i, 1, 2] + d * corners[i, 2, 2]
    fx, fy, fz = face[i, FLAT], face[i, FLAT + 1], face[i, FLAT + 2]
    seen = fx * (px - eye[0]) + fy * (py - eye[1]) + fz * (pz - eye[2])
    outer = (
        -1.0 if fx * nx + fy * ny + fz * nz < 0 else 1.0
    )  # side of the smooth normals, relative to the face normal
    towards_eye = -1.0 if seen > 0 else 1.0
    side = towards_eye * outer
    q = (px, py, pz)
    if len(maps):
        q = _curved(corners, face, i, a, b, d, px, py, pz, side)
    n, flat = (side * nx, side * ny, side * nz), (towards_eye * fx, towards_eye * fy, towards_eye * fz)
    _light(lamps, ambient, maps, depths, (px, py, pz), q, n, flat, light)


@njit_kernel
def shade(
    first: int, last: int, scratch: Any, s: Any, lights: Any, c: Any, box: Any, grid: Any, pose: Any, blended: bool, face_id: Any,
    z: Any, out: Any,
) -> None:  # fmt: skip
    """Rows first..last of out (H, W, 4): premultiplied linear light, and coverage.

    The mean over samples x samples of face_id and z (samples H, samples W). pose: rotation and eye of the camera.
    """
    fx, fy, cx, cy = grid
    rotation, eye = pose
    samples = face_id.shape[0] // out.shape[0]
    corners, face, texels, levels, decoded = s
    style, shading, lamps, ambient, maps, far = lights
    value, light = np.empty(4), np.ones(3)
    width = face_id.shape[1]
    top = first * samples
    start, depths, faces = np.zeros(1, np.int64), np.empty(0, np.float32), np.empty(0, np.int32)
    if blended:
        start, depths, faces = translucent_layers(top, last * samples, face, c, box, grid, 0.0, z)
    weight = 1.0 / (samples * samples)
    for row in range(first, last):
        for column in range(out.shape[1]):
            r, g, b, coverage, last_lit = 0.0, 0.0, 0.0, 0.0, -1
            for sample in range(samples * samples):
                yy, xx = row * samples + sample // samples, column * samples + sample % samples
                x, y = (xx + 0.5 - cx) / fx, (yy + 0.5 - cy) / fy
                transmittance, last_depth, hit, k, end = 1.0, -1.0, face_id[yy, xx], 0, 0
                if blended:
                    k, end = start[(yy - top) * width + xx], start[(yy - top) * width + xx + 1]
                while True:  # the layers from the front, then the opaque face behind them
                    layer = k < end
                    i = faces[k] if layer else hit
                    k += 1
                    if layer and depths[k - 1] - last_depth <= 1e-5 * depths[k - 1]:
                        continue
                    if i < 0:
                        break
                    last_depth = depths[k - 1] if layer else last_depth
                    sample_surface(face, texels, levels, decoded, i, c, x, y, fx, fy, value)
                    if not layer or value[3] >= MIN_ALPHA:
                        if style == 1 and i != last_lit:  # light varies little within a pixel: once per face
                            last_lit = i
                            _light_face(corners, face, lamps, ambient, maps, far, i, c, x, y, eye, light)
                        elif style == 0 and shading > 0:
                            n = _normal(face, i, *_weights(c, i, x, y))
                            light[:] = _headlight(n[0], n[1], n[2], rotation, shading)
                        alpha = min(value[3], 1.0) if layer else 1.0
                        r += transmittance * alpha * value[0] * light[0]
                        g += transmittance * alpha * value[1] * light[1]
                        b += transmittance * alpha * value[2] * light[2]
                        transmittance *= 1 - alpha
                    if not layer:
                        break
                coverage += 1 - transmittance
            out[row, column, 0], out[row, column, 1] = r * weight, g * weight
            out[row, column, 2], out[row, column, 3] = b * weight, coverage * weight


@njit_kernel
def finish(
    first: int, last: int, scratch: Any, s: Any, c: Any, grid: Any, pose: Any, face_id: Any, z: Any, radiance: Any,
    background: Any, table: Any, rgb: Any, normals: Any, mask: Any,
) -> None:  # fmt: skip
    """Rows first..last of the final buffers.

    rgb (H, W, 3) uint8: radiance (H, W, 4, premultiplied) over the linear colour `background`, or unpremultiplied where that is
    negative; normals (H, W, 3) in the camera frame, towards the eye; mask (H, W).
    """
    fx, fy, cx, cy = grid
    rotation, _ = pose
    face = s.face
    empty = np.empty(3, np.uint8)
    for k in range(3):
        empty[k] = int(encode_srgb(background[k], table) + 0.5)
    for row in range(first, last):
        y = (row + 0.5 - cy) / fy
        for column in range(rgb.shape[1]):
            coverage = radiance[row, column, 3]
            for k in range(3):
                if coverage == 0:
                    rgb[row, column, k] = empty[k]
                    continue
                value = radiance[row, column, k]
                value = value + background[k] * (1 - coverage) if background[0] >= 0 else value / coverage
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
                component = rotation[k, 0] * n[0] + rotation[k, 1] * n[1] + rotation[k, 2] * n[2]
                normals[row, column, k] = side * component
