"""Cameras frame an object as sampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.pictures.framing import GOLDEN, extreme_points, frame_camera
from lift3d.corpus.pictures.recipes import RECIPES
from lift3d.geometry.camera.projection import project

BOX = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.2, 0.2) for z in (0, 0.4)])


def test_extreme_points_keep_the_extent() -> None:
    points = np.random.default_rng(0).normal(size=(3000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    chosen = extreme_points(points)
    assert len(chosen) <= 256 and np.ptp(chosen, axis=0) == pytest.approx(np.ptp(points, axis=0), rel=0.02)


def test_extreme_points_of_a_box_are_its_corners() -> None:
    assert len(extreme_points(np.concatenate([BOX, 0.5 * BOX]))) == 8


@given(st.integers(0, 1000), st.integers(0, 40), st.sampled_from(["clean", "natural"]))
@settings(max_examples=30, deadline=None)
def test_the_longer_side_in_the_image_is_the_sampled_fraction(seed: int, view: int, name: str) -> None:
    camera, sampled = frame_camera(BOX, RECIPES[name], 128, seed, "key", view)
    pixels, depth = project(camera, BOX)[:2]
    extent = np.ptp(pixels, axis=0).max() / 128
    assert (np.asarray(depth) > 0).all() and extent <= sampled["fill"] + 0.02
    low, high = RECIPES[name].fill
    assert low <= sampled["fill"] <= high


def test_the_clean_recipe_centres_the_object_without_roll() -> None:
    for view in range(5):
        camera, sampled = frame_camera(BOX, RECIPES["clean"], 128, 0, "key", view)
        pixels = project(camera, BOX)[0]
        assert (pixels.min(0) + pixels.max(0)) / 2 == pytest.approx([64, 64], abs=1) and sampled["roll"] == 0


def test_consecutive_views_differ_by_the_golden_angle() -> None:
    azimuths = [frame_camera(BOX, RECIPES["natural"], 64, 1, "key", view)[1]["azimuth"] for view in range(6)]
    gaps = np.diff(azimuths) % 360
    assert np.allclose(gaps, GOLDEN, atol=40.1)


def test_a_view_depends_only_on_seed_key_and_number() -> None:
    first = frame_camera(BOX, RECIPES["natural"], 64, 1, "a", 3)[1]
    assert frame_camera(BOX, RECIPES["natural"], 64, 1, "a", 3)[1] == first
    assert frame_camera(BOX, RECIPES["natural"], 64, 2, "a", 3)[1] != first
    assert frame_camera(BOX, RECIPES["natural"], 64, 1, "b", 3)[1] != first
