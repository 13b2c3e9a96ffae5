"""Keyframes of a video: sharpness and motion of each frame, and the sharpest frame of each of several equal pieces of the path.

Sharpness is the variance of the Laplacian over that of the image (Pech-Pacheco et al. 2000). Motion is the mean shift of
32-pixel blocks of a small grey copy against an anchor frame by phase correlation (Kuglin & Hines 1975), so a camera at
rest adds nothing to the path.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32, F64

MOTION_SIZE = 128


BLOCK = 32


ANCHOR_STEP = 4.0
"""Shift, in pixels of the small copy, beyond which the current frame becomes the anchor."""


MIN_STEP = 1.5
"""Minimum path between keyframes in pixels of the small copy, about 1 % of the image width."""


@dataclass(frozen=True)
class FrameMeasure:
    """One frame: index, time in seconds, sharpness, position on the path in pixels of the small copy."""

    index: int
    time: float
    sharpness: float
    path: float


def sharpness(grey: F32) -> float:
    """Variance of the Laplacian over that of the (H, W) grey image, smoothed first against noise; 0 for a flat image."""
    grey = 0.25 * grey[:, :-2] + 0.5 * grey[:, 1:-1] + 0.25 * grey[:, 2:]
    grey = 0.25 * grey[:-2] + 0.5 * grey[1:-1] + 0.25 * grey[2:]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    spread = float(grey.var(dtype=np.float64))
    return float(laplacian.var(dtype=np.float64)) / (spread + 5.0)


class BlockMotion:
    """Shift of frames of height x width against an anchor frame, block by block."""

    def __init__(self, height: int, width: int) -> None:
        ys = np.linspace(0, max(height - BLOCK, 0), max(1, round(height / BLOCK))).astype(int)
        xs = np.linspace(0, max(width - BLOCK, 0), max(1, round(width / BLOCK))).astype(int)
        self.corners = [(y, x) for y in ys for x in xs]
        window = np.hanning(BLOCK + 2)[1:-1]
        self.window = np.outer(window, window)

    def spectrum(self, tiny: F32) -> NDArray[np.complexfloating]:
        """(blocks, 32, 17) Fourier spectra of the windowed blocks of a grey image (height, width)."""
        blocks = np.stack([tiny[y : y + BLOCK, x : x + BLOCK] for y, x in self.corners]).astype(np.float64)
        blocks = (blocks - blocks.mean((1, 2), keepdims=True)) * self.window
        return np.fft.rfft2(blocks)

    def shift(self, a: NDArray[np.complexfloating], b: NDArray[np.complexfloating]) -> float:
        """Mean shift in pixels between the blocks of two spectra, weighted by the squared height of each correlation peak."""
        cross = a * np.conj(b)
        surface = np.fft.irfft2(cross / (np.abs(cross) + 1e-3), s=(BLOCK, BLOCK))
        flat = surface.reshape(len(surface), -1)
        top = flat.argmax(1)
        y, x = np.divmod(top, BLOCK)
        weight = np.maximum(flat[np.arange(len(flat)), top], 0.0) ** 2
        length = np.hypot(_peak(surface, y, x, 0), _peak(surface, y, x, 1))
        return float((weight * length).sum() / max(weight.sum(), 1e-12))


def _peak(surface: F64, y: NDArray[np.intp], x: NDArray[np.intp], axis: int) -> F64:
    """Coordinate of each correlation peak along an axis, refined by a parabola and wrapped to [-16, 16)."""
    row = np.arange(len(surface))
    step = (1, 0) if axis == 0 else (0, 1)
    low = surface[row, (y - step[0]) % BLOCK, (x - step[1]) % BLOCK]
    mid = surface[row, y, x]
    high = surface[row, (y + step[0]) % BLOCK, (x + step[1]) % BLOCK]
    curve = low - 2 * mid + high
    offset = np.where(
        np.abs(curve) > 1e-12, 0.5 * (low - high) / np.where(np.abs(curve) > 1e-12, curve, 1.0), 0.0
    )
    position = (y if axis == 0 else x) + np.clip(offset, -0.5, 0.5)
    return (position + BLOCK / 2) % BLOCK - BLOCK / 2


def select_keyframes(measures: list[FrameMeasure], count: int) -> list[FrameMeasure]:
    """The sharpest frame of each of `count` equal pieces of the path; fewer when the path is short.

    measures: all frames in order, at least one.
    """
    total = measures[-1].path
    pieces = min(count, int(total / MIN_STEP) + 1, len(measures))
    width = total / pieces
    chosen: list[FrameMeasure] = []
    bins: dict[int, list[FrameMeasure]] = {}
    for m in measures:
        bins.setdefault(min(pieces - 1, int(m.path / width)) if width > 0 else 0, []).append(m)
    for number in sorted(bins):
        free = [m for m in bins[number] if not chosen or m.path - chosen[-1].path >= 0.4 * width]
        if free:
            chosen.append(max(free, key=lambda m: (m.sharpness, -m.index)))
    return chosen
