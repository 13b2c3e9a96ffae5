"""Matrices, trajectories and intrinsics in the text files of data sets."""

from __future__ import annotations

import json
from bisect import bisect_left
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.io.camera.quaternion import rotation_from_quaternion
from lift3d.io.files.read import read_bytes
from lift3d.io.rgbd.layout import Intrinsics, motion
from lift3d.types import F64

MAX_TEXT = 1 << 26
SAME_TIME = 1e-3
"""Difference in seconds at which a pose is that of the frame itself."""
MAX_GAP = 0.15
"""Largest distance in seconds of two poses between which one is interpolated."""


def rows_of(path: Path) -> list[list[str]]:
    """The words of each line that is no comment. Raises InputError for a file that is no text."""
    try:
        text = read_bytes(path, MAX_TEXT).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file", "export it again") from error
    lines = (line.split("#", 1)[0].replace(",", " ").split() for line in text.splitlines())
    return [words for words in lines if words]


def matrix_of(path: Path) -> F64:
    """The matrix (R, C) of a text file. Raises InputError for another content."""
    try:
        return np.array([[float(word) for word in row] for row in rows_of(path)], np.float64)
    except ValueError as error:
        raise InputError(f"{path} does not hold a matrix of numbers", "export it again") from error


def pose_of(path: Path) -> F64 | None:
    """The rigid motion of a file with 4x4 or 3x4 numbers, None if it is invalid or missing."""
    if not path.is_file():
        return None
    try:
        matrix = matrix_of(path)
    except InputError:
        return None
    return motion(matrix) if matrix.shape in ((3, 4), (4, 4)) else None


def read_log(path: Path) -> dict[int, F64 | None]:
    """Poses by the number of the frame of a trajectory in Open3D's .log format: a line of three integers, then a 4x4 matrix."""
    rows = rows_of(path)
    out: dict[int, F64 | None] = {}
    try:
        for first in range(0, len(rows), 5):
            block = rows[first : first + 5]
            if len(block) < 5 or len(block[0]) < 1:
                raise ValueError("a block is cut short")
            out[int(block[0][0])] = motion(
                np.array([[float(x) for x in row] for row in block[1:]]).reshape(4, 4)
            )
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"{path} is not a trajectory ({str(error)[:80]})", "export it again, or remove it"
        ) from error
    return out


def read_timed_poses(path: Path) -> tuple[list[float], list[F64 | None]]:
    """(times, poses) of a trajectory of TUM, sorted by time: lines of time tx ty tz qx qy qz qw."""
    found = []
    for row in rows_of(path):
        try:
            values = [float(word) for word in row[:8]]
        except ValueError as error:
            raise InputError(
                f"{path} is not a trajectory: {' '.join(row)[:60]}", "export it again, or remove it"
            ) from error
        if len(values) < 8:
            raise InputError(
                f"{path} has a line of {len(values)} numbers instead of 8", "export it again, or remove it"
            )
        q = np.array([values[7], *values[4:7]])
        matrix = np.full((4, 4), np.nan)
        length = float(np.linalg.norm(q))
        if np.isfinite(values).all() and 0.9 < length < 1.1:
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = rotation_from_quaternion(q / length), values[1:4]
        if np.isfinite(values[0]):
            found.append((values[0], motion(matrix)))
    found.sort(key=lambda f: f[0])
    return [t for t, _ in found], [p for _, p in found]


def pose_at(times: list[float], poses: list[F64 | None], time: float) -> F64 | None:
    """The pose at a time, interpolated between its neighbours; None where they are invalid or too far apart."""
    k = bisect_left(times, time)
    before, after = max(k - 1, 0), min(k, len(times) - 1)
    for near in (before, after):
        if times and abs(times[near] - time) < SAME_TIME:
            return poses[near]
    if not times or poses[before] is None or poses[after] is None:
        return None
    a, b = poses[before], poses[after]
    assert a is not None and b is not None
    span = times[after] - times[before]
    if span > MAX_GAP or min(abs(times[before] - time), abs(times[after] - time)) > MAX_GAP:
        return None
    t = min(max((time - times[before]) / span, 0.0), 1.0) if span > 0 else 0.0
    # linear interpolation of the matrices, then the nearest rotation: exact for the small steps between neighbours
    u, _, vt = np.linalg.svd((1 - t) * a[:3, :3] + t * b[:3, :3])
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = u @ vt, (1 - t) * a[:3, 3] + t * b[:3, 3]
    return out


def read_intrinsics(path: Path) -> Intrinsics | None:
    """The intrinsics of Open3D's JSON (width, height, intrinsic_matrix by columns), of a 3x3 or 4x4 matrix, or of a line that
    begins with fx fy cx cy; None for another file. Principal points are counted from pixel centres at integers, as these files
    do."""
    try:
        if path.suffix.lower() == ".json":
            document = json.loads(read_bytes(path, 1 << 20))
            if not isinstance(document, dict) or "intrinsic_matrix" not in document:
                return None
            flat = [float(x) for x in np.ravel(document["intrinsic_matrix"])]
            k = np.array(flat).reshape(3, 3)
            k = k.T if abs(k[2, 0]) + abs(k[2, 1]) > 0 else k
            size = int(document["width"]), int(document["height"])
        else:
            rows = rows_of(path)
            if len(rows) in (3, 4) and len(rows[0]) in (3, 4):
                k = np.array([[float(x) for x in row[:3]] for row in rows[:3]])
            else:
                fx, fy, cx, cy = (float(x) for x in rows[0][:4])
                k = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
            size = (0, 0)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, InputError):
        return None
    if not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0:
        raise InputError(f"{path} has an impossible focal length", "export the intrinsics again")
    return Intrinsics(k[0, 0], k[1, 1], k[0, 2] + 0.5, k[1, 2] + 0.5, size[0] or None, size[1] or None)


def find_intrinsics(
    folder: Path, words: tuple[str, ...] = ("intrinsic", "camera", "calibration")
) -> Intrinsics | None:
    """The intrinsics of the first file of a folder whose name has one of the words and that can be read."""
    names = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".json", ".txt") and p.is_file())
    for word in words:
        for path in names:
            if word in path.name.casefold():
                found = read_intrinsics(path)
                if found is not None:
                    return found
    return None
