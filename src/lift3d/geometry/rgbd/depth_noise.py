"""Noise of depth cameras, and pixels that straddle two surfaces.

The standard deviation of structured light and stereo grows with the square of the depth (Khoshelham & Elberink 2012, equation
8); a constant part stands for the quantisation of close depth and for time of flight cameras.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.geometry.kernels import njit_kernel
from lift3d.types import F32

QUADRATIC = 1.425e-3
"""Standard deviation in metres at one metre: half a disparity step of the Kinect, 1.425e-5 cm^-1 in the paper."""
CONSTANT = 1.0e-3
"""Least standard deviation in metres."""
JUMP = 6.0
"""Neighbours whose depths differ by more than this many standard deviations, and by more than 2 %, lie on different surfaces."""


def depth_sigma(z: F32) -> F32:
    """Standard deviation in metres of depths z in metres, any shape."""
    return np.asarray(CONSTANT + QUADRATIC * z * z, np.float32)


@njit_kernel
def _edges(z: Any, jump: float, constant: float, quadratic: float, out: Any) -> None:
    """out (H, W): z, 0 where one of the four neighbours is nearer by a depth step."""
    h, w = z.shape
    for y in range(h):
        for x in range(w):
            here = z[y, x]
            out[y, x] = here
            if here <= 0:
                continue
            step = max(jump * (constant + quadratic * here * here), 0.02 * here)
            for k in range(4):
                i = y + (k == 0) - (k == 1)
                j = x + (k == 2) - (k == 3)
                if 0 <= i < h and 0 <= j < w and z[i, j] > 0 and abs(z[i, j] - here) > step:
                    out[y, x] = 0


def without_edges(z: F32) -> F32:
    """(H, W) depth map without the pixels beside a depth step, where a pixel may mix two surfaces."""
    out = np.empty_like(z)
    _edges(np.ascontiguousarray(z), JUMP, CONSTANT, QUADRATIC, out)
    return out
