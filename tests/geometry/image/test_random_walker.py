"""A rough share becomes the thing that the colours show."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.image.random_walker import (
    PRIOR_WEIGHT,
    colour_log_ratio,
    edge_weights,
    random_walk,
    refine_mask,
)
from lift3d.geometry.metrics.iou import iou


def scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A green ellipse before a brown, shaded wall, noisy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:96, 0:96] / 96
    a, b = rng.uniform(0.15, 0.35, 2)
    inside = ((x - 0.5) / a) ** 2 + ((y - 0.45) / b) ** 2 < 1
    wall = np.array([150, 110, 80]) * (0.7 + 0.5 * x[..., None])
    rgb = np.where(inside[..., None], np.array([60, 140, 70]) * (0.7 + 0.5 * y[..., None]), wall)
    return (rgb + rng.normal(0, 6, rgb.shape)).clip(0, 255).astype(np.uint8), inside


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.35, 0.5, 0.65]))
def test_a_rough_share_is_sharpened(seed: int, level: float) -> None:
    rgb, truth = scene(seed)
    rng = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(np.roll(truth, rng.integers(-4, 5, 2), (0, 1)).astype(np.float32), 4)
    rough = np.where(rough > 0.5, level + (rough - 0.5) * 2 * (1 - level), rough * 2 * level).astype(
        np.float32
    )
    before = iou(rough > level, truth)
    refined = refine_mask(rgb, rough, level) > 0.5
    outline = truth & ~ndimage.binary_erosion(truth)
    # pixels between the outlines; the worst of 400 scenes has 0.49, and an ellipse 24 pixels wide then an IoU of 0.948
    assert (refined ^ truth).sum() / outline.sum() < 0.75
    assert iou(refined, truth) >= before - 0.01


def test_rough_shares_are_sharpened_well_in_the_mean() -> None:
    after = []
    for seed in range(10):
        rgb, truth = scene(seed)
        rough = ndimage.gaussian_filter(np.roll(truth, (3, -2), (0, 1)).astype(np.float32), 4)
        after.append(iou(refine_mask(rgb, rough, 0.5) > 0.5, truth))
    assert np.mean(after) > 0.97, after


def test_the_minimum_is_that_of_the_energy() -> None:
    rng = np.random.default_rng(2)
    colours, prior = rng.random((7, 6, 3)), rng.random((7, 6))
    weights = edge_weights(colours)
    assert abs(weights - weights.T).max() == 0 and weights.getnnz() == 2 * (6 * 6 + 7 * 5)
    dense = weights.toarray()
    exact = np.linalg.solve(np.diag(dense.sum(1) + PRIOR_WEIGHT) - dense, PRIOR_WEIGHT * prior.ravel())
    assert np.allclose(random_walk(prior, weights).ravel(), exact, atol=5e-3)


def test_the_prior_may_be_trusted_by_pixel() -> None:
    rng = np.random.default_rng(5)
    colours, prior, trust = rng.random((7, 6, 3)), rng.random((7, 6)), rng.uniform(0.05, 2, (7, 6))
    weights = edge_weights(colours)
    dense = weights.toarray()
    exact = np.linalg.solve(np.diag(dense.sum(1) + trust.ravel()) - dense, (trust * prior).ravel())
    assert np.allclose(random_walk(prior, weights, trust).ravel(), exact, atol=5e-3)


def test_colours_that_are_everywhere_tell_nothing() -> None:
    share = np.zeros((40, 40))
    share[10:30, 10:30] = 1
    same = np.full((40, 40, 3), 90, np.uint8)
    assert np.abs(colour_log_ratio(same, share)).max() < 0.01
    other = np.where(share[..., None] > 0, np.uint8(200), np.uint8(20)).repeat(3, 2)
    ratio = colour_log_ratio(other, share)
    assert ratio[20, 20] > 2 and ratio[0, 0] < -2


def test_one_colour_leaves_the_share_but_for_its_corners() -> None:
    share = np.zeros((48, 48), np.float32)
    share[12:36, 12:36] = 0.9
    said = refine_mask(np.full((48, 48, 3), 128, np.uint8), share)
    assert iou(said > 0.5, share > 0.5) > 0.75
