"""Rigid motions: exponential, logarithm and adjoint of SE(3), with twists (v, w) of translation and rotation
(Murray, Li & Sastry 1994, chapter 2; Barfoot 2017, section 7.1).
"""

from __future__ import annotations

import numpy as np

from lift3d.types import F64

SMALL = 1e-3
"""Angle in radians below which series are used."""


def skew(w: F64) -> F64:
    """(3, 3) matrix of the cross product with w (3,)."""
    return np.array([[0, -w[2], w[1]], [w[2], 0, -w[0]], [-w[1], w[0], 0.0]])


def exp(twist: F64) -> F64:
    """(4, 4) rigid motion of a twist (6,)."""
    v, w = np.asarray(twist[:3], np.float64), np.asarray(twist[3:], np.float64)
    angle = float(np.linalg.norm(w))
    k = skew(w)
    if angle < SMALL:  # the series, where the differences would cancel
        a, b, c = 1 - angle**2 / 6, 0.5 - angle**2 / 24, 1 / 6 - angle**2 / 120
    else:
        a, b = np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2
        c = (1 - a) / angle**2
    out = np.eye(4)
    out[:3, :3] += a * k + b * k @ k
    out[:3, 3] = (np.eye(3) + b * k + c * k @ k) @ v
    return out


def log(motion: F64) -> F64:
    """(6,) twist of a rigid motion (4, 4), rotation angle in [0, pi]."""
    r = motion[:3, :3]
    q = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])
    sine, cosine = 0.5 * float(np.linalg.norm(q)), 0.5 * (float(np.trace(r)) - 1)
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-7:
        w = q * (angle / (2 * sine))
    elif cosine > 0:
        w = 0.5 * q
    else:  # half a turn: the axis is the eigenvector of r to the eigenvalue 1
        column = (r + np.eye(3))[:, int(np.argmax(np.diag(r)))]
        w = column / np.linalg.norm(column) * angle
    k = skew(w)
    if angle < SMALL:
        inverse = np.eye(3) - 0.5 * k + k @ k / 12
    else:
        c = (1 - angle * np.sin(angle) / (2 * max(1 - np.cos(angle), 1e-300))) / angle**2
        inverse = np.eye(3) - 0.5 * k + c * k @ k
    return np.concatenate([inverse @ motion[:3, 3], w])


def inverse(motion: F64) -> F64:
    """(4, 4) the inverse of a rigid motion."""
    out = np.eye(4)
    out[:3, :3] = motion[:3, :3].T
    out[:3, 3] = -motion[:3, :3].T @ motion[:3, 3]
    return out


def adjoint(motion: F64) -> F64:
    """(6, 6) matrix A with motion exp(x) motion^-1 = exp(A x)."""
    out = np.zeros((6, 6))
    out[:3, :3] = out[3:, 3:] = motion[:3, :3]
    out[:3, 3:] = skew(motion[:3, 3]) @ motion[:3, :3]
    return out


def angle_between(a: F64, b: F64) -> float:
    """Angle in radians between the rotations of two motions (4, 4)."""
    cosine = 0.5 * (float(np.sum(a[:3, :3] * b[:3, :3])) - 1)
    return float(np.arccos(np.clip(cosine, -1, 1)))


def nearest_rigid(motion: F64) -> F64:
    """(4, 4) the motion with its 3x3 part replaced by the nearest rotation (orthogonal Procrustes)."""
    u, _, vt = np.linalg.svd(motion[:3, :3])
    out = np.eye(4)
    out[:3, :3] = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    out[:3, 3] = motion[:3, 3]
    return out
