"""Which way is up, from cameras alone: the common normal of the level axes of the photos.

A photo held level has its x axis horizontal, and held upright (a quarter turn) its y axis, however far the camera looks up or
down. Up is the direction to which these axes are orthogonal; the mean of the photos' own up directions leans where they look
down on less than a full ring. Where all cameras are related by rotations about one axis, as on a turntable, up is that axis.
Where photos state the direction of gravity and agree about it, that is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64, Camera

LEVEL, SLANTED = 4.0, 14.0
"""Standard deviations in degrees of the roll of photos held with care, and of others."""
OUTLIERS = 0.1
"""Fraction of photos that may be held anyhow."""
TURN_PRIOR = np.array([0.0, -3.0, -8.0, -3.0])
"""Log prior of the quarter turn that most photos of a set have."""
FIXED_AXIS = 0.012
"""Largest root mean square variation of an axis in the camera's frame with which it counts as fixed, 0.7 degrees."""


@dataclass(frozen=True, eq=False)
class UpDirection:
    """direction: (3,) unit vector in the world that points up. turns: (N,) quarter turns, 0 to 3, of each photo: a photo with
    one quarter turn shows up on its right side, with three on its left side. error: standard error in degrees, at most 90.
    fixed_axis: whether the cameras are related by rotations about `direction`, as on a turntable; measured: whether it is that of
    gravity.
    """

    direction: F64
    turns: NDArray[np.int64]
    error: float
    fixed_axis: bool = False
    measured: bool = False


Gravity = Sequence[tuple[float, float, float] | None]
"""Unit vectors that point down in the frames of cameras, None where unknown."""
MIN_STATED, AGREES, SENSOR_ERROR = 3, 5.0, 1.0
"""Least number of photos with gravity; degrees within which two thirds of them agree; standard error in degrees of their mean."""


def up_direction(cameras: Sequence[Camera], gravity: Gravity = ()) -> UpDirection:
    """The up direction of at least one camera: that of gravity, if known; else the most probable of many candidates, refined by
    robust least squares."""
    axes = np.array([c.R for c in cameras])
    stated = _stated(axes, gravity)
    if stated is not None:
        return UpDirection(stated, _turns(axes @ stated), SENSOR_ERROR, measured=True)
    fixed = _fixed_axis(axes)
    if fixed is not None:
        best = _most_likely(axes, np.array([fixed, -fixed]))
        if not _is_sideways(axes, best):
            return UpDirection(best, _turns(axes @ best), float(np.degrees(FIXED_AXIS)), True)
    best = _most_likely(axes, _candidates(axes))
    for _ in range(3):
        best, error = _refined(axes, best)
    return UpDirection(best, _turns(axes @ best), error)


def estimate_up(cameras: Sequence[Camera], gravity: Gravity = ()) -> F64:
    """Unit vector (3,) that points up in the world, see `up_direction`."""
    return up_direction(cameras, gravity).direction


def _stated(axes: F64, gravity: Gravity) -> F64 | None:
    """Up (3,) in the world by the photos' gravity, its direction of least total angle to theirs; None where too few state it or
    they contradict each other, as those of cameras that were moved by a machine or of edited photos."""
    ups = np.array([-R.T @ np.array(g) for R, g in zip(axes, gravity) if g is not None]).reshape(-1, 3)
    if len(ups) < MIN_STATED:
        return None
    angles = np.degrees(np.arccos(np.clip(ups @ ups.T, -1, 1)))
    best = angles.sum(1).argmin()
    near = angles[best] < AGREES
    if near.mean() < 2 / 3:
        return None
    mean = ups[near].mean(0)
    return np.asarray(mean / np.linalg.norm(mean))


def forward_direction(camera: Camera, up: F64) -> F64:
    """(3,) horizontal unit vector in which a camera looks; if it looks straight down or up, that of the top or bottom edge,
    which lies ahead of the person who holds it."""
    flat = camera.direction - (camera.direction @ up) * up
    if np.linalg.norm(flat) < 0.1:
        ahead = -camera.R[1] if camera.direction @ up < 0 else camera.R[1]
        flat = ahead - (ahead @ up) * up
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-12))


def _turns(local: F64) -> NDArray[np.int64]:
    """(...,) quarter turns from up directions in the frames of cameras (..., 3)."""
    return np.rint(np.arctan2(local[..., 0], -local[..., 1]) / (np.pi / 2)).astype(np.int64) % 4


def _most_likely(axes: F64, candidates: F64) -> F64:
    """The candidate (3,) of (M, 3) with the highest log likelihood as up direction. axes: (N, 3, 3) world-to-camera rotations.

    The roll of each photo, reduced to the nearest quarter turn, follows a mixture of level, slanted and arbitrary photos; its
    uncertainty grows with the angle at which the camera looks up or down. The pitch is similar in all photos and rarely upwards.
    """
    local = np.einsum("nij,mj->mni", axes, candidates)
    n = len(axes)
    roll = np.degrees(np.arctan2(local[..., 0], -local[..., 1]))
    roll = (roll + 45.0) % 90.0 - 45.0
    level = np.maximum(np.hypot(local[..., 0], local[..., 1]), 1e-3)
    density = np.full(roll.shape, OUTLIERS / 90.0)
    for sigma, weight in ((LEVEL, 0.7), (SLANTED, 0.2)):
        s = np.hypot(sigma, 3.0 / level)
        density += weight * np.exp(-0.5 * (roll / s) ** 2) / (s * np.sqrt(2 * np.pi))
    pitch = np.degrees(np.arcsin(np.clip(local[..., 2], -1, 1)))
    median = np.median(pitch, axis=1)
    total = np.log(90.0 * density).sum(1) - 0.5 * np.log1p(((pitch - median[:, None]) / 20.0) ** 2).sum(1)
    count = (_turns(local)[..., None] == np.arange(4)).sum(1)
    mixing = (count * np.log(np.maximum(count, 1) / n)).sum(1) - 1.5 * ((count > 0).sum(1) - 1)
    total += mixing + TURN_PRIOR[count.argmax(1)] + 1.5 * np.tanh(-median / 10.0)
    return np.asarray(candidates[int(total.argmax())])


def _candidates(axes: F64) -> F64:
    """(M, 3) unit vectors of which one is near the up direction: mean image axes, and normals of pairs of level axes."""
    n = len(axes)
    x, y = axes[:, 0], axes[:, 1]
    out = [v for v in (-y.mean(0), x.mean(0), -axes[:, 2].mean(0)) if np.linalg.norm(v) > 1e-6]
    out += [np.linalg.eigh(a.T @ a)[1][:, 0] for a in (x, y)]
    out += [-y[i] for i in range(0, n, max(1, n // 12))]
    step = max(1, n // 9)
    for i in range(0, n, step):
        for j in range(i + step, n, step):
            for a, b in ((x[i], x[j]), (x[i], y[j]), (y[i], x[j]), (y[i], y[j])):
                normal = np.cross(a, b)
                if np.linalg.norm(normal) > 0.15:
                    out.append(normal)
    units = np.array([v / np.linalg.norm(v) for v in out])
    return np.concatenate([units, -units])


def _refined(axes: F64, up: F64) -> tuple[F64, float]:
    """(unit vector, standard error in degrees): least squares of the level axes with Cauchy weights.

    The photos' own up directions count as a single observation with a standard deviation of 30 degrees: what the cameras of a
    small arc look down is common to all of them.
    """
    local = axes @ up
    turns = _turns(local)
    level = np.where((turns % 2 == 0)[:, None], axes[:, 0], axes[:, 1])
    sign = np.where(turns < 2, 1.0, -1.0)[:, None]
    own = (np.where((turns % 2 == 0)[:, None], -axes[:, 1], axes[:, 0]) * sign).mean(0)
    own = own / max(float(np.linalg.norm(own)), 1e-9)
    residual = level @ up
    sigma = max(1.48 * float(np.median(np.abs(residual))), np.radians(1.0))
    weight = 1.0 / (1.0 + (residual / (2.0 * sigma)) ** 2)
    information = (level * (weight / sigma**2)[:, None]).T @ level
    prior = (np.eye(3) - np.outer(own, own)) / np.radians(30.0) ** 2
    _, vectors = np.linalg.eigh(information + prior)
    out = vectors[:, 0] if vectors[:, 0] @ up >= 0 else -vectors[:, 0]
    plane = vectors[:, 1:]
    least = float(np.linalg.eigvalsh(plane.T @ (information + prior) @ plane)[0])
    return out, min(float(np.degrees(1.0 / np.sqrt(max(least, 1e-9)))), 90.0)


def _fixed_axis(axes: F64) -> F64 | None:
    """The unit vector (3,) that is the same in the frames of all cameras, if they turn about it by 30 degrees or more."""
    if len(axes) < 5:
        return None
    centred = (axes - axes.mean(0)).reshape(-1, 3)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(axes))
    return vectors[:, 0] if values[0] < FIXED_AXIS**2 and values[1] > 0.02 else None


def _is_sideways(axes: F64, up: F64) -> bool:
    """Whether a fixed axis is rather the x axis of cameras on a vertical arc than the axis of a turntable."""
    local = (axes @ up).mean(0)
    return bool(abs(local[0]) > 0.7 and abs(local[2]) < 0.1)
