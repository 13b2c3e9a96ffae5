"""Components of an occupancy grid are bridged where they are nearest; debris is removed, and feet are kept."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.voxels.bridge_components import (
    SEARCH_MARGIN,
    add_feet,
    bridge_components,
    main_components,
    nearest_voxels,
    vertical_extent,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(3, 20)] * 3), min_size=1, max_size=4), st.floats(0.2, 0.7))
def test_balls_anywhere_become_one_component(middles: list[tuple[int, int, int]], level: float) -> None:
    z = np.mgrid[0:24, 0:24, 0:24].transpose(1, 2, 3, 0)
    share = np.zeros((24, 24, 24), np.float32)
    for middle in middles:
        share = np.maximum(share, np.clip(3.2 - np.linalg.norm(z - middle, axis=-1), 0, 1)).astype(np.float32)
    out = bridge_components(share, level)
    assert ndimage.label(out > level)[1] == 1
    assert (out >= share).all()  # nothing is taken from balls of one size


def test_debris_is_removed_and_one_component_is_unchanged() -> None:
    share = np.zeros((16, 16, 16), np.float32)
    share[4:12, 4:12, 4:12] = 0.9
    assert bridge_components(share, 0.5) is share
    share[14, 14, 14] = share[2, 2, 2] = 0.9
    share[4:12, 4:12, 13:15] = 0.9  # a plate beside the cube
    out = bridge_components(share, 0.5)
    assert out[14, 14, 14] < 0.5 and out[2, 2, 2] < 0.5 and ndimage.label(out > 0.5)[1] == 1


def table(*legs: tuple[int, int]) -> np.ndarray:
    """A board on legs that ended below it."""
    share = np.zeros((40, 30, 30), np.float32)
    share[2:38, 2:28, 22:25] = 0.9
    for x, y in legs:
        share[x : x + 2, y : y + 2, 2:8] = 0.9
    return share


def test_detached_legs_of_a_table_are_no_debris() -> None:
    share = table((4, 4), (34, 4), (4, 24), (34, 24))
    assert vertical_extent(bridge_components(share, 0.5) > 0.5) == (
        22,
        24,
    )  # of its 2,808 cells 24 are less than 2 %
    out = bridge_components(share, 0.5, feet=True) > 0.5
    assert ndimage.label(out)[1] == 1 and vertical_extent(out) == (2, 24)
    assert out[4:6, 4:6, 8:22].any((0, 1)).all() and out[34:36, 24:26, 8:22].any((0, 1)).all()


def test_debris_beside_an_object_or_below_its_base_stays_debris() -> None:
    beside = table()[:, :, 10:]  # a low board, and what lies beside it
    beside = np.concatenate([beside, np.zeros((14, 30, 20), np.float32)])
    beside[50:53, 4:7, 0:6] = 0.9
    assert vertical_extent(bridge_components(beside, 0.5, feet=True) > 0.5)[0] == 12
    standing = table((4, 4))
    standing[4:6, 4:6, 6:8] = 0  # 16 cells
    standing[18:24, 12:18, 2:23] = 0.9
    full = standing > 0.5
    assert (add_feet(full, main_components(full)) == main_components(full)).all()
    assert not main_components(full)[4:6, 4:6, 2:20].any()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 3 * SEARCH_MARGIN))
def test_the_nearest_voxel_equals_brute_force(seed: int, gap: int) -> None:
    rng = np.random.default_rng(seed)
    piece = np.argwhere(rng.random((4, 5, 3)) < 0.3) if seed % 2 else rng.integers(0, 4, (1, 3))
    piece = (piece if len(piece) else np.zeros((1, 3), int)) + [9, 0, 5]
    held = np.zeros((40, 12, 30), bool)
    held[13 + gap :] = rng.random((27 - gap, 12, 30)) < 0.02
    held[-1, -1, -1] = True
    start, end = nearest_voxels(held, piece)
    assert held[tuple(end.astype(int))] and (piece == start).all(1).any()
    every = np.linalg.norm(piece[:, None] - np.argwhere(held)[None], axis=2)
    assert np.linalg.norm(end - start) == every.min()
