"""`read_scan`: a folder of colour and depth frames in any known layout as an `RgbdScan`.

All frames are decoded once, which finds those that are damaged; afterwards they are read again as they are needed, unless they
fit a part of the memory budget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError, Lift3dError
from lift3d.io.files.checksum import file_sha256
from lift3d.io.rgbd import apps, datasets
from lift3d.io.rgbd.depth_image import UNITS, is_depth_picture, parse_depth_unit
from lift3d.io.rgbd.frames import FileFrames, Reader
from lift3d.io.rgbd.layout import FrameFiles, ScanFiles
from lift3d.types import F64, PhotoStatus, RgbdScan
from lift3d.units import format_length

NAME = "read_scan"
LAYOUTS: tuple[Callable[[Path], ScanFiles | None], ...] = (
    apps.record3d, apps.polycam_raw, apps.transforms, datasets.tum, datasets.seven_scenes, datasets.scannet, datasets.folders,
)  # fmt: skip
PLAUSIBLE = (0.08, 30.0)
"""Median depth in metres of a scan whose unit was taken from the layout."""
POSSIBLE = (0.01, 300.0)
"""Median depth in metres of a scan whose unit the user stated."""
MAX_STRIDE = 300.0
"""Largest distance between two cameras in units of the median depth: poses beyond it have another unit."""
MIN_FRAMES = 2
CACHED_FRACTION = 0.25
"""Fraction of the memory budget that decoded frames may take."""


def find_scan(folder: Path) -> ScanFiles | None:
    """The frames in a folder, None if it holds no colour with depth. Raises InputError for an incomplete or damaged layout."""
    if not folder.is_dir():
        return None
    try:
        for layout in LAYOUTS:
            found = layout(folder)
            if found is not None:
                return found
    except OSError as error:
        raise InputError(
            f"the folder {folder} cannot be read ({error.strerror})", "check its permissions"
        ) from error
    return None


def read_scan(
    folder: Path,
    max_size: int | None = None,
    depth_unit: str | float | None = None,
    context: Context | None = None,
) -> RgbdScan:
    """The frames of a folder. max_size: long side in pixels of the colour images. depth_unit: see `parse_depth_unit`; by default
    that of the layout. Raises InputError where there are no usable frames, or where the unit is implausible.

    Notes layout, unit and the state of each frame under "read_scan".
    """
    context = context if context is not None else Context()
    files = find_scan(folder)
    if files is None:
        raise InputError(
            f"there are no colour and depth frames in {folder}",
            "docs/rgbd.md lists the layouts that are read",
        )
    steps = files.steps if depth_unit is None else parse_depth_unit(depth_unit)
    _require_photos(files)
    reader = Reader(files, max_size, steps, depth_unit is not None)
    results = _checked(files.frames, reader, context)
    usable = [r for r in results if r.error is None]
    left_out = [*files.left_out, *((r.files.name, str(r.error)) for r in results if r.error is not None)]
    if len(usable) < max(MIN_FRAMES, len(results) / 2):
        first = next((r.error for r in results if r.error is not None), None)
        if first is None:
            raise InputError(
                f"{folder} holds {len(usable)} frame with depth",
                "a scan needs at least two overlapping frames",
            )
        raise InputError(
            f"{len(results) - len(usable)} of {len(results)} frames cannot be used; the first: {first.cause}",
            first.advice,
        )
    frames = [r.files for r in usable]
    median = float(np.median([r.median for r in usable if r.median > 0] or [0.0]))
    _require_unit(median, files, depth_unit, steps)
    poses = [f.pose for f in frames]
    warnings = list(files.warnings)
    if files.posed:
        _require_poses(poses, frames, median, folder)
    budget = int(CACHED_FRACTION * context.memory_budget)
    lazy = FileFrames(frames, reader, budget)
    status = tuple(
        [PhotoStatus(r.files.name, True, "", None, r.sharpness) for r in usable]
        + [PhotoStatus(name, False, reason) for name, reason in left_out]
    )
    rows = [
        {"name": r.files.name, "sha256": r.sha256, "depth_sha256": r.depth_sha256, "status": "read"}
        for r in usable
    ]
    rows += [{"name": name, "status": "unreadable", "reason": reason} for name, reason in left_out]
    context.note(
        NAME,
        layout=files.layout,
        depth_steps_per_metre=steps,
        median_depth=round(median, 4),
        posed=files.posed,
        inputs=rows,
    )
    key = _key(usable, poses, steps, max_size)
    names = tuple(f.name for f in frames)
    return RgbdScan(lazy, tuple(poses), names, status, files.posed, tuple(warnings), key)


def _key(usable: Sequence[_Checked], poses: Sequence[F64 | None], steps: float, max_size: int | None) -> str:
    """A hash of the files, the poses and the options with which they were read."""
    digest = hashlib.sha256(repr((steps, max_size)).encode())
    for found, pose in zip(usable, poses):
        digest.update(f"{found.files.name} {found.sha256} {found.depth_sha256}".encode())
        digest.update(b"none" if pose is None else np.ascontiguousarray(pose).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Checked:
    """One frame after it was decoded. median: of its depth in metres, 0 without any. key: checksums of colour and depth."""

    files: FrameFiles
    median: float = 0.0
    sharpness: float | None = None
    sha256: str = ""
    depth_sha256: str = ""
    error: Lift3dError | None = None


def _checked(frames: Sequence[FrameFiles], reader: Reader, context: Context) -> list[_Checked]:
    def check(files: FrameFiles) -> _Checked:
        try:
            frame = reader(files)
            z = frame.depth.z
            known = z[z > 0]
            grey = frame.image.grey
            detail = grey[1:-1:2, 1:-1:2] - 0.25 * (
                grey[:-2:2, 1:-1:2] + grey[2::2, 1:-1:2] + grey[1:-1:2, :-2:2] + grey[1:-1:2, 2::2]
            )
            return _Checked(
                files, float(np.median(known)) if len(known) else 0.0, float(np.abs(detail).mean()),
                file_sha256(files.colour), file_sha256(files.depth),
            )  # fmt: skip
        except Lift3dError as error:
            return _Checked(files, error=error)

    out = []
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(check, frames):
            out.append(result)
            context.progress("read frames", len(out) / len(frames))
    return out


def _require_photos(files: ScanFiles) -> None:
    """Raise InputError where the colour images are depth images."""
    for f in files.frames[:1]:
        if f.colour.is_file() and is_depth_picture(f.colour):
            raise InputError(
                f"{f.colour.name} is a depth image in the place of a colour image", "exchange the two folders"
            )


def _require_unit(median: float, files: ScanFiles, given: Any, steps: float) -> None:
    """Raise InputError for a scene of impossible size."""
    if median <= 0:
        raise InputError("the depth images hold no depth", "export them again")
    low, high = PLAUSIBLE if given is None else POSSIBLE
    if low <= median <= high:
        return
    by = f"the unit of the layout {files.layout}" if given is None else f"--depth-unit {given}"
    raise InputError(
        f"the surfaces would be {format_length(median)} from the camera by {by} ({steps:g} steps per metre)",
        f"give the unit of the depth images with --depth-unit: {UNITS}",
    )


def _require_poses(
    poses: Sequence[F64 | None], frames: Sequence[FrameFiles], median: float, folder: Path
) -> None:
    """Raise InputError where few frames have a pose, or where the poses have another unit."""
    known = [p for p in poses if p is not None]
    if len(known) < max(2, 0.5 * len(poses)):
        name = next(f.name for f, p in zip(frames, poses) if p is None)
        raise InputError(
            f"{len(poses) - len(known)} of {len(poses)} frames in {folder} have no valid pose, such as {name} (missing, "
            "not finite or no rotation)",
            "export the poses again, or remove them to have them estimated",
        )
    centres = np.array([p[:3, 3] for p in known])
    stride = float(np.median(np.linalg.norm(np.diff(centres, axis=0), axis=1)))
    if stride > MAX_STRIDE * median or (stride > 3.0 * median and stride > 3.0):
        raise InputError(
            f"the poses move by {format_length(stride)} between frames, and the surfaces are {format_length(median)} away",
            "poses and depth need one unit: give poses in metres, and the unit of the depth with --depth-unit",
        )
