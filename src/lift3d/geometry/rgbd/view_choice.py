"""Frames of a scan that show what all of them show: the sharpest of each stretch in which the camera hardly moves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lift3d.geometry.rgbd import se3
from lift3d.types import F64

ANGLE, SHIFT = np.radians(9.0), 0.07
"""Rotation, and translation as a fraction of the median depth, after which a new stretch begins."""
GROWTH = 1.25
FEW = 8
"""Scans of so few frames keep all of them."""


def choose_frames(poses: Sequence[F64], sharpness: Sequence[float], depth: float, most: int) -> list[int]:
    """Indices of at most `most` frames, in order. poses: 4x4, frame to world; depth: median depth in metres."""
    if len(poses) <= min(FEW, most):
        return list(range(len(poses)))
    factor = 1.0
    while True:
        starts = [0]
        for k in range(1, len(poses)):
            move = se3.inverse(poses[starts[-1]]) @ poses[k]
            turned = se3.angle_between(move, np.eye(4)) / ANGLE
            shifted = float(np.linalg.norm(move[:3, 3])) / (SHIFT * max(depth, 1e-9))
            if max(turned, shifted) > factor:
                starts.append(k)
        if len(starts) <= most:
            break
        factor *= GROWTH
    ends = [*starts[1:], len(poses)]
    return [a + int(np.argmax(sharpness[a:b])) for a, b in zip(starts, ends)]
