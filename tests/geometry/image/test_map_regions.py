"""Shares of a map and its strongest regions, on maps that are known."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.image.map_regions import edge_band, share_on, strongest_regions


def test_two_spots_are_two_regions_in_order() -> None:
    values = np.zeros((40, 50), np.float32)
    values[5:9, 10:15] = -3
    values[30:36, 40:45] = 1
    first, second = strongest_regions(values)
    assert first.box == (10, 5, 15, 9) and second.box == (40, 30, 45, 36)
    assert first.share == pytest.approx(60 / 90) and first.value == -60 and second.value == 30


def test_a_map_of_zeros_has_no_regions_and_no_share() -> None:
    zero = np.zeros((8, 9), np.float32)
    assert strongest_regions(zero) == [] and share_on(zero, np.ones((8, 9), bool)) == 0


def test_no_more_regions_than_wanted_and_none_beyond_the_strongest_tenth() -> None:
    values = np.random.default_rng(0).normal(size=(60, 60)).astype(np.float32)
    found = strongest_regions(values, 3)
    assert len(found) == 3 and sum(r.share for r in strongest_regions(values, 10_000)) < 0.35


def test_the_share_counts_without_signs() -> None:
    values = np.array([[1, -1], [2, 0]], np.float32)
    assert share_on(values, np.array([[True, True], [False, False]])) == pytest.approx(0.5)


def test_the_band_lies_on_both_sides_of_the_silhouette() -> None:
    mask = np.zeros((100, 100), bool)
    mask[30:70, 30:70] = True
    band = edge_band(mask)
    assert band[50, 30] and band[50, 28] and band[50, 32] and not band[50, 50] and not band[50, 20]
    full = np.ones((20, 20), bool)
    assert not edge_band(full).any(), "the border of the picture is no silhouette"
