"""Frames of a depth camera to their poses: tracking by colour and geometry, loop closures and a pose graph.

Poses that the scan states are kept. Else each frame is aligned with the last keyframe, keyframes are connected by features and by
overlap, and the graph of their motions is optimised (`lift3d.geometry.rgbd.trajectory`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.rgbd.trajectory import find_trajectory
from lift3d.mapping import Card, Guarantee, Mapping, register
from lift3d.types import PhotoStatus, RgbdScan

NAME = "rgbd_to_cameras"
NO_POSE = "the scan states no valid pose for it"


def _frames_explained(mapping: Mapping[Any, Any], source: RgbdScan, result: RgbdScan) -> str | None:
    """None, or the frames that are missing from the status."""
    known = {s.name: s for s in result.status}
    silent = [n for n in source.names if n not in known or not (known[n].placed or known[n].reason)]
    return f"no status for {silent}" if silent else None


def _all_posed(mapping: Mapping[Any, Any], source: RgbdScan, result: RgbdScan) -> str | None:
    """None, or how many of the frames that remain have no pose."""
    missing = sum(pose is None for pose in result.poses)
    return f"{missing} frames have no pose" if missing else None


FRAMES_EXPLAINED = Guarantee("frames_explained", "every frame left out has a reason", _frames_explained)
ALL_POSED = Guarantee("all_posed", "every frame that remains has a pose", _all_posed)


@register(
    Card(
        NAME,
        "RgbdScan",
        "RgbdScan",
        (FRAMES_EXPLAINED, ALL_POSED, SAME_BYTES),
        reference="Steinbruecker et al. 2011; Park et al. 2017; Choi et al. 2015",
    )
)
@dataclass(frozen=True)
class RgbdToCameras(Mapping[RgbdScan, RgbdScan]):
    """given: keep the poses that the scan states, instead of estimating all of them."""

    given: bool = True

    def apply(self, source: RgbdScan, context: Context) -> RgbdScan:
        """The frames with known poses, in metres. Raises CaptureError where fewer than two frames can be placed."""
        kept = self.given and source.posed
        if kept:
            poses = source.poses
            reasons = tuple("" if pose is not None else NO_POSE for pose in poses)
            evidence: dict[str, Any] = {}
        else:
            found = find_trajectory(source.frames, context.seed, lambda done: context.progress(NAME, done))
            poses, reasons, evidence = found.poses, found.reasons, found.evidence
        placed = [k for k, pose in enumerate(poses) if pose is not None]
        before = {s.name: s for s in source.status}
        status = [
            replace(before.get(name, PhotoStatus(name, True)), placed=not reason, reason=reason)
            for name, reason in zip(source.names, reasons)
        ]
        named = set(source.names)
        status += [s for s in source.status if s.name not in named]
        rows = [
            {"name": s.name, "status": "registered" if s.placed else "left out", "reason": s.reason}
            for s in status
        ]
        context.note(
            NAME,
            given=len(status),
            registered=len(placed),
            known_poses=kept,
            path=_path_length(poses),
            photos=rows,
            **evidence,
        )
        context.progress(NAME, 1.0)
        if len(placed) < 2:
            why = next((r for r in reasons if r), "there are too few frames")
            raise CaptureError(
                f"only {len(placed)} of {len(poses)} frames could be placed ({why})",
                "move the camera slowly, so that each frame shares most of its view with the one before, "
                "over surfaces with structure",
            )
        chosen = source if len(placed) == len(poses) else source.subset(placed)
        return replace(chosen, poses=tuple(poses[k] for k in placed), status=tuple(status))


def _path_length(poses: Any) -> float:
    """Length in metres of the way of the camera."""
    centres = np.array([pose[:3, 3] for pose in poses if pose is not None]).reshape(-1, 3)
    return round(float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum()), 4)
