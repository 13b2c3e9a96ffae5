"""Bounded reading: values, positions, and every way beyond the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.corpus.readers.byte_cursor import Cursor
from lift3d.errors import InputError


def test_values_follow_each_other() -> None:
    at = Cursor(b"\x01\x00\x02\x00\x00\x00abc\0rest\xff", "a")
    assert at.number("<u2") == 1 and at.number("<u4") == 2 and at.text(8) == "abc" and at.number("u1") == 255
    assert at.at == 15


@given(st.binary(max_size=64), st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_arrays_are_those_of_numpy_or_an_error(data: bytes, count: int) -> None:
    at = Cursor(data, "a")
    if count * 6 <= len(data):
        assert np.array_equal(
            at.array(">u2", count, 3), np.frombuffer(data, ">u2", 3 * count).reshape(count, 3)
        )
        assert at.at == 6 * count
    else:
        with pytest.raises(InputError, match="a is cut short"):
            at.array(">u2", count, 3)


def test_the_copy_is_writable_and_in_native_order() -> None:
    values = Cursor(b"\0\1", "a").array(">u2", 1)
    values[0] += 1
    assert values.dtype.isnative and values.tolist() == [2]


@pytest.mark.parametrize("count", [-1, 10**12])
def test_impossible_counts_are_refused(count: int) -> None:
    with pytest.raises(InputError, match="out of range"):
        Cursor(bytes(8), "a").array("u1", count)


@pytest.mark.parametrize("size", [-1, 9, 10**15])
def test_skips_stay_inside(size: int) -> None:
    with pytest.raises(InputError, match="cut short"):
        Cursor(bytes(8), "a").skip(size)


@pytest.mark.parametrize("start", [-1, 9, 10**9])
def test_offsets_of_the_file_stay_inside(start: int) -> None:
    with pytest.raises(InputError, match="cut short"):
        Cursor(bytes(8), "a", start).array("u1", 1)
