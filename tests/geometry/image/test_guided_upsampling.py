"""Guided upsampling: maps that are linear in the colours are exact, flat maps stay flat."""

from __future__ import annotations

import numpy as np
import pytest
from guided_filter import guided_filter
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.guided_upsampling import guided_upsample, resize_map


def photo(height: int = 90, width: int = 120) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, (x + y) % 64 * 2], -1).astype(np.uint8)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 60), st.integers(1, 60), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_a_flat_map_stays_flat(h: int, w: int, height: int, width: int, value: float) -> None:
    flat = np.full((h, w), value, np.float32)
    assert np.allclose(resize_map(flat, height, width), value, atol=1e-5)
    assert np.allclose(guided_upsample(photo(height, width), flat, 2, 1e-3), value, atol=1e-4)


def test_an_edge_of_the_photo_becomes_an_edge_of_the_map() -> None:
    rgb = np.zeros((128, 128, 3), np.uint8)
    rgb[:, 50:] = 255  # not at a boundary of the small map's pixels
    small = np.zeros((16, 16), np.float32)
    small[:, 7:] = 1
    small[:, 6] = 0.75
    found = guided_upsample(rgb, small, 2, 1e-4)
    assert np.abs(found[:, :50]).max() < 0.05 and np.abs(found[:, 50:] - 1).max() < 0.05
    assert np.abs(resize_map(small, 128, 128) - (rgb[..., 0] > 0)).max() > 0.4


def test_at_the_size_of_the_map_it_is_the_guided_filter() -> None:
    rgb = photo(40, 50)
    p = np.random.default_rng(0).uniform(0.3, 0.6, (40, 50)).astype(np.float32)
    inner = np.s_[8:-8, 8:-8]
    assert np.allclose(
        guided_upsample(rgb, p, 3, 1e-2)[inner], guided_filter(rgb, p, 3, 1e-2)[inner], atol=1e-4
    )


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.geometry.image import guided_upsampling as module

    p = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    whole = guided_upsample(photo(), p, 2, 1e-2)
    monkeypatch.setattr(module, "BAND", 7)
    assert np.allclose(guided_upsample(photo(), p, 2, 1e-2), whole, atol=1e-6)


def test_a_ramp_is_resampled_exactly_inside() -> None:
    ramp = np.broadcast_to(np.arange(10, dtype=np.float32), (4, 10))
    x = (np.arange(30) + 0.5) / 3 - 0.5
    inside = (x >= 0) & (x <= 9)
    assert np.allclose(resize_map(ramp, 8, 30)[:, inside], x[inside], atol=1e-5)
