"""What is nearly symmetric becomes exactly so; the rest stays as it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.symmetry.symmetrize import symmetrize


def block(*sides: int) -> np.ndarray:
    share = np.full((20, 20, 20), 0.02, np.float32)
    share[tuple(slice(4, 4 + s) for s in sides)] = 0.98
    return share


def test_a_dent_is_mended_and_an_ell_is_left() -> None:
    whole = block(10, 8, 6)
    dented = whole.copy()
    dented[4:6, 4:6, 4:6] = 0.3
    made, axes = symmetrize(dented, 0.5)
    assert axes == (0, 1) and ((made > 0.5) == (whole > 0.5)).all()
    ell = block(10, 8, 6)
    ell[6:, 6:] = 0.02
    same, axes = symmetrize(ell, 0.5)
    assert axes == () and same is ell
    empty = np.zeros((4, 4, 4), np.float32)
    assert symmetrize(empty, 0.5) == (empty, ())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9))
def test_the_result_equals_its_reflection(seed: int, wide: int, deep: int) -> None:
    rng = np.random.default_rng(seed)
    share = block(wide, deep, 5)
    share += rng.uniform(-0.015, 0.015, share.shape).astype(np.float32)
    made, axes = symmetrize(share, 0.5)
    assert axes == (0, 1)
    box = np.argwhere(made > 0.5)
    low, high = box.min(0), box.max(0) + 1
    inner = made[low[0] : high[0], low[1] : high[1]]
    np.testing.assert_allclose(inner, inner[::-1], atol=1e-6)
    np.testing.assert_allclose(inner, inner[:, ::-1], atol=1e-6)


def test_a_table_with_its_legs_at_one_end_has_them_at_both() -> None:
    share = np.full((40, 20, 24), 0.02, np.float32)
    share[2:38, 2:18, 18:22] = 0.98
    share[4:8, 8:12, 2:18] = 0.98
    made, axes = symmetrize(share, 0.5)
    assert axes == (0, 1)
    legs = np.flatnonzero((made > 0.5)[:, 10, 4])
    assert legs.tolist() == [*range(4, 8), *range(32, 36)]


def test_a_chair_keeps_its_back() -> None:
    share = np.full((20, 20, 40), 0.02, np.float32)
    share[2:18, 2:18, 2:20] = 0.98
    share[2:18, 2:5, 20:38] = 0.9
    made, axes = symmetrize(share, 0.5)
    assert axes == (0,) and ((made > 0.5) == (share > 0.5)).all()
