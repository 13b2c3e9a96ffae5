"""Numbers, rows, indices and polygons of text formats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.readers.text import checked_indices, parse_numbers, take_rows, triangulate
from lift3d.errors import InputError


def test_numbers_of_every_form() -> None:
    assert parse_numbers(["1", "-2.5", "+.5", "1e3", "7."], "a").tolist() == [1, -2.5, 0.5, 1000, 7]


def test_text_after_a_number_is_dropped() -> None:
    assert parse_numbers(["1.5A", "2;", "3"], "a").tolist() == [1.5, 2, 3]


@pytest.mark.parametrize("word", ["x", "", "nan", "inf", "1e999", "--1"])
def test_words_that_are_no_finite_numbers_are_refused(word: str) -> None:
    with pytest.raises(InputError, match="a has text"):
        parse_numbers(["1", word], "a")


def test_rows_skip_empty_lines_and_extra_words() -> None:
    lines = iter(["1 2 3 4", "", "  ", "5 6 7", "8 9 10"])
    assert take_rows(lines, 2) == ["1", "2", "3", "5", "6", "7"] and next(lines) == "8 9 10"


def test_rows_end_with_errors() -> None:
    with pytest.raises(ValueError, match="1"):
        take_rows(iter(["1 2"]), 1)
    with pytest.raises(StopIteration):
        take_rows(iter(["1 2 3"]), 2)


@pytest.mark.parametrize("index", [[-1.0], [3.0], [0, 1, 99.0], [np.nan]])
def test_indices_stay_in_range(index: list[float]) -> None:
    with pytest.raises(InputError, match="out of range"):
        checked_indices(np.array(index), 3, "a")
    assert checked_indices(np.array([0, 2.0]), 3, "a").dtype == np.int64


def slow(sizes: list[int], strips: list[bool]) -> list[list[int]]:
    out, start = [], 0
    for size, strip in zip(sizes, strips):
        for i in range(size - 2):
            a, b, c = (
                (start + i, start + i + 1, start + i + 2) if strip else (start, start + i + 1, start + i + 2)
            )
            out.append([b, a, c] if strip and i % 2 else [a, b, c])
        start += size
    return out


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=8))
@settings(max_examples=60, deadline=None)
def test_fans_and_strips_equal_the_readable_twin(polygons: list[tuple[int, bool]]) -> None:
    sizes, strips = [p[0] for p in polygons], [p[1] for p in polygons]
    angle = np.concatenate([2 * np.pi * np.arange(n) / max(n, 1) for n in [*sizes, 0]])
    points = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(len(angle))])  # convex polygons
    counts, index = np.array(sizes, np.int64), np.arange(len(points))
    found = triangulate(counts, index, points, np.array(strips, bool))
    assert found.tolist() == slow(sizes, strips)
    assert triangulate(counts, index, points).tolist() == slow(sizes, [False] * len(sizes))


def test_a_concave_polygon_beside_a_strip() -> None:
    points = np.array([[0, 0, 0], [2, 1, 0], [0, 2, 0], [1, 1, 0.0]])
    index = np.array([0, 1, 2, 3, 0, 1, 2, 3])
    found = triangulate(np.array([4, 4]), index, points, np.array([True, False]))
    assert found.tolist() == [[0, 1, 2], [2, 1, 3], [5, 6, 7], [5, 7, 4]]
