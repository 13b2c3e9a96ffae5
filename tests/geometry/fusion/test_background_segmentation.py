"""Segmentation of the background by colour: holes without depth are found, unless the colours are equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import exact_maps, orbit_views

from lift3d.geometry.fusion import background_segmentation as colours
from lift3d.geometry.fusion.fuse import OrientedBox
from lift3d.types import DepthMaps, Image


def ring(seed: int = 0, same: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo (160, 200, 3) of a ring before a wall, its object mask, and seeds: the hole is unknown."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :200]
    r = np.hypot(y - 80, x - 100)
    on = (r > 35) & (r < 65)
    wall = np.array([150, 150, 140]) + 40 * np.sin(x / 9 + y / 14)[..., None]
    paint = np.array([170, 90, 50]) + 40 * np.sin(x / 5 - y / 7)[..., None]
    photo = np.where(on[..., None] & (not same), paint, wall) + rng.normal(0, 6, (160, 200, 3))
    seeds = np.full(on.shape, colours.BACKGROUND)
    seeds[r < 70] = colours.UNKNOWN
    seeds[(r > 42) & (r < 58)] = colours.OBJECT
    return np.clip(photo, 0, 255).astype(np.uint8), on, seeds


@pytest.mark.parametrize("seed", range(3))
def test_the_hole_of_a_ring_is_found(seed: int) -> None:
    photo, on, seeds = ring(seed)
    past, error = colours.segment_background(photo, seeds)
    assert error < 0.05
    assert past[~on].mean() > 0.97 and past[on].mean() < 0.03


def test_equal_colours_have_a_large_error_and_no_confidence() -> None:
    photo, _, seeds = ring(same=True)
    _, error = colours.segment_background(photo, seeds)
    assert error > 1 / colours.ERROR_COST


def test_without_seeds_nothing_is_known() -> None:
    photo, on, _ = ring()
    past, error = colours.segment_background(photo, np.zeros(on.shape, np.int8))
    assert not past.any() and error == 1.0


def test_a_larger_photo_than_the_depth_map_gives_its_size() -> None:
    photo, on, seeds = ring()
    past, _ = colours.segment_background(photo.repeat(4, 0).repeat(4, 1), seeds)
    assert past.shape == on.shape and past[~on].mean() > 0.97 and past[on].mean() < 0.03


def test_seeds_that_disagree_are_unknown_at_half_the_size() -> None:
    seeds = np.array([[1, 1, -1, -1, 1, -1], [1, 0, -1, 0, 1, -1]], np.int8)
    np.testing.assert_array_equal(colours._halve_seeds(seeds), [[1, -1, 0]])


@pytest.mark.slow
def test_blank_pixels_beside_a_ball_become_background() -> None:
    """The ball is reddish; the depths of some photos are unknown to one side: the table there becomes background."""
    views = orbit_views(14)
    maps = exact_maps(views)
    images, depths, tables = [], [], []
    for k, (image, depth) in enumerate(zip(views.images, maps)):
        table = np.abs(depth.normals @ (depth.camera.R @ [0, 0, 1.0]) - 1) < 1e-4
        pixels = image.pixels.astype(float) * np.where(table[..., None], [0.8, 1.0, 1.0], [1.0, 0.6, 0.5])
        images.append(Image(pixels.astype(np.uint8), name=str(k)))
        z = depth.z.copy()
        if k < 4:
            z[:, :150] = 0
        depths.append(replace(depth, z=z, propagated=np.zeros(z.shape, bool)))
        tables.append(table)
    labels = [np.where(t, 0, 1).astype(np.int8) for t in tables]
    before = DepthMaps(replace(views, images=tuple(images)), tuple(depths))
    box = OrientedBox(np.eye(4), np.array([-0.7, -0.7, 0.01]), np.array([0.7, 0.7, 1.1]))
    after = colours.add_background_depth(before, labels, box, base=True)
    found = 0
    for a, b, table in zip(before.depths, after.depths, tables):
        assert (b.z[a.z > 0] == a.z[a.z > 0]).all()
        new = (a.z == 0) & (b.z > 0)
        found += new.sum()
        if new.any():
            assert table[new].mean() > 0.97
            assert b.z[new].min() > 5
            assert 0 < b.confidence[new].max() <= colours.CONFIDENCE
    assert found > 300
