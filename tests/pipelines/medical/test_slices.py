"""Slices of a volume: the sides are where radiologists expect them, whatever the order of the array."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from lift3d.pipelines.medical.slices import GAP, SIDE, colour_of, slices_picture
from lift3d.types import Labels, Volume


def body() -> tuple[np.ndarray, np.ndarray]:
    """A block in RAS, 2 mm: bright on the patient's right, half as bright at the front, dark elsewhere."""
    values = np.zeros((40, 50, 60), np.float32)
    values[30:, 20:30, 20:40] = 100
    values[10:25, 42:, 20:40] = 50
    affine = np.diag([2.0, 2, 2, 1])
    return values, affine


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_any_order_of_axes_gives_the_same_picture(order: tuple[int, int, int]) -> None:
    values, affine = body()
    truth = slices_picture(Volume.of(values, affine), None, (0, 100))
    for flips in product((1, -1), repeat=3):
        turned, other = values.transpose(order), np.eye(4)
        other[:3, :3] = affine[:3, :3][:, list(order)] * np.array(flips)
        turned = turned[:: flips[0], :: flips[1], :: flips[2]]
        assert np.array_equal(slices_picture(Volume.of(turned, other), None, (0, 100)), truth)


def test_the_right_of_the_patient_is_on_the_left() -> None:
    values, affine = body()
    sheet = slices_picture(Volume.of(values, affine), None, (0, 100))
    scale = SIDE / 120
    width, height = round(80 * scale), round(100 * scale)
    top = (sheet.shape[0] - height) // 2
    axial = sheet[top : top + height, GAP : GAP + width].astype(int)
    assert axial[height // 2, width // 8].mean() > 200, "bright on the left side of the picture"
    assert 100 < axial[height // 20, width // 2 + 20].mean() < 150, "half as bright at the top"
    assert axial[height // 2, -width // 8].mean() < 40


def test_outlines_have_the_colours_of_their_labels() -> None:
    values, affine = body()
    ids = np.zeros(values.shape, np.uint8)
    ids[values > 0] = 1
    ids[values > 60] = 2
    sheet = slices_picture(Volume.of(values, affine), Labels.of(ids, affine), (0, 100))
    for number in (1, 2):
        assert (sheet == colour_of(number)).all(-1).sum() > 50
    alone = slices_picture(None, Labels.of(ids, affine))
    assert (alone == colour_of(2)).all(-1).sum() > 50 and len({colour_of(k) for k in range(1, 40)}) == 39
