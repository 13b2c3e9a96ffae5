"""Occupancy is connected where the solid is: analytic solids, and a slow twin of the joints."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.voxels.canonical_frame import (
    RESOLUTION,
    canonical_grid,
    inside_and_touched,
    voxelize_canonical,
)
from lift3d.geometry.voxels.occupancy import (
    MOST_ROUNDS,
    block_opening,
    connected_occupancy,
    dilate,
    order_joints,
)

B1 = NDArray[np.bool_]
AROUND = np.ones((3, 3, 3), bool)


def pieces(full: B1) -> int:
    return int(ndimage.label(full, AROUND)[1])


def twin(inside: B1, crossed: B1) -> B1:
    """Slow twin: blocks and components by counting."""
    thick = np.zeros_like(inside)
    for i, j, k in itertools.product(*(range(n - 1) for n in inside.shape)):
        block = (slice(i, i + 2), slice(j, j + 2), slice(k, k + 2))
        if inside[block].all():
            thick[block] = True
    near = ndimage.binary_dilation(thick, AROUND)
    full = inside | (crossed & ~near)
    skin = np.argwhere(crossed & near & ~inside)
    faces = ndimage.generate_binary_structure(3, 1).astype(int)
    count = ndimage.convolve(full.astype(int), 26 * faces + 1, mode="constant")
    order = sorted(map(tuple, skin), key=lambda at: (-count[at], at))
    for _ in range(MOST_ROUNDS):
        before = full.sum()
        for i, j, k in order:
            around = np.pad(full, 1)[i : i + 3, j : j + 3, k : k + 3].copy()
            around[1, 1, 1] = False
            if not full[i, j, k] and pieces(around) > 1:
                full[i, j, k] = True
        if full.sum() == before:
            break
    return full


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.05, 0.9), st.floats(0.0, 0.7))
def test_random_masks_equal_the_twin(seed: int, share: float, touched: float) -> None:
    rng = np.random.default_rng(seed)
    smooth = ndimage.uniform_filter(rng.random((9, 8, 7)), 3 if seed % 2 else 1)
    inside = smooth > np.quantile(smooth, 1 - share)
    crossed = rng.random(inside.shape) < touched
    full = connected_occupancy(inside, crossed)
    assert np.array_equal(full, twin(inside, crossed))
    assert (full >= inside).all() and not (full & ~inside & ~crossed).any()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.004, 0.03), st.floats(-80, 80), st.floats(-80, 80), st.floats(0.2, 0.6)
)  # fmt: skip
def test_a_thin_slanted_sheet_on_a_block_is_one_component(
    thin: float, tip: float, turn: float, block: float
) -> None:
    sheet = trimesh.creation.box((1, 0.8, thin))
    for angle, axis in ((tip, [1, 0, 0]), (turn, [0, 1, 0])):
        sheet.apply_transform(trimesh.transformations.rotation_matrix(np.radians(angle), axis))
    cells, _ = voxelize_canonical(trimesh.util.concatenate([sheet, trimesh.creation.box((block,) * 3)]))
    assert pieces(cells) == 1


@pytest.mark.slow
@pytest.mark.parametrize("side", [0.2, 0.37, 0.5, 1.0])
def test_thick_solids_do_not_grow(side: float) -> None:
    box = trimesh.creation.box((side, side, 1.0))
    cells, frame = voxelize_canonical(box)
    step = canonical_grid()[1]
    volume = float(cells.sum()) * step**3
    assert abs(volume - side**2) < 0.6 * step * 2 * (2 * side * 1.0 + side**2)
    inside, crossed = inside_and_touched(
        trimesh.transform_points(box.vertices, frame), np.asarray(box.faces, np.int32)
    )
    assert np.array_equal(cells, inside) and crossed.sum() > 0


def test_a_gap_of_two_voxels_stays_open() -> None:
    inside = np.zeros((12, 12, 12), bool)
    inside[1:5, 1:-1, 1:-1] = inside[7:11, 1:-1, 1:-1] = True
    assert pieces(connected_occupancy(inside, dilate(inside) & ~inside)) == 2


def test_sheets_legs_and_nothing() -> None:
    empty = np.zeros((6, 6, 6), bool)
    assert not connected_occupancy(empty, empty).any()
    sheet = empty.copy()
    sheet[2] = True
    assert np.array_equal(connected_occupancy(empty, sheet), sheet)
    assert np.array_equal(connected_occupancy(sheet, empty), sheet)
    with pytest.raises(ValueError, match="one shape"):
        connected_occupancy(empty, empty[:3])


def test_a_leg_under_a_slab_is_joined() -> None:
    inside, crossed = np.zeros((9, 9, 9), bool), np.zeros((9, 9, 9), bool)
    inside[1:8, 1:8, 5:8] = True
    crossed |= dilate(inside) & ~inside
    crossed[4, 4, :5] = True
    full = connected_occupancy(inside, crossed)
    assert pieces(full) == 1 and full[4, 4, :5].all() and full.sum() == inside.sum() + 5


def test_blocks_and_neighbours_are_those_of_morphology() -> None:
    full = ndimage.uniform_filter(np.random.default_rng(3).random((20, 18, 16)), 3) > 0.5
    assert np.array_equal(block_opening(full), ndimage.binary_opening(full, np.ones((2, 2, 2))))
    assert np.array_equal(dilate(full), ndimage.binary_dilation(full, AROUND))
    order = order_joints(full, ~full)
    assert len(order) == (~full).sum() and full.shape == (20, 18, 16) and RESOLUTION == 64
