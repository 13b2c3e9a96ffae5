"""The heap of the decimation sorts, and grows without loss."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.surface.heap import grow, sift_down, sift_up


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40))
def test_entries_leave_in_ascending_order(keys: list[float]) -> None:
    key, item, n = np.empty(len(keys)), np.empty(len(keys), np.int32), 0
    for i, x in enumerate(keys):
        key[n], item[n] = x, i
        sift_up(key, item, n)
        n += 1
        assert key[0] == min(keys[: i + 1])
    out = []
    while n:
        out.append((key[0], keys[item[0]]))
        n -= 1
        key[0], item[0] = key[n], item[n]
        sift_down(key, item, n, 0)
    assert [k for k, _ in out] == sorted(keys) and all(a == b for a, b in out)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=50))
def test_a_heap_is_built_from_the_bottom(keys: list[int]) -> None:
    key, item, n = np.array(keys, np.float64), np.arange(len(keys)).astype(np.int32), len(keys)
    for i in range((n - 2) // 4, -1, -1):
        sift_down(key, item, n, i)
    assert all(key[(i - 1) // 4] <= key[i] for i in range(1, n))
    assert [keys[i] for i in item] == key.tolist()


def test_growing_keeps_entries_and_numbers_new_slots() -> None:
    key, item = np.array([1.0, 2.0]), np.array([1, 0], np.int32)
    first, second, when = (np.array(x, np.int32) for x in ([5, 6], [7, 8], [9, 10]))
    key, item, first, second, when = grow(key, item, first, second, when, 5)
    assert key[:2].tolist() == [1, 2] and item.tolist() == [1, 0, 2, 3, 4]
    assert [first[1], second[0], when[1]] == [6, 7, 10] and len(first) == len(second) == len(when) == 5
