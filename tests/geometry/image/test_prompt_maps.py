"""Maps of clicks and a box: largest at the click, signs of the box, equivariance, and the frame of a crop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.geometry.image.prompt_maps import (
    BOX_MARGIN,
    CHANNELS,
    NARROW,
    WIDE,
    Prompts,
    apply_prompts,
    prompt_maps,
)


def test_without_prompts_all_maps_are_zero() -> None:
    assert not Prompts() and not prompt_maps(12, 20, Prompts()).any()
    assert prompt_maps(12, 20, Prompts()).shape == (CHANNELS, 12, 20)


@given(st.integers(0, 39), st.integers(0, 29))
def test_a_click_is_largest_at_its_pixel_and_falls_as_stated(x: int, y: int) -> None:
    maps = prompt_maps(30, 40, Prompts(clicks=((x + 0.5, y + 0.5),)))
    assert np.unravel_index(maps[0].argmax(), (30, 40)) == (y, x)
    assert maps[0, y, x] == maps[1, y, x] == 1 and (maps[1] > 0).all() and not maps[2:].any()
    distance = np.hypot(np.arange(40)[None] - x, np.arange(30)[:, None] - y) / 40
    np.testing.assert_allclose(maps[0], np.exp(-(distance**2) / (2 * NARROW**2)), atol=1e-5)
    np.testing.assert_allclose(maps[1], 1 / (1 + distance / WIDE), atol=1e-5)


def test_several_clicks_are_the_maximum_of_each_and_sides_do_not_mix() -> None:
    a, b = (5.5, 6.5), (14.5, 3.5)
    both = prompt_maps(16, 16, Prompts(clicks=(a, b)))
    one, two = (prompt_maps(16, 16, Prompts(clicks=(c,))) for c in (a, b))
    np.testing.assert_allclose(both, np.maximum(one, two), atol=1e-6)
    beside = prompt_maps(16, 16, Prompts(background=(a,)))
    np.testing.assert_array_equal(beside[2:4], one[:2])
    assert not beside[:2].any()


def test_a_box_is_one_inside_and_minus_one_outside() -> None:
    maps = prompt_maps(10, 20, Prompts(box=(4, 2, 12, 7)))
    assert set(np.unique(maps[4])) == {-1, 1} and (maps[4] == 1).sum() == 8 * 5
    assert maps[4, 2, 4] == 1 and maps[4, 6, 11] == 1 and maps[4, 7, 11] == -1


@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.1, 8))
def test_prompts_in_another_frame(x: float, y: float, scale: float) -> None:
    given_ = Prompts(((3.0, 4.0),), ((1.0, 2.0),), (0.0, 1.0, 5.0, 9.0))
    moved = given_.moved(x, y, scale)
    back = moved.moved(-x * scale, -y * scale, 1 / scale)
    assert back.clicks[0] == pytest.approx((3, 4), abs=1e-9) and back.box == pytest.approx(
        (0, 1, 5, 9), abs=1e-9
    )
    assert moved.background[0] == pytest.approx(((1 - x) * scale, (2 - y) * scale), abs=1e-9)


def test_a_probability_agrees_with_the_prompts() -> None:
    even = np.full((100, 120), 0.4, np.float32)
    np.testing.assert_array_equal(apply_prompts(even, Prompts()), even)
    prompts = Prompts(((50.5, 40.5),), ((60.5, 40.5),), (40, 30, 80, 70))
    out = apply_prompts(even, prompts)
    assert out[40, 50] == 1 and out[40, 60] == 0 and out[40, 55] == even[0, 0]
    wide = BOX_MARGIN * 40
    assert not out[: int(30 - wide)].any() and not out[:, int(80 + wide) + 1 :].any()
    assert (out[32:38, 42:78] == even[0, 0]).all() and even.min() == even.max(), "the input is not changed"
