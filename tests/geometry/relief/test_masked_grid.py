"""Solids over any part of a grid: solid by the predicate of the project, of one component, without contacts at corners."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.relief.masked_grid import cells_of
from lift3d.geometry.relief.surfaces import cut_out_solid, fault


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 30), st.integers(3, 30), st.integers(0, 10**6), st.floats(0.3, 1.0))
def test_every_mask_is_solid(rows: int, columns: int, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    known = rng.random((rows, columns)) < share
    known |= ndimage.binary_dilation(rng.random((rows, columns)) < 0.1, np.ones((2, 2)))
    solid = cut_out_solid(
        rng.uniform(1, 4, (rows, columns)), np.arange(columns) * 1.0, np.arange(rows)[::-1] * 1.0, known
    )
    if solid is None:
        assert not cells_of(known).any()
        return
    assert fault(solid) is None
    report = inspect_arrays(solid.vertices, solid.faces)
    assert report.is_solid and report.counts["components"] == 1, report.failures()
    column, row = (
        np.round(solid.vertices[:, 0]).astype(int),
        rows - 1 - np.round(solid.vertices[:, 1]).astype(int),
    )
    assert known[row, column].all()


def test_a_ring_has_a_hole_and_the_largest_part_is_kept() -> None:
    y, x = np.mgrid[:60, :60] - 29.5
    radius = np.hypot(x, y)
    known = ((radius < 25) & (radius > 12)) | (radius < 5)
    solid = cut_out_solid(np.full((60, 60), 2.0), np.arange(60.0), np.arange(60.0)[::-1], known)
    assert solid is not None
    v, f = solid.vertices, solid.faces
    edges = len(np.unique(np.sort(np.concatenate([f[:, :2], f[:, 1:], f[:, ::2]]), 1), axis=0))
    assert len(v) - edges + len(f) == 0, "Euler's characteristic of a torus"
    assert np.hypot(v[:, 0] - 29.5, v[:, 1] - 29.5).min() > 12
