"""Pieces become one."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.pieces import joined


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.integers(3, 20)] * 3), min_size=1, max_size=4), st.floats(0.2, 0.7))
def test_balls_anywhere_become_one_piece(middles: list[tuple[int, int, int]], level: float) -> None:
    z = np.mgrid[0:24, 0:24, 0:24].transpose(1, 2, 3, 0)
    share = np.zeros((24, 24, 24), np.float32)
    for middle in middles:
        share = np.maximum(share, np.clip(3.2 - np.linalg.norm(z - middle, axis=-1), 0, 1)).astype(np.float32)
    out = joined(share, level)
    assert ndimage.label(out > level)[1] == 1
    assert (out >= share).all()  # nothing is taken from balls of one size


def test_crumbs_are_left_out_and_one_piece_is_kept_as_it_is() -> None:
    share = np.zeros((16, 16, 16), np.float32)
    share[4:12, 4:12, 4:12] = 0.9
    assert joined(share, 0.5) is share
    share[14, 14, 14] = share[2, 2, 2] = 0.9
    share[4:12, 4:12, 13:15] = 0.9  # a plate beside the cube
    out = joined(share, 0.5)
    assert out[14, 14, 14] < 0.5 and out[2, 2, 2] < 0.5 and ndimage.label(out > 0.5)[1] == 1
