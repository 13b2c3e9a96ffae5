"""Fans of polygons against a readable twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.io.mesh.polygons import fan_triangles


def slow_fans(counts: list[int]) -> list[tuple[int, int, int]]:
    triangles, start = [], 0
    for count in counts:
        triangles += [(start, start + i, start + i + 1) for i in range(1, count - 1)]
        start += count
    return triangles


@given(st.lists(st.integers(0, 7), max_size=12))
@settings(max_examples=50, deadline=None)
def test_the_same_triangles_as_the_twin(counts: list[int]) -> None:
    found = fan_triangles(np.array(counts, np.int64))
    assert found.shape[1] == 3 and [tuple(row) for row in found.tolist()] == slow_fans(counts)


@pytest.mark.parametrize(("counts", "triangles"), [([], 0), ([0, 1, 2], 0), ([3], 1), ([4, 5], 5)])
def test_a_polygon_of_n_corners_gives_two_fewer_triangles(counts: list[int], triangles: int) -> None:
    assert len(fan_triangles(np.array(counts, np.int64))) == triangles
