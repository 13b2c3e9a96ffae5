"""Surfaces too steep for the sensor: bands without depth that a plane between the surfaces on both sides explains.

A depth camera gets little light back from a surface that is nearly parallel to the viewing ray, and measures nothing there. Its
band in the image lies between two measured surfaces, on which it ends: inverse depth is linear on the image of a plane, so that
the line between the two ends of a row or column of the band lies on the surface. At a depth step without such a surface the band
is as narrow as the blur of the sensor, its plane is steeper still, and lines of neighbouring rows disagree; these are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.geometry.kernels import njit_inline, njit_kernel
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC
from lift3d.types import F32

NARROWEST = 5
"""Least number of pixels from one end of a band to the other, in a frame 640 pixels wide."""
WIDEST = 0.075
"""Largest width of a band, as a fraction of the width of the frame."""
AROUND = 2
"""Pixels to each side to which the plane of a pixel is fitted."""
COSINES = (0.03, 0.2)
"""Least and largest cosine of incidence: a less steep surface would have been measured, a steeper one is a depth step."""
RESIDUAL = 0.006
"""Largest root mean square of the residuals of the fit, relative to the depth."""


def bridge_steep(measured: F32, z: F32, k: F32) -> tuple[F32, F32]:
    """(depth (H, W), 0 elsewhere, normals (H, W, 3) of the camera's frame) of the steep surfaces in bands without depth.

    measured, z: (H, W) depth map, and without the pixels beside depth steps; k: (4,) focal lengths and principal point.
    """
    inverse, length = np.zeros_like(z), np.full(z.shape, np.iinfo(np.int32).max, np.int32)
    least = max(3, round(NARROWEST * z.shape[1] / 640))
    for axis in (0, 1):
        _lines(measured, z, axis, least, int(WIDEST * z.shape[1]), CONSTANT, QUADRATIC, inverse, length)
    out, normals = np.zeros_like(z), np.zeros((*z.shape, 3), np.float32)
    _planes(inverse, k, AROUND, *COSINES, RESIDUAL, out, normals)
    return out, normals


@njit_inline
def _mean(z: Any, i: int, j: int, constant: float, quadratic: float) -> float:
    """Mean depth of the pixels around one that lie on the same surface."""
    here = z[i, j]
    step = 3 * (constant + quadratic * here * here) + 0.003 * here
    total, count = 0.0, 0
    for a in range(max(i - 2, 0), min(i + 3, z.shape[0])):
        for b in range(max(j - 2, 0), min(j + 3, z.shape[1])):
            if z[a, b] > 0 and abs(z[a, b] - here) < step:
                total += z[a, b]
                count += 1
    return total / count


@njit_kernel
def _lines(
    measured: Any, z: Any, axis: int, least: int, most: int, constant: float, quadratic: float, inverse: Any, length: Any
) -> None:  # fmt: skip
    """inverse (H, W): inverse depth on the line between the ends of each band of a row (axis 1) or column (axis 0), where no
    shorter line is known; length (H, W): that of the line."""
    lines, size = z.shape[1 - axis], z.shape[axis]
    for line in range(lines):
        last, unknown = -1, 0
        for at in range(size):
            i, j = (line, at) if axis == 1 else (at, line)
            if z[i, j] <= 0:
                unknown += measured[i, j] <= 0
                continue
            n = at - last
            if last >= 0 and unknown >= 3 and least <= n <= most:
                i0, j0 = (line, last) if axis == 1 else (last, line)
                a = 1 / _mean(z, i0, j0, constant, quadratic)
                b = 1 / _mean(z, i, j, constant, quadratic)
                for s in range(1, n):
                    y, x = (line, last + s) if axis == 1 else (last + s, line)
                    if n < length[y, x]:
                        length[y, x] = n
                        inverse[y, x] = a + (b - a) * s / n
            last, unknown = at, 0


@njit_kernel
def _planes(
    inverse: Any, k: Any, reach: int, least: float, most: float, tolerance: float, z: Any, normals: Any
) -> None:
    """Depth and normals of the planes fitted to the inverse depths around each pixel, where the fit is good and steep."""
    h, w = inverse.shape
    for i in range(h):
        for j in range(w):
            here = inverse[i, j]
            if here <= 0:
                continue
            n = sx = sy = sd = sxx = sxy = syy = sxd = syd = sdd = 0.0
            for a in range(max(i - reach, 0), min(i + reach + 1, h)):
                for b in range(max(j - reach, 0), min(j + reach + 1, w)):
                    if inverse[a, b] <= 0:
                        continue
                    x, y, d = float(b - j), float(a - i), float(inverse[a, b] - here)
                    n, sx, sy, sd = n + 1, sx + x, sy + y, sd + d
                    sxx, sxy, syy = sxx + x * x, sxy + x * y, syy + y * y
                    sxd, syd, sdd = sxd + x * d, syd + y * d, sdd + d * d
            cxx, cxy, cyy = sxx - sx * sx / n, sxy - sx * sy / n, syy - sy * sy / n
            det = cxx * cyy - cxy * cxy
            if n < 8 or det < 1e-3 * (cxx + cyy) ** 2:
                continue
            cxd, cyd, cdd = sxd - sx * sd / n, syd - sy * sd / n, sdd - sd * sd / n
            p, q = (cxd * cyy - cyd * cxy) / det, (cyd * cxx - cxd * cxy) / det
            fitted = here + (sd - p * sx - q * sy) / n
            if fitted <= 0 or max(cdd - p * cxd - q * cyd, 0.0) > n * (tolerance * fitted) ** 2:
                continue
            # 1 / z = a x + b y + c at the ray (x, y, 1) is the plane with the normal (a, b, c)
            a, b = p * k[0], q * k[1]
            x, y = (j + 0.5 - k[2]) / k[0], (i + 0.5 - k[3]) / k[1]
            c = fitted - a * x - b * y
            size = np.sqrt(a * a + b * b + c * c)
            cosine = fitted / (size * np.sqrt(x * x + y * y + 1))
            if least <= cosine <= most:
                z[i, j] = 1 / fitted
                normals[i, j, 0], normals[i, j, 1], normals[i, j, 2] = -a / size, -b / size, -c / size
