"""Camera parameters of files, checked before they become a `Camera`."""

from __future__ import annotations

import numpy as np

from lift3d.errors import InputError
from lift3d.types import F64, Camera


def validated_camera(
    width: int,
    height: int,
    k: tuple[float, float, float, float],
    matrix: F64,
    distortion: tuple[float, ...],
    where: str,
) -> Camera:
    """The camera of size, k = (fx, fy, cx, cy), 4x4 world-to-camera matrix and distortion (k1, k2, p1, p2).

    Raises InputError, which begins with `where`, for values that are not finite, an impossible size or focal length, and
    a matrix that is not a rigid motion.
    """
    if not np.isfinite([*k, *distortion]).all() or not np.isfinite(matrix).all():
        raise InputError(f"{where} has values that are not finite", "export the cameras again")
    if not (0 < width < 1 << 17 and 0 < height < 1 << 17 and k[0] > 0 and k[1] > 0):
        raise InputError(f"{where} has an impossible size or focal length", "export the cameras again")
    coefficients = tuple(distortion) if any(distortion) else ()
    try:
        return Camera(int(width), int(height), *k, matrix, coefficients)
    except ValueError as error:
        raise InputError(f"{where} is not a valid camera ({error})", "export the cameras again") from error
