"""The poses of all frames of a scan: tracking, loop closures, pose graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.loop_closure import confirmed, feature_loops, overlap_pairs
from lift3d.geometry.rgbd.odometry import Track, track
from lift3d.geometry.rgbd.pose_graph import Edge, components, optimise, weight
from lift3d.types import F64, RgbdFrame

ROUNDS = 2
"""Rounds of loops by predicted overlap, each followed by an optimisation."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """poses: of each frame, 4x4, frame of its colour camera to the world, the frame of the first one that is placed; None where
    not known. reasons: why not, empty for the others. evidence: JSON-able figures for the report."""

    poses: tuple[F64 | None, ...]
    reasons: tuple[str, ...]
    evidence: dict[str, Any]


def find_trajectory(
    frames: Sequence[RgbdFrame], seed: int = 0, progress: Callable[[float], None] = lambda done: None
) -> Trajectory:
    """Poses of all frames that the others can be connected with."""
    found = track(frames, lambda done: progress(0.55 * done))
    count = len(found.keyframes)
    edges = list(found.edges)
    poses = _chained(count, edges)
    loops = feature_loops(
        frames, found.keyframes, found.levels, seed, lambda done: progress(0.55 + 0.2 * done)
    )
    edges += loops
    poses = _chained(count, edges, poses)
    poses = optimise(poses, edges)
    for k in range(ROUNDS):
        pairs = overlap_pairs(found.levels, poses, components(count, edges), {(e.i, e.j) for e in edges})
        for done, (i, j) in enumerate(pairs):
            edge = confirmed(found.levels, i, j, se3.inverse(poses[i]) @ poses[j])
            if edge is not None:
                edges.append(edge)
            progress(0.75 + 0.24 * (k + (done + 1) / len(pairs)) / ROUNDS)
        poses = optimise(poses, edges)
    groups = components(count, [e for e in edges if weight(e, poses) > 0.05])
    evidence = {
        "keyframes": count,
        "motions": len(found.edges),
        "loops": len([e for e in edges if e.loop]),
        "loops_by_features": len(loops),
        "loops_rejected": len([e for e in edges if weight(e, poses) <= 0.05]),
        "tracking_began_again_at": found.breaks,
        "parts": [len(g) for g in groups],
    }
    return _assembled(frames, found, poses, groups, evidence)


def _chained(count: int, edges: Sequence[Edge], known: Sequence[F64] | None = None) -> tuple[F64, ...]:
    """Poses of keyframes by chains of edges, neighbours in time first; known: keeps the chains of parts that were known."""
    poses = [np.eye(4) for _ in range(count)] if known is None else [p.copy() for p in known]
    if known is None:
        for edge in edges:
            poses[edge.j] = poses[edge.i] @ edge.motion
        return tuple(poses)
    part = np.zeros(count, int)
    for n, group in enumerate(components(count, [e for e in edges if not e.loop])):
        part[group] = n
    joined = {int(part[0])} if count else set()
    pending = True
    while pending:
        pending = False
        for edge in edges:
            a, b = int(part[edge.i]), int(part[edge.j])
            if (a in joined) == (b in joined):
                continue
            new, moved = (b, edge.j) if a in joined else (a, edge.i)
            target = (
                poses[edge.i] @ edge.motion if moved == edge.j else poses[edge.j] @ se3.inverse(edge.motion)
            )
            shift = target @ se3.inverse(poses[moved])
            for k in np.flatnonzero(part == new):
                poses[k] = shift @ poses[k]
            joined.add(new)
            pending = True
        if not pending:
            rest = sorted(set(part.tolist()) - joined)
            if rest:
                joined.add(rest[0])
                pending = True
    return tuple(poses)


def _assembled(
    frames: Sequence[RgbdFrame],
    found: Track,
    poses: Sequence[F64],
    groups: Sequence[Sequence[int]],
    evidence: dict[str, Any],
) -> Trajectory:
    """Poses of the frames of the largest part, by the number of its frames."""
    sizes = [sum(ref in set(g) for ref in found.reference) for g in groups]
    main = set(groups[int(np.argmax(sizes))]) if groups else set()
    out: list[F64 | None] = []
    reasons = []
    first: F64 | None = None
    for k in range(len(frames)):
        key = found.reference[k]
        if key < 0 or key not in main:
            out.append(None)
            reasons.append(
                found.reasons[k]
                or "it shares too little of its view, or only a plain surface, with the other frames"
            )
            continue
        pose = poses[key] @ found.motion[k] @ _depth_from_colour(frames[k])
        first = pose if first is None else first
        out.append(se3.inverse(first) @ pose)
        reasons.append("")
    evidence["placed"] = len([p for p in out if p is not None])
    return Trajectory(tuple(out), tuple(reasons), evidence)


def _depth_from_colour(frame: RgbdFrame) -> F64:
    return frame.depth.camera.world_to_camera
