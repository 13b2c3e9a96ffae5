"""Tracking of the frames of a depth camera, each against the last keyframe.

A frame whose view differs enough from its keyframe becomes the next one. A frame that does not align with the keyframe is tried
against its predecessor; if that fails too, tracking begins again with it, and only a loop closure can connect what follows with
what came before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.alignment import Alignment, align
from lift3d.geometry.rgbd.frame_pyramid import Level, prepare
from lift3d.geometry.rgbd.pose_graph import Edge
from lift3d.types import F64, RgbdFrame

MIN_OVERLAP, MIN_INLIERS = 0.3, 0.65
"""Least overlap, and least fraction of agreeing depth there, with which an alignment counts."""
MIN_CORRELATION = 0.5
"""Least correlation of the grey values: two floors agree in depth wherever they are."""
NEW_OVERLAP = 0.78
"""Overlap with the keyframe below which a frame becomes a keyframe."""
NEW_ANGLE = np.radians(12.0)
NEW_SHIFT = 0.12
"""Rotation, and translation as a fraction of the median depth, at which a frame becomes a keyframe."""
MAX_WEAKEST = 0.4
"""Largest `Alignment.weakest`: a plain wall slides along itself. Rooms have 0.03 to 0.15, plain walls with noise more than 1."""
MIN_DEPTH = 0.05
"""Least fraction of pixels with depth in a frame that can be tracked."""


@dataclass(eq=False)
class Track:
    """keyframes: indices of frames. levels: of each keyframe. reference, motion: of each frame its keyframe, as an index into
    `keyframes`, and the motion from the frame to it; reference -1 where the frame was not tracked. reasons: why not. edges:
    motions between keyframes. grey: standard deviation of the grey values of each frame's alignment."""

    keyframes: list[int] = field(default_factory=list)
    levels: list[tuple[Level, ...]] = field(default_factory=list)
    reference: list[int] = field(default_factory=list)
    motion: list[F64] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)


def is_reliable(found: Alignment | None, overlap: float = MIN_OVERLAP) -> bool:
    """Whether an alignment can be trusted."""
    return (
        found is not None
        and found.overlap >= overlap
        and found.inliers >= MIN_INLIERS
        and found.correlation >= MIN_CORRELATION
        and found.weakest <= MAX_WEAKEST
    )


def edge_between(i: int, j: int, found: Alignment, loop: bool = False) -> Edge:
    """The edge of an alignment of keyframe j (source) with keyframe i (target).

    Residuals of neighbouring pixels are not independent: the information counts as if one in a hundred were.
    """
    a = se3.adjoint(found.motion)  # from a twist on the left to one on the right
    return Edge(i, j, found.motion, 0.01 * a.T @ found.information @ a, loop)


def track(frames: Sequence[RgbdFrame], progress: Callable[[float], None] = lambda done: None) -> Track:
    """Align all frames in their order. The levels of keyframes stay in memory, about 2 MB each."""
    out = Track()
    before: tuple[Level, ...] | None = None
    before_index = -1
    velocity = np.eye(4)
    for k in range(len(frames)):
        levels = prepare(frames[k])
        progress((k + 1) / len(frames))
        known = float((levels[-1].z > 0).mean())
        if known < MIN_DEPTH:
            out.reference.append(-1)
            out.motion.append(np.eye(4))
            out.reasons.append(f"only {known:.0%} of its pixels have depth")
            continue
        found = None
        if out.keyframes:
            key = len(out.keyframes) - 1
            tracked = before_index >= 0 and out.reference[before_index] == key
            last = out.motion[before_index] if tracked else np.eye(4)
            found = align(levels, out.levels[key], last @ velocity)
            if not is_reliable(found):
                found = align(levels, out.levels[key], last)
            if not is_reliable(found) and before is not None and tracked:
                step = align(levels, before, np.eye(4))
                if step is not None and is_reliable(step):
                    _add_keyframe(out, before_index, before, key, out.motion[before_index])
                    key, last, found = key + 1, np.eye(4), step
        if found is None or not is_reliable(found):
            if out.keyframes:
                out.breaks.append(k)
            _add_keyframe(out, k, levels)
            out.reference.append(len(out.keyframes) - 1)
            out.motion.append(np.eye(4))
            out.reasons.append("")
            before, before_index, velocity = levels, k, np.eye(4)
            continue
        velocity = se3.inverse(last) @ found.motion
        depth = float(np.median(levels[-1].z[levels[-1].z > 0]))
        shift = float(np.linalg.norm(found.motion[:3, 3])) / depth
        turned = se3.angle_between(found.motion, np.eye(4))
        if found.overlap < NEW_OVERLAP or shift > NEW_SHIFT or turned > NEW_ANGLE:
            _add_keyframe(out, k, levels)
            out.edges.append(edge_between(key, key + 1, found))
            out.reference.append(key + 1)
            out.motion.append(np.eye(4))
        else:
            out.reference.append(key)
            out.motion.append(found.motion)
        out.reasons.append("")
        before, before_index = levels, k
    return out


def _add_keyframe(
    out: Track, frame: int, levels: tuple[Level, ...], key: int | None = None, motion: F64 | None = None
) -> None:
    """Make a frame a keyframe; key, motion: its motion to an earlier keyframe, if it was tracked before."""
    out.keyframes.append(frame)
    out.levels.append(levels)
    if key is not None and motion is not None:
        again = align(levels, out.levels[key], motion)
        new = len(out.keyframes) - 1
        if again is not None:
            out.edges.append(edge_between(key, new, again))
        else:
            out.edges.append(Edge(key, new, motion, 1e4 * np.eye(6)))
        out.reference[frame], out.motion[frame] = new, np.eye(4)
