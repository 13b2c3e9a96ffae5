"""Motions between keyframes that are not neighbours in time: by features, wherever the camera was, and by predicted overlap.

SIFT features are matched between keyframes with similar descriptors; matches with depth on both sides give the motion by RANSAC
on three of them (Arun et al. 1987), which the alignment by colour and geometry then refines and confirms.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.alignment import align
from lift3d.geometry.rgbd.depth_noise import depth_sigma
from lift3d.geometry.rgbd.frame_pyramid import Level
from lift3d.geometry.rgbd.odometry import edge_between, is_reliable
from lift3d.geometry.rgbd.pose_graph import Edge
from lift3d.geometry.sfm import features
from lift3d.geometry.sfm.pair_selection import select_pairs
from lift3d.types import F64, RgbdFrame

MIN_MATCHES = 12
"""Least number of feature matches that agree on one motion."""
TRIALS = 300
MIN_LOOP_OVERLAP = 0.25
MIN_PREDICTED = 0.35
"""Least overlap by the current poses at which two keyframes are aligned without features."""
MAX_PARTNERS = 4
"""Most keyframes before it with which one is aligned, by features or by predicted overlap."""


def fit_motion(source: F64, target: F64) -> F64:
    """(4, 4) the rigid motion that takes points source (N, 3) to target (N, 3) with least squares (Arun et al. 1987)."""
    a, b = source.mean(0), target.mean(0)
    u, _, vt = np.linalg.svd((source - a).T @ (target - b))
    r = vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = r, b - r @ a
    return out


def ransac_motion(source: F64, target: F64, seed: int = 0) -> tuple[F64, NDArray[np.bool_]] | None:
    """The motion on which most of the matched points (N, 3) agree and a mask of those; None with fewer than MIN_MATCHES."""
    n = len(source)
    if n < MIN_MATCHES:
        return None
    rng = np.random.default_rng(seed)
    noise = np.hypot(
        depth_sigma(source[:, 2].astype(np.float32)), depth_sigma(target[:, 2].astype(np.float32))
    )
    tolerance = 3 * noise + 0.01
    best: NDArray[np.bool_] | None = None
    for _ in range(TRIALS):
        pick = rng.choice(n, 3, replace=False)
        motion = fit_motion(source[pick], target[pick])
        agrees = _distance(motion, source, target) < tolerance
        if best is None or agrees.sum() > best.sum():
            best = agrees
            if best.mean() > 0.9:
                break
    assert best is not None
    for _ in range(3):
        if best.sum() < MIN_MATCHES:
            return None
        motion = fit_motion(source[best], target[best])
        best = _distance(motion, source, target) < tolerance
    return (motion, best) if best.sum() >= MIN_MATCHES else None


def _distance(motion: F64, source: F64, target: F64) -> F64:
    return np.asarray(np.linalg.norm(source @ motion[:3, :3].T + motion[:3, 3] - target, axis=1))


def feature_loops(
    frames: Sequence[RgbdFrame], keyframes: Sequence[int], levels: Sequence[tuple[Level, ...]], seed: int = 0,
    progress: Callable[[float], None] = lambda done: None,
) -> list[Edge]:  # fmt: skip
    """Confirmed loops between keyframes (indices of frames) whose features match."""
    if len(keyframes) < 2:
        return []
    images = [frames[k].image for k in keyframes]
    cameras = [frames[k].camera for k in keyframes]
    with tempfile.TemporaryDirectory(prefix="lift3d-") as folder:
        space = features.open_workspace(
            Path(folder), images, False, "PINHOLE", [c.fx for c in cameras], False
        )
        effort = features.SfmOptions(max_features=1500, peak_threshold=0.004)
        features.extract_features(space, effort)
        progress(0.3)
        pairs = select_pairs(features.read_descriptors(space), False, seed=seed)
        pairs = np.array([p for p in pairs.tolist() if abs(p[0] - p[1]) > 1], np.int32).reshape(-1, 2)
        if not len(pairs):
            return []
        features.match_pairs(space, pairs, effort, seed)
        keypoints, matched = features.read_keypoints(space), features.read_pairs(space)
    progress(0.6)
    points = [_points(frames[k], uv) for k, uv in zip(keyframes, keypoints)]
    candidates = []
    for pair in matched:
        a, b = points[pair.i][pair.matches[:, 0]], points[pair.j][pair.matches[:, 1]]
        known = (a[:, 2] > 0) & (b[:, 2] > 0)
        found = ransac_motion(b[known], a[known], seed)
        if found is not None:
            candidates.append((int(found[1].sum()), pair.i, pair.j, found[0]))
    progress(0.7)
    candidates.sort(key=lambda c: (-c[0], c[1], c[2]))
    partners = np.zeros(len(keyframes), int)
    out = []
    for done, (_, i, j, motion) in enumerate(candidates):
        if partners[j] < MAX_PARTNERS:
            edge = confirmed(levels, i, j, motion)
            if edge is not None:
                out.append(edge)
                partners[j] += 1
        progress(0.7 + 0.3 * (done + 1) / len(candidates))
    return sorted(out, key=lambda e: (e.i, e.j))


def confirmed(levels: Sequence[tuple[Level, ...]], i: int, j: int, motion: F64) -> Edge | None:
    """The edge of keyframes i and j from an initial motion of j to i, if colour and geometry align there in both directions."""
    forth = align(levels[j], levels[i], motion, coarsest=1)
    if forth is None or not is_reliable(forth, MIN_LOOP_OVERLAP):
        return None
    back = align(levels[i], levels[j], se3.inverse(forth.motion), coarsest=1)
    if back is None or not is_reliable(back, MIN_LOOP_OVERLAP):
        return None
    gap = se3.log(forth.motion @ back.motion)
    if np.linalg.norm(gap[:3]) > 0.03 or np.linalg.norm(gap[3:]) > 0.02:
        return None
    return edge_between(i, j, forth, loop=True)


def _points(frame: RgbdFrame, uv: F64) -> F64:
    """(N, 3) points in the frame of the depth camera at pixels (N, 2) of the colour image, z = 0 where the depth is unknown.

    The depth pixel is found with the depth itself: exact for registered cameras, and in two steps for others.
    """
    z, camera, colour = frame.depth.z, frame.depth.camera, frame.camera
    pose = camera.world_to_camera
    rays = np.column_stack(
        [(uv[:, 0] - colour.cx) / colour.fx, (uv[:, 1] - colour.cy) / colour.fy, np.ones(len(uv))]
    )
    guess = np.full(len(uv), 2.0)
    out = np.zeros((len(uv), 3))
    for _ in range(2):
        local = (rays * guess[:, None]) @ pose[:3, :3].T + pose[:3, 3]
        x = np.floor(camera.fx * local[:, 0] / local[:, 2] + camera.cx).astype(int)
        y = np.floor(camera.fy * local[:, 1] / local[:, 2] + camera.cy).astype(int)
        inside = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        found = np.where(inside, z[y.clip(0, camera.height - 1), x.clip(0, camera.width - 1)], 0)
        guess = np.where(found > 0, found, guess)
        out = local * (found / local[:, 2])[:, None]
    return out


def overlap_pairs(
    levels: Sequence[tuple[Level, ...]],
    poses: Sequence[F64],
    groups: Sequence[Iterable[int]],
    known: set[tuple[int, int]],
) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of keyframes of one group whose views overlap by their poses (frame to world), without `known`
    ones."""
    out = []
    for group in groups:
        members = sorted(group)
        for place, j in enumerate(members):
            row = []
            for i in members[:place]:
                if (i, j) not in known:
                    value = predicted_overlap(levels[j][0], levels[i][0], se3.inverse(poses[i]) @ poses[j])
                    if value >= MIN_PREDICTED:
                        row.append((value, i))
            # the farther apart in time, the more a loop tells
            row.sort(key=lambda found: (-(j - found[1]), found[1]))
            out += [(i, j) for _, i in row[:MAX_PARTNERS]]
    return out


def predicted_overlap(source: Level, target: Level, motion: F64) -> float:
    """Fraction of the source's points that `motion` takes into the target's image, within 20 % of its depth there."""
    step = 2
    z = source.z[::step, ::step]
    rows, columns = np.nonzero(z > 0)
    if len(rows) == 0:
        return 0.0
    depth = z[rows, columns].astype(np.float64)
    k, t = source.k.astype(np.float64), target.k.astype(np.float64)
    p = np.column_stack(
        [(step * columns + 0.5 - k[2]) / k[0] * depth, (step * rows + 0.5 - k[3]) / k[1] * depth, depth]
    )
    q = p @ motion[:3, :3].T + motion[:3, 3]
    front = q[:, 2] > 0.05
    safe = np.where(front, q[:, 2], 1.0)
    x = np.floor(t[0] * q[:, 0] / safe + t[2]).astype(int)
    y = np.floor(t[1] * q[:, 1] / safe + t[3]).astype(int)
    h, w = target.z.shape
    inside = front & (x >= 0) & (y >= 0) & (x < w) & (y < h)
    there = np.where(inside, target.z[y.clip(0, h - 1), x.clip(0, w - 1)], 0)
    return float((inside & (there > 0) & (np.abs(there - q[:, 2]) < 0.2 * there + 0.1)).mean())
