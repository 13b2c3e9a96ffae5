"""Frames that are decoded when they are needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import overload

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError, Lift3dError
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.camera.undistort import undistort
from lift3d.io.files.read import read_bytes
from lift3d.io.image.decode import DECODER_ERRORS, fit_size, open_picture
from lift3d.io.rgbd.depth_image import metres, raw_depth
from lift3d.io.rgbd.layout import FrameFiles, Intrinsics, ScanFiles
from lift3d.types import Camera, Depth, Image, RgbdFrame

MAX_ASPECT = 0.02
"""Largest relative difference of the aspect ratios of colour and depth that one camera describes."""
FLOATING_STEPS = 1.0
"""Floating point depth is in metres unless the user states another unit."""


@dataclass(frozen=True, eq=False)
class Reader:
    """Decodes the files of a frame. max_size: long side of the colour image. steps: integer depth values per metre. stated:
    whether the user gave them, so that they hold for floating point values as well."""

    files: ScanFiles
    max_size: int | None
    steps: float
    stated: bool = False

    def __call__(self, frame: FrameFiles) -> RgbdFrame:
        """The frame. Raises InputError for files that cannot be used together."""
        pixels, full = _colour(frame, self.max_size)
        values, floating = raw_depth(frame.depth)
        z = metres(values, self.steps if self.stated or not floating else FLOATING_STEPS)
        if frame.confidence is not None:
            z = np.where(_trusted(frame, z.shape), z, np.float32(0))
        colour_k = frame.colour_camera or self.files.colour_camera
        depth_k = frame.depth_camera or self.files.depth_camera
        if colour_k is None and depth_k is None:
            raise InputError(
                f"the camera of {frame.name} is not described", "add an intrinsics file to the folder"
            )
        _require_shape(frame, full, (z.shape[1], z.shape[0]), colour_k is None or depth_k is None)
        colour_camera = camera_of(colour_k or depth_k, *full, None)  # type: ignore[arg-type]
        height, width = pixels.shape[:2]
        image, camera = undistort(
            Image(pixels, frame.name, original_size=full), resize_camera(colour_camera, width, height)
        )
        depth_camera = camera_of(depth_k or colour_k, z.shape[1], z.shape[0], self.files.depth_from_colour)  # type: ignore[arg-type]
        return RgbdFrame(image, camera, Depth(np.ascontiguousarray(z, np.float32), depth_camera))


def camera_of(k: Intrinsics, width: int, height: int, pose: np.ndarray | None) -> Camera:
    """The camera of a picture of a size, scaled from the size for which the intrinsics are stated; the identity without a pose.

    Without a stated size, and with the principal point far from the middle, the intrinsics belong to a picture twice it.
    """
    w, h = k.width, k.height
    if w is None or h is None:
        factor = 1.0 if 0.3 < k.cx / width < 0.7 else 2 * k.cx / width
        w, h = round(width * factor), round(height * factor)
    full = Camera(
        w,
        h,
        k.fx,
        k.fy,
        k.cx,
        k.cy,
        np.eye(4) if pose is None else pose,
        k.distortion if pose is None else (),
    )
    return resize_camera(full, width, height)


def _colour(frame: FrameFiles, max_size: int | None) -> tuple[np.ndarray, tuple[int, int]]:
    """((H, W, 3) uint8, full size (width, height)); the EXIF orientation is ignored, since depth and intrinsics are of the stored
    picture."""
    picture = open_picture(read_bytes(frame.colour), frame.colour.name)
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        raise InputError(
            f"{frame.colour.name} is a depth image in the place of a colour image", "exchange the two folders"
        )
    full = picture.size
    size = fit_size(*full, max_size)
    try:
        if size != full and picture.format == "JPEG":
            picture.draft("RGB", size)
        rgb = picture.convert("RGB")
        if rgb.size != size:
            rgb = rgb.resize(size, Pil.Resampling.BOX)
        return np.array(rgb, np.uint8), full
    except Lift3dError:
        raise
    except DECODER_ERRORS as error:
        raise InputError(f"{frame.colour.name} is damaged or cut short", "copy it again") from error


def _trusted(frame: FrameFiles, shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) bool: where the confidence of ARKit is not the lowest."""
    assert frame.confidence is not None
    try:
        values = np.asarray(open_picture(read_bytes(frame.confidence), frame.confidence.name, ("PNG",)))
    except DECODER_ERRORS as error:
        raise InputError(f"{frame.confidence.name} is damaged or cut short", "copy it again") from error
    return values > 0 if values.shape == shape else np.ones(shape, bool)


def _require_shape(frame: FrameFiles, colour: tuple[int, int], depth: tuple[int, int], shared: bool) -> None:
    """Raise InputError where one camera cannot describe colour and depth."""
    ratio = colour[0] * depth[1] / (colour[1] * depth[0])
    if shared and abs(ratio - 1) > MAX_ASPECT:
        raise InputError(
            f"the colour image {frame.colour.name} has {colour[0]}x{colour[1]} pixels and its depth {depth[0]}x{depth[1]}, "
            "another aspect ratio, and one camera is described for both",
            "give the intrinsics of both, or register the depth to the colour",
        )


class FileFrames(Sequence[RgbdFrame]):
    """The frames of a scan, decoded when they are needed; the first ones that fit `budget` bytes stay in memory."""

    def __init__(self, files: Sequence[FrameFiles], reader: Reader, budget: int) -> None:
        self.files, self.reader = tuple(files), reader
        self._budget = budget
        self._kept: dict[int, RgbdFrame] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self.files)

    def chosen(self, indices: Sequence[int]) -> FileFrames:
        """Some of the frames; those that are decoded stay so."""
        out = FileFrames([self.files[k] for k in indices], self.reader, 0)
        out._kept = {n: self._kept[k] for n, k in enumerate(indices) if k in self._kept}
        return out

    @overload
    def __getitem__(self, index: int) -> RgbdFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[RgbdFrame]: ...
    def __getitem__(self, index: int | slice) -> RgbdFrame | Sequence[RgbdFrame]:
        if isinstance(index, slice):
            return self.chosen(range(len(self.files))[index])
        index = range(len(self.files))[index]
        found = self._kept.get(index)
        if found is None:
            found = self.reader(self.files[index])
            size = found.image.pixels.nbytes + found.depth.z.nbytes
            with self._lock:
                if size <= self._budget:
                    self._budget -= size
                    self._kept[index] = found
        return found
