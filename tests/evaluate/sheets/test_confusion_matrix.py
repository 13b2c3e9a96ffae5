"""Confusion matrix: counts against a loop, and the colours of its picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.evaluate.sheets.confusion_matrix import (
    BAND,
    CELL,
    PAPER,
    confusion_matrix,
    draw_confusions,
    write_confusions,
)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6), st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=30))
def test_counts_equal_those_of_a_loop(labels: int, pairs: list[tuple[int, int]]) -> None:
    pairs = [(a % labels, b % labels) for a, b in pairs]
    slow = np.zeros((labels, labels), int)
    for target, predicted in pairs:
        slow[target, predicted] += 1
    columns = np.array(pairs, np.int64).reshape(-1, 2)
    assert np.array_equal(confusion_matrix(columns[:, 0], columns[:, 1], labels), slow)


def cell(picture: Pil.Image, i: int, j: int) -> tuple[int, int, int]:
    """The colour at the lower right corner of a cell, where no count is written."""
    return picture.getpixel((BAND + j * CELL + CELL - 3, BAND + 24 + i * CELL + CELL - 3))  # type: ignore[return-value]


def test_the_diagonal_is_blue_other_cells_are_red_and_empty_cells_are_paper() -> None:
    picture = draw_confusions(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]), ("a", "b", "c"), "title")
    red, _, blue = cell(picture, 0, 0)
    assert blue > red
    red, _, blue = cell(picture, 0, 1)
    assert red > blue
    for i, j in ((0, 2), (1, 0), (2, 2)):
        assert cell(picture, i, j) == PAPER


def test_rows_are_normalised() -> None:
    picture = draw_confusions(np.array([[2, 2], [300, 300]]), ("a", "b"), "")
    assert cell(picture, 0, 0) == cell(picture, 1, 1) and cell(picture, 0, 1) == cell(picture, 1, 0)
    fuller = draw_confusions(np.array([[3, 1], [0, 1]]), ("a", "b"), "")
    assert cell(fuller, 0, 0)[0] < cell(picture, 0, 0)[0] and cell(fuller, 0, 1)[1] > cell(picture, 0, 1)[1]


def test_long_names_do_not_reach_into_the_matrix() -> None:
    table = np.zeros((2, 2), int)
    long = draw_confusions(table, ("w" * 200, "b"), "")
    box = (BAND, BAND + 24, BAND + 2 * CELL, BAND + 24 + 2 * CELL)
    assert len(long.crop(box).getcolors() or []) == 1
    assert long.size == draw_confusions(table, ("a", "b"), "").size


def test_the_file_has_the_size_of_the_picture(tmp_path: Path) -> None:
    table = np.eye(3, dtype=int)
    write_confusions(tmp_path / "table.png", table, ("a", "b", "c"))
    with Pil.open(tmp_path / "table.png") as stored:
        assert stored.format == "PNG" and stored.size == draw_confusions(table, ("a", "b", "c"), "").size
        stored_cell = cell(stored.convert("RGB"), 1, 1)
    assert stored_cell == pytest.approx(cell(draw_confusions(table, ("a", "b", "c"), ""), 1, 1), abs=8)
    assert [p.name for p in tmp_path.iterdir()] == ["table.png"]
