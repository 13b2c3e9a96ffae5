"""Training samples with prompts: clicks lie in the object or beside it, boxes hold it, the target is visible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.image.prompt_maps import CHANNELS, Prompts
from lift3d.train.data.prompted_samples import (
    BOTH,
    BOX,
    CLICK,
    FREQUENCIES,
    MODES,
    NONE,
    augment,
    bounding_box,
    click_points,
    make_sample,
    sample_prompts,
    sample_target,
)


def layers() -> tuple[np.ndarray, ...]:
    """A large object, a small one, and one that is hidden."""
    large, small, hidden = (np.zeros((40, 48), np.float32) for _ in range(3))
    large[5:30, 4:25] = 1
    small[20:32, 30:40] = 1
    return large, small, hidden


def test_frequencies_are_a_distribution() -> None:
    assert sum(FREQUENCIES) == pytest.approx(1) and len(FREQUENCIES) == len(MODES)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 1), st.sampled_from(MODES))
def test_clicks_are_inside_and_background_clicks_outside(seed: int, target: int, mode: str) -> None:
    prompts = sample_prompts(layers(), target, mode, np.random.default_rng(seed))
    mask = layers()[target] > 0.5
    assert all(mask[int(y), int(x)] for x, y in prompts.clicks)
    assert not any(mask[int(y), int(x)] for x, y in prompts.background)
    assert bool(prompts.clicks) == (mode in (CLICK, BOTH)) and (prompts.box is not None) == (
        mode in (BOX, BOTH)
    )
    assert prompts == sample_prompts(layers(), target, mode, np.random.default_rng(seed))


def test_exact_prompts() -> None:
    rng = np.random.default_rng(0)
    mask = layers()[0] > 0.5
    ((x, y),) = click_points(mask, 1, rng, exact=True)
    assert abs(x - 14.5) <= 1 and abs(y - 17.5) <= 3, "as far from the edge as possible"
    assert bounding_box(mask, 0, rng) == (4, 5, 25, 30)
    for seed in range(20):
        box = bounding_box(mask, 0.1, np.random.default_rng(seed))
        assert np.abs(np.array(box) - (4, 5, 25, 30)).max() <= 2.5


def test_a_hidden_object_has_no_prompts_and_is_no_target() -> None:
    rng = np.random.default_rng(0)
    assert not sample_prompts(layers(), 2, BOTH, rng)
    assert sample_target(layers(), 2, False, rng) == 0, "without prompts the one that shows most"
    chosen = {sample_target(layers(), 1, True, np.random.default_rng(k)) for k in range(40)}
    assert chosen == {0, 1}


def test_the_sample_of_a_picture() -> None:
    rgb = np.random.default_rng(0).uniform(0, 255, (40, 48, 3)).astype(np.float32)
    mask = layers()[0]
    sample = make_sample(rgb, mask, Prompts())
    assert sample.inputs.shape == (3 + CHANNELS, 40, 48) and sample.inputs.dtype == np.float32
    np.testing.assert_allclose(sample.inputs[:3].transpose(1, 2, 0) * 128 + 127, rgb, atol=1e-3)
    assert not sample.inputs[3:].any() and np.array_equal(sample.mask[0], mask)
    assert make_sample(rgb, mask, Prompts(box=(1, 2, 9, 9))).inputs[3 + 4].any()


@pytest.mark.parametrize("seed", range(8))
def test_augmentation_keeps_shape_range_and_seed(seed: int) -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (32, 24, 3), np.uint8)
    one, two = (augment(rgb, np.random.default_rng(seed)) for _ in range(2))
    assert one.shape == rgb.shape and one.dtype == np.float32 and one.min() >= 0 and one.max() <= 255
    np.testing.assert_array_equal(one, two)


def test_modes_have_names() -> None:
    assert MODES == (NONE, CLICK, BOX, BOTH)
