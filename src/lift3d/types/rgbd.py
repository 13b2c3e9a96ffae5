"""Colour frames with measured depth: the frames of a depth camera, before and after their poses are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.types.arrays import F64, _require
from lift3d.types.views import Camera, Depth, Image, PhotoStatus


@dataclass(frozen=True, eq=False)
class RgbdFrame:
    """A colour image and the depth that was measured with it, which may have another size and another camera.

    camera: pinhole camera of `image`; its pose is the identity. depth: z in metres, 0 where unknown; depth.camera.world_to_camera
    maps points of the colour camera's frame to that of the depth camera, the identity where the two are registered.
    """

    image: Image
    camera: Camera
    depth: Depth

    def __post_init__(self) -> None:
        _require(
            (self.image.width, self.image.height) == (self.camera.width, self.camera.height),
            "RgbdFrame: image and camera sizes differ",
        )
        _require(self.camera.distortion == (), "RgbdFrame needs an undistorted pinhole camera")


@dataclass(frozen=True, eq=False)
class RgbdScan:
    """Frames of a depth camera in the order in which they were taken.

    frames: the usable frames, which may be read from files one by one as they are needed. poses: for each frame the 4x4
    rigid motion from the frame of its colour camera to the world, or None where it is not known. status: the outcome of
    every frame of the input, including those left out. posed: whether the input states poses.
    warnings: sentences. key: checksum of the files, for caches, or "".
    """

    frames: Sequence[RgbdFrame]
    poses: tuple[F64 | None, ...]
    names: tuple[str, ...]
    status: tuple[PhotoStatus, ...] = ()
    posed: bool = False
    warnings: tuple[str, ...] = ()
    key: str = ""

    def __post_init__(self) -> None:
        _require(
            len(self.frames) == len(self.poses) == len(self.names), "RgbdScan: one pose and name per frame"
        )
        for pose in self.poses:
            if pose is not None:
                _require(pose.shape == (4, 4) and bool(np.isfinite(pose).all()), "RgbdScan.poses are 4x4")
                r = pose[:3, :3]
                rigid = bool(np.allclose(r @ r.T, np.eye(3), atol=1e-4)) and np.linalg.det(r) > 0
                _require(rigid, "RgbdScan.poses are rigid motions")

    def __len__(self) -> int:
        return len(self.frames)

    def subset(self, indices: Sequence[int]) -> RgbdScan:
        """Some of the frames, in this order, with the same status; frames of files stay files."""
        chosen = getattr(self.frames, "chosen", None)
        frames = chosen(indices) if chosen is not None else tuple(self.frames[k] for k in indices)
        poses, names = tuple(self.poses[k] for k in indices), tuple(self.names[k] for k in indices)
        return RgbdScan(frames, poses, names, self.status, self.posed, self.warnings, self.key)
