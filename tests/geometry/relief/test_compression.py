"""Compression of heights: bounded, monotonic on ramps, silhouettes removed, detail kept, background flat."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.relief import compression
from lift3d.geometry.relief.compression import compress_heights, luminance_detail, noise_level, smoothed

Y, X = np.mgrid[:120, :160] / 160.0


def test_a_plane_stays_a_plane_and_fills_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "BANDS", ())
    monkeypatch.setattr(compression, "ENDS", (0, 100))
    out = compress_heights(5 * X - 2 * Y)
    fit = np.linalg.lstsq(np.stack([X.ravel(), Y.ravel(), np.ones(X.size)], 1), out.ravel(), rcond=None)[1]
    assert fit[0] < 1e-20 and out.min() == pytest.approx(0) and out.max() == pytest.approx(1)


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (1e-4, 7), (2000, -1e5)])
def test_scale_and_offset_do_not_matter(scale: float, offset: float) -> None:
    heights = np.sin(9 * X) * np.cos(7 * Y)
    assert np.allclose(compress_heights(scale * heights + offset), compress_heights(heights), atol=1e-6)


def test_a_gap_in_depth_does_not_use_up_the_depth() -> None:
    """Two bumps, one far behind the other: each keeps more than a third of the depth; linear scaling leaves a hundredth."""
    bump = np.exp(-(((X - 0.25) / 0.1) ** 2) - ((Y - 0.35) / 0.1) ** 2)
    heights = bump + bump[:, ::-1] + np.where(X > 0.5, 100.0, 0.0)
    relief = compress_heights(heights)
    for side in (slice(0, 75), slice(85, 160)):
        assert np.ptp(relief[:, side]) > 0.35
    assert np.ptp(heights[:, :75]) / np.ptp(heights) < 0.011


def test_fine_detail_gains_on_large_shapes() -> None:
    detail = 0.004 * np.sin(2 * np.pi * 20 * X)
    heights = np.sqrt(np.maximum(0.2 - (X - 0.5) ** 2 - (Y - 0.35) ** 2, 0.01)) + detail

    def ratio(values: np.ndarray) -> float:
        fine = luminance_detail(values, 0.02)[40:80, 50:110]
        return float(fine.std() / np.ptp(values))

    assert ratio(compress_heights(heights)) > 2 * ratio(heights)
    assert ratio(compress_heights(heights, strength=30)) > ratio(compress_heights(heights, strength=1))


def test_the_background_is_flat_and_below() -> None:
    known = (X - 0.5) ** 2 + (Y - 0.37) ** 2 < 0.09
    relief = compress_heights(np.where(known, 3 + X, np.nan), known)
    assert (relief[~known] == 0).all() and relief[known].min() == pytest.approx(compression.EDGE)
    assert relief.max() == 1


def test_what_cannot_become_a_relief() -> None:
    with pytest.raises(ValueError, match="equal"):
        compress_heights(np.ones((20, 20)))
    with pytest.raises(ValueError, match="known"):
        compress_heights(np.ones((20, 20)), np.zeros((20, 20), bool))


@pytest.mark.parametrize("sigma", [0.001, 0.02])
def test_noise_is_measured_and_removed(sigma: float) -> None:
    clean = 0.5 * (Y > 0.3)
    noisy = clean + np.random.default_rng(0).normal(0, sigma, X.shape)
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.1)
    assert noise_level(clean + X) < 1e-12
    out = smoothed(noisy, 5, 6 * sigma)
    assert np.abs(out - clean)[5:-5, 5:-5].mean() < 0.35 * np.abs(noisy - clean).mean()
    assert np.ptp(out[:, 80][45:51]) > 0.4  # the step at y = 0.3 stays
