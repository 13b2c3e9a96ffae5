"""Keyframes of a video as photos, the sharpest frames at equal distances along the camera's path.

Two passes hold a few frames each: the first measures sharpness and motion of every frame (see `keyframes`), the second
decodes the selected ones at full size.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError, MissingExtra
from lift3d.io.files.checksum import file_sha256
from lift3d.io.image.decode import MAX_PIXELS, MIN_SIDE, fit_size
from lift3d.io.image.exif import apply_orientation
from lift3d.io.image.keyframes import (
    ANCHOR_STEP,
    BLOCK,
    MOTION_SIZE,
    BlockMotion,
    FrameMeasure,
    select_keyframes,
    sharpness,
)
from lift3d.io.image.video_frames import (
    Signal,
    display_orientation,
    frame_to_srgb,
    frame_warnings,
    is_dolby_vision_only,
    require_supported,
    video_signal,
)
from lift3d.types import F32, Image, Photos

MAX_FRAMES = 60_000
MIN_RELATIVE_SHARPNESS = 0.15
"""A keyframe with less than this fraction of the median sharpness is left out."""


def _frames(path: Path) -> Iterator[tuple[int, Any, Signal, float, float]]:
    """(index, frame, its colours, time, duration), times in seconds; ends at the first frame that cannot be decoded or at
    MAX_FRAMES.

    Raises InputError when no frame can be decoded or the frames are too large, MissingExtra where PyAV is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise MissingExtra("reading videos", "video") from error
    advice = "convert it to MP4 (H.264), or give photos"
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path.name} holds no video", advice)
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            duration = (
                float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
            )
            if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
                raise InputError(f"the frames of {path.name} are too large", "scale the video down first")
            if is_dolby_vision_only(stream):
                raise InputError(
                    f"{path.name} is Dolby Vision without a compatible base, which lift3d does not read",
                    "convert it to SDR video (BT.709)",
                )
            start: float | None = None
            index = 0
            try:
                for frame in container.decode(stream):
                    time = float(frame.time) if frame.time is not None else index / 30
                    start = time if start is None else start
                    signal = video_signal(frame, stream.codec_context)
                    require_supported(frame, signal, path.name)
                    yield index, frame, signal, time - start, duration
                    index += 1
                    if index >= MAX_FRAMES:
                        return
            except av.error.FFmpegError:
                if index == 0:
                    raise
            if index == 0:
                raise InputError(f"no frame of {path.name} can be decoded", advice)
    except (av.error.FFmpegError, OSError, ValueError, EOFError) as error:
        raise InputError(f"{path.name} is not a video that can be read ({_reason(error)})", advice) from error


def _reason(error: BaseException) -> str:
    """At most 80 characters of the library's error message."""
    return str(getattr(error, "strerror", None) or error)[:80]


def _grey(frame: Any, width: int, height: int) -> F32:
    """(height, width) grey copy of a frame."""
    return np.asarray(frame.to_ndarray(format="gray", width=width, height=height), np.float32)


def _measure(
    path: Path, context: Context
) -> tuple[list[FrameMeasure], float, tuple[int, int], tuple[str, ...]]:
    """First pass: sharpness and path position of every frame; the duration in seconds; the upright (width, height); warnings."""
    measures: list[FrameMeasure] = []
    motion: BlockMotion | None = None
    anchor: NDArray[np.complexfloating] | None = None
    travelled = position = duration = 0.0
    size = (0, 0)
    warnings: tuple[str, ...] = ()
    for index, frame, signal, time, duration in _frames(path):
        scale = MOTION_SIZE / max(frame.width, frame.height)
        width, height = max(BLOCK, round(frame.width * scale)), max(BLOCK, round(frame.height * scale))
        if motion is None:
            motion, size, warnings = (
                BlockMotion(height, width),
                _upright_size(frame),
                frame_warnings(frame, signal),
            )
        spectrum = motion.spectrum(_grey(frame, width, height))
        if anchor is None or anchor.shape != spectrum.shape:
            anchor = spectrum
        shift = motion.shift(anchor, spectrum)
        position = max(position, travelled + shift)
        if shift > ANCHOR_STEP:
            anchor, travelled = spectrum, position
        working = fit_size(frame.width, frame.height, 640)
        measures.append(FrameMeasure(index, time, sharpness(_grey(frame, *working)), position))
        if duration > 0 and index % 15 == 0:
            context.progress("read video", min(0.7, 0.7 * time / duration))
    return measures, duration, size, warnings


def _pixel_aspect(frame: Any) -> float:
    """Width over height of the frame's pixels; 1 where it is not stated or implausible."""
    aspect = getattr(frame, "sample_aspect_ratio", None)
    value = float(aspect) if aspect else 1.0
    return value if math.isfinite(value) and 0.2 < value < 5 else 1.0


def _upright_size(frame: Any) -> tuple[int, int]:
    """(width, height) of the frame with square pixels, upright."""
    width, height = round(frame.width * _pixel_aspect(frame)), frame.height
    return (height, width) if display_orientation(frame) >= 5 else (width, height)


def _pixels(frame: Any, signal: Signal, max_size: int | None) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of the frame, upright, with square pixels, long side at most max_size."""
    orientation = display_orientation(frame)
    size = fit_size(*_upright_size(frame), max_size)
    stored = size[::-1] if orientation >= 5 else size
    picture = Pil.fromarray(frame_to_srgb(frame, signal, stored))
    return np.array(apply_orientation(picture, orientation))


def _sha256(path: Path) -> str:
    """Checksum of the video; InputError when the file is missing or cannot be read."""
    if not path.is_file():
        raise InputError(f"there is no video at {path}", "check the path")
    try:
        return file_sha256(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "check its permissions") from error


def _report(
    path: Path,
    sha256: str,
    measures: list[FrameMeasure],
    duration: float,
    size: tuple[int, int],
    chosen: list[FrameMeasure],
    blurred: list[FrameMeasure],
) -> dict[str, Any]:
    """The report's entry about the video and its keyframes."""
    record = {"name": path.name, "sha256": sha256, "width": size[0], "height": size[1]}
    return {
        "inputs": [record | {"status": "read", "reason": ""}],
        "frames": len(measures),
        "duration": round(duration or measures[-1].time, 3),
        "path_in_widths": round(measures[-1].path / MOTION_SIZE, 3),
        "choice": "the sharpest frame of each of equal pieces of the camera's path, measured as image motion",
        "truncated": len(measures) >= MAX_FRAMES,
        "left_out_as_blurred": [round(m.time, 3) for m in blurred],
        "keyframes": [
            {
                "name": _frame_name(path, m),
                "time": round(m.time, 3),
                "sharpness": round(m.sharpness, 4),
                "path_in_widths": round(m.path / MOTION_SIZE, 4),
            }
            for m in chosen
        ],
    }


def read_video(
    source: str | os.PathLike[str],
    count: int = 60,
    max_size: int | None = None,
    context: Context | None = None,
) -> Photos:
    """At most `count` keyframes of a video as ordered photos, upright, long side at most max_size.

    Raises InputError for a file that cannot be decoded, CaptureError when the camera hardly moves. Notes the frames
    examined, and the time, sharpness and path position of each keyframe, under "read_video".
    """
    context = context if context is not None else Context()
    path = Path(source)
    sha256 = _sha256(path)
    measures, duration, size, warnings = _measure(path, context)
    if min(size) < MIN_SIDE:
        cause = f"the frames of {path.name} have only {size[0]}x{size[1]} pixels; each side needs at least {MIN_SIDE}"
        raise InputError(cause, "use the original video")
    chosen = select_keyframes(measures, count)
    median = float(np.median([m.sharpness for m in chosen]))
    blurred = [m for m in chosen if m.sharpness < MIN_RELATIVE_SHARPNESS * median]
    chosen = [m for m in chosen if m.sharpness >= MIN_RELATIVE_SHARPNESS * median]
    context.note("read_video", **_report(path, sha256, measures, duration, size, chosen, blurred))
    if len(chosen) < 3:
        moved = f"{100 * measures[-1].path / MOTION_SIZE:.1f} % of its width in {len(measures)} frames"
        raise CaptureError(
            f"the camera hardly moves in {path.name} (the image shifts by {moved})",
            "walk around the object slowly while filming",
        )
    limited: int | None = None
    longest, room = max(size), context.memory_budget // 4
    needed = len(chosen) * 3 * math.prod(fit_size(*size, max_size))
    if needed > room:
        shown = longest if max_size is None else min(longest, max_size)
        max_size = max(MIN_SIDE, int(shown * math.sqrt(room / needed)))
        limited = max_size
        context.note("read_video", resized_to_fit_memory=max_size)
    wanted = {m.index: m for m in chosen}
    images: list[Image] = []
    for index, frame, signal, _, _ in _frames(path):
        if index in wanted:
            images.append(
                Image(_pixels(frame, signal, max_size), _frame_name(path, wanted[index]), original_size=size)
            )
            context.progress("read video", 0.7 + 0.3 * len(images) / len(wanted))
            if len(images) == len(wanted):
                break
    return Photos(tuple(images), True, limited, tuple(f"{path.name}: {warning}." for warning in warnings))


def _frame_name(path: Path, measure: FrameMeasure) -> str:
    """The name of a keyframe's photo."""
    return f"{path.stem}_{measure.index:06d}"
