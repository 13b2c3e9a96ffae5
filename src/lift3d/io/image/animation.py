"""Frames to a film: .gif by Pillow, .mp4 (H.264) by PyAV, which the `video` extra brings."""

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
    """Write frames (H, W, 3) uint8, `rate` a second; the file appears whole or not at all."""
    write = {".mp4": _mp4, ".gif": _gif}.get(path.suffix.lower())
    if write is None:
        raise InputError(
            f"{path.name} is no film that can be written", f"end it in {' or '.join(ANIMATION_SUFFIXES)}"
        )
    if write is _mp4:
        _av()
    with writing(path) as part:
        write(part, frames, rate)


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtra("writing films as MP4", "video") from error
    return av


def _mp4(path: Path, frames: Frames, rate: int) -> None:
    av = _av()
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = None
        for pixels in frames:
            height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2  # half the colours: even sides
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
    """One palette, the first frame's, for all: the background does not flicker. Hundredths of a second by frame."""
    made: Iterator[Pil.Image] = map(Pil.fromarray, frames)
    first = next(made).quantize(255, Pil.Quantize.MEDIANCUT)
    rest = (frame.quantize(palette=first, dither=Pil.Dither.FLOYDSTEINBERG) for frame in made)
    duration = max(2, round(100 / rate)) * 10
    first.save(
        path, format="GIF", save_all=True, append_images=rest, duration=duration, loop=0, optimize=False
    )
