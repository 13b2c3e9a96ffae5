"""Connected parts equal those of scipy."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.volume.parts import fill_parts, find_background, find_parts

LOOKUP = np.arange(256, dtype=np.uint16)


def borders(region: np.ndarray) -> int:
    """Bits of the axes at whose ends a region touches the border."""
    bits = 0
    for axis in range(3):
        bits |= int(np.take(region, [0, -1], axis).any()) << axis
    return bits


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=80, deadline=None)
def test_parts_and_background_equal_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 9, 3))
    ids = rng.integers(0, 4, shape).astype(np.uint8)
    ids[rng.random(shape) < rng.random()] = 0
    found = find_parts(ids, LOOKUP, marked=2)
    want = []
    for one in range(1, 4):
        where, count = ndimage.label(ids == one, np.ones((3, 3, 3)))
        regions = [where == n for n in range(1, count + 1)]
        want += [(one, int(r.sum()), int(r.sum()) if one == 2 else 0, borders(r)) for r in regions]
    have = zip(found.label.tolist(), found.voxels.tolist(), found.marked.tolist(), found.border.tolist())
    assert sorted(have) == sorted(want)
    hollow = find_background(ids, LOOKUP)
    where, count = ndimage.label(ids == 0)
    regions = [where == n for n in range(1, count + 1)]
    assert sorted(zip(hollow.voxels.tolist(), hollow.border.tolist())) == sorted(
        (int(r.sum()), borders(r)) for r in regions
    )


def test_filling_writes_whole_parts() -> None:
    ids = np.zeros((6, 6, 6), np.uint8)
    ids[1:3, 1:3, 1:3], ids[4:, 4:, 4:] = 1, 1
    parts = find_parts(ids, LOOKUP)
    assert parts.voxels.tolist() == [8, 8]
    fill_parts(ids, parts, np.array([True, False]), 7)
    assert (ids[1:3, 1:3, 1:3] == 7).all() and (ids[4:, 4:, 4:] == 1).all() and ids.sum() == 8 * 7 + 8
