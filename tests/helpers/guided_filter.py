"""The guided filter: smooths a map along the edges of an image (He, Sun & Tang 2013, doi:10.1109/TPAMI.2012.213).

In each window the output is a linear function of the colours, q = a . I + b, that minimises the squared error over the
window plus epsilon |a|^2 (equations 19 to 21); overlapping windows are averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32


def guided_filter(rgb: NDArray[np.uint8], values: F32, radius: int, epsilon: float) -> F32:
    """The filtered map (H, W) float32, clipped to [0, 1].

    rgb: (H, W, 3) sRGB bytes, the guide; values: (H, W) in [0, 1]; radius: half the windows' side in pixels, rounded down;
    epsilon: regularisation in squared units of colours in [0, 1].
    """
    size = 2 * radius + 1

    def mean(x: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(ndimage.uniform_filter(x, (size, size, *(1,) * (x.ndim - 2))))

    guide = rgb.astype(np.float64) / 255
    colour, mean_value = mean(guide), mean(values.astype(np.float64))
    cross = mean(guide * values[..., None]) - colour * mean_value[..., None]
    square = mean(guide[..., :, None] * guide[..., None, :]) - colour[..., :, None] * colour[..., None, :]
    a = np.linalg.solve(square + epsilon * np.eye(3), cross[..., None])[..., 0]
    b = mean_value - (a * colour).sum(-1)
    return np.asarray((mean(a) * guide).sum(-1) + mean(b), np.float32).clip(0, 1)
