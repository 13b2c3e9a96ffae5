"""Contact sheets: layout, labels and selection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.io.image.contact_sheet import BACKGROUND, contact_sheet, evenly_spaced, write_contact_sheet


def tiles(count: int, side: int = 32) -> list[np.ndarray]:
    return [np.full((side, side, 3), (i * 17 % 256, 40, 90), np.uint8) for i in range(count)]


@pytest.mark.parametrize(("count", "across", "rows"), [(1, 4, 1), (4, 4, 1), (5, 4, 2), (12, 3, 4)])
def test_tiles_fill_rows_in_order(count: int, across: int, rows: int) -> None:
    sheet = np.asarray(contact_sheet(tiles(count), [""] * count, across))
    band = max(32 // 9, 11)
    assert sheet.shape == (rows * (32 + band), across * 32, 3)
    for i in range(count):
        y, x = i // across * (32 + band), i % across * 32
        assert (sheet[y : y + 32, x : x + 32] == tiles(count)[i]).all()
        assert (sheet[y + 32 : y + 32 + band, x : x + 32] == BACKGROUND).all()


def test_labels_are_written_and_long_ones_stay_in_their_column() -> None:
    sheet = np.asarray(contact_sheet(tiles(2), ["a", "a very long label " * 9], 2))
    assert (sheet[32:, :32] != BACKGROUND).any() and (sheet[32:, 32:] != BACKGROUND).any()
    assert (sheet[32:, 32:34] == BACKGROUND).all()


def test_an_empty_sheet_is_a_picture() -> None:
    assert contact_sheet([], [], 3).size[0] == 3 * 128


def test_the_file_has_few_colours(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "a.png", tiles(3), ["a", "b", "c"])
    with Pil.open(tmp_path / "a.png") as picture:
        assert picture.mode == "P" and picture.format == "PNG"


@given(st.integers(0, 500), st.integers(1, 100))
def test_indices_are_distinct_spread_and_start_at_zero(count: int, most: int) -> None:
    chosen = evenly_spaced(count, most)
    assert len(chosen) == min(count, most) == len(set(chosen))
    if chosen:
        gaps = np.diff([*chosen, count])
        assert chosen[0] == 0 and gaps.min() >= 1 and gaps.max() - gaps.min() <= 1
