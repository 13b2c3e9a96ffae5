"""Unit quaternions (w, x, y, z) and rotation matrices."""

from __future__ import annotations

import numpy as np

from lift3d.types import F64


def rotation_from_quaternion(q: F64) -> F64:
    """(3, 3) rotation matrix of a unit quaternion (w, x, y, z)."""
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_from_rotation(r: F64) -> F64:
    """(4,) unit quaternion (w, x, y, z) with w >= 0 of a (3, 3) rotation, from its largest component (Shepperd 1978)."""
    squares = np.array([r.trace(), r[0, 0], r[1, 1], r[2, 2]])
    i = int(np.argmax(squares))
    if i == 0:
        q = np.array([1 + r.trace(), r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    else:
        a, b, c = ((0, 1, 2), (1, 2, 0), (2, 0, 1))[i - 1]
        q = np.zeros(4)
        q[0] = r[c, b] - r[b, c]
        q[1 + a] = 1 + r[a, a] - r[b, b] - r[c, c]
        q[1 + b] = r[b, a] + r[a, b]
        q[1 + c] = r[c, a] + r[a, c]
    q /= np.linalg.norm(q)
    return q if q[0] >= 0 else -q
