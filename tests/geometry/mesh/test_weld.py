"""Welding by exact float32 position."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.weld import weld_exact

values = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 1e-12, np.float32(0.1).item(), 0.1, np.nan, np.inf, 1e300])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(values, values, values), max_size=12))
def test_rows_are_those_of_a_dictionary_in_order_of_appearance(
    points: list[tuple[float, float, float]],
) -> None:
    """Slow twin: a dictionary from float32 positions to rows; positions that are not finite are never merged."""
    v = np.array(points, np.float64).reshape(-1, 3)
    known: dict[tuple[float, ...], int] = {}
    expected = []
    with np.errstate(over="ignore"):
        single = v.astype(np.float32) + np.float32(0)
    for i, p in enumerate(single):
        key = tuple(p.tolist()) if np.isfinite(p).all() else (float(i), *p.tolist())
        if key not in known:
            known[key] = len(known)
        expected.append(known[key])
    p, row = weld_exact(v)
    assert row.tolist() == expected and len(p) == len(known)
    assert np.array_equal(p[row], single.astype(np.float64), equal_nan=True)


def test_a_mesh_without_duplicates_is_unchanged() -> None:
    v = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32).astype(np.float64)
    p, row = weld_exact(v)
    assert np.array_equal(p, v) and np.array_equal(row, np.arange(50))
