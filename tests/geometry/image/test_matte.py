"""Opacity at the edge of a cut-out: recovered fractions of a known composite, clear and solid regions."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lift3d.geometry.image.matte import matte_of

WHOLE = (slice(None), slice(None))


def scene(side: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """A red disc with a soft edge of a few pixels over a blue background, and its true opacity."""
    y, x = np.mgrid[:side, :side] + 0.5
    alpha = np.clip((side * 0.3 - np.hypot(x - side / 2, y - side / 2)) / 4 + 0.5, 0, 1)
    rgb = alpha[..., None] * (220, 40, 30) + (1 - alpha[..., None]) * (20, 60, 200)
    return rgb.astype(np.uint8), alpha


def test_fractions_at_the_edge_come_from_the_colours() -> None:
    rgb, truth = scene()
    rough = ndimage.gaussian_filter((truth > 0.5).astype(np.float32), 4).astype(np.float32)
    alpha = matte_of(rgb, rough, 0.5, WHOLE).astype(float) / 255
    edge = (truth > 0.02) & (truth < 0.98)
    assert np.abs(alpha - truth)[edge].mean() < 0.5 * np.abs(rough - truth)[edge].mean()
    assert np.corrcoef(alpha[edge], truth[edge])[0, 1] > 0.9
    assert (alpha[ndimage.binary_erosion(truth == 1, iterations=12)] == 1).all()
    assert (alpha[ndimage.binary_dilation(truth > 0, iterations=12) == 0] == 0).all()


def test_the_threshold_is_the_edge() -> None:
    rgb = np.full((60, 60, 3), 128, np.uint8)
    for level in (0.3, 0.5, 0.7):
        flat = np.full((60, 60), level, np.float32)
        assert np.abs(matte_of(rgb, flat, level, WHOLE).astype(int) - 128).max() <= 1
        assert (matte_of(rgb, flat + np.float32(0.28), level, WHOLE) > 128).all()


def test_nothing_outside_the_box() -> None:
    rgb, truth = scene()
    alpha = matte_of(rgb, truth.astype(np.float32), 0.5, (slice(40, 120), slice(50, 110)))
    assert alpha[60:100, 60:100].any()
    alpha[40:120, 50:110] = 0
    assert not alpha.any()
