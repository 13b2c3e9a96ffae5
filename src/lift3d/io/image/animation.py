"""Animations: .gif written by Pillow, .mp4 (H.264) by PyAV, which the extra `video` installs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError, MissingExtra
from lift3d.io.files.atomic import writing

ANIMATION_SUFFIXES = (".mp4", ".gif")
Frames = Iterable[NDArray[np.uint8]]


def write_animation(path: Path, frames: Frames, rate: int = 24) -> None:
    """Write frames (H, W, 3) uint8 sRGB at `rate` frames per second; the file appears whole or not at all.

    Raises InputError for another suffix than .mp4 or .gif, MissingExtra for .mp4 without PyAV.
    """
    write = {".mp4": _mp4, ".gif": _gif}.get(path.suffix.lower())
    if write is None:
        raise InputError(
            f"{path.name} is not an animation that lift3d can write",
            f"end its name in {' or '.join(ANIMATION_SUFFIXES)}",
        )
    if write is _mp4:
        _av()
    with writing(path) as part:
        write(part, frames, rate)


def _av() -> Any:
    """The module av; MissingExtra where it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingExtra("writing MP4 files", "video") from error
    return av


def _mp4(path: Path, frames: Frames, rate: int) -> None:
    av = _av()
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = None
        for pixels in frames:
            height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2  # yuv420p needs even sides
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": "17", "threads": "1"})
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        if stream is not None:
            for packet in stream.encode():
                container.mux(packet)


def _gif(path: Path, frames: Frames, rate: int) -> None:
    """All frames use the palette of the first, so the background does not flicker; GIF times frames in 1/100 s."""
    pictures: Iterator[Pil.Image] = map(Pil.fromarray, frames)
    first = next(pictures).quantize(255, Pil.Quantize.MEDIANCUT)
    rest = (frame.quantize(palette=first, dither=Pil.Dither.FLOYDSTEINBERG) for frame in pictures)
    duration = max(2, round(100 / rate)) * 10
    first.save(
        path, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0, optimize=False
    )
