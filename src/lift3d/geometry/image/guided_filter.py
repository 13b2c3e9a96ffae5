"""The guided filter: a map that follows the edges of a picture (He, Sun & Tang 2013, doi:10.1109/TPAMI.2012.213).

In each window the map is a linear function of the colours, q = a . I + b, with the least squares over the window and
epsilon |a|^2 (their equations 19 to 21); overlapping windows are averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32


def guided_filter(picture: NDArray[np.uint8], share: F32, radius: int, epsilon: float) -> F32:
    """(H, W) in [0, 1], of (H, W, 3) sRGB and (H, W); radius of the windows in pixels; epsilon in squared [0, 1]."""
    size = 2 * radius + 1

    def mean(x: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(ndimage.uniform_filter(x, (size, size, *(1,) * (x.ndim - 2))))

    guide = picture.astype(np.float64) / 255
    colour, value = mean(guide), mean(share.astype(np.float64))
    cross = mean(guide * share[..., None]) - colour * value[..., None]
    square = mean(guide[..., :, None] * guide[..., None, :]) - colour[..., :, None] * colour[..., None, :]
    a = np.linalg.solve(square + epsilon * np.eye(3), cross[..., None])[..., 0]
    b = value - (a * colour).sum(-1)
    return np.asarray((mean(a) * guide).sum(-1) + mean(b), np.float32).clip(0, 1)
