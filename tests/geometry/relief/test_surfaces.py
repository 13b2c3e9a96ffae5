"""Plates and parts of cylinders of any thickness are solid by the predicate of the project, and have exact volumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.relief.surfaces import GridSolid, curved_solid, fault, flat_solid
from lift3d.types import F64


def volume(solid: GridSolid) -> float:
    t = solid.vertices[solid.faces]
    return float(np.einsum("ij,ij->i", t[:, 0], np.cross(t[:, 1], t[:, 2])).sum() / 6)


def lines(count: int, rng: np.random.Generator) -> F64:
    """Increasing coordinates with steps that differ by a factor of up to ten."""
    return np.concatenate([[0.0], np.cumsum(rng.uniform(0.1, 1.0, count - 1))])


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 10**6), st.sampled_from(["lying", "standing"]))
def test_every_plate_is_solid(rows: int, columns: int, seed: int, pose: str) -> None:
    rng = np.random.default_rng(seed)
    thickness = rng.choice([0.8, 3.0, 40.0], (rows, columns)) * rng.uniform(0.5, 1, (rows, columns))
    solid = flat_solid(thickness, lines(columns, rng), lines(rows, rng)[::-1], pose)  # type: ignore[arg-type]
    assert fault(solid) is None
    report = inspect_arrays(solid.vertices, solid.faces)
    assert report.is_solid and report.counts["components"] == 1, report.failures()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(25, 60), st.integers(0, 10**6), st.floats(5, 350), st.booleans())
def test_every_bent_plate_is_solid(rows: int, columns: int, seed: int, degrees: float, closed: bool) -> None:
    rng = np.random.default_rng(seed)
    radius = rng.uniform(2, 100)
    thickness = rng.choice([0.8, 3.0, 20.0], (rows, columns)) * rng.uniform(0.5, 1, (rows, columns))
    angle = np.linspace(0, np.radians(degrees), columns)
    if closed:
        angle = np.arange(columns) * (2 * np.pi / columns)
    solid = curved_solid(thickness, angle, lines(rows, rng)[::-1], radius, closed)
    assert fault(solid) is None
    report = inspect_arrays(solid.vertices, solid.faces)
    assert report.is_solid and report.counts["components"] == 1, report.failures()


def test_volume_of_a_plate_and_of_a_tube() -> None:
    x, y = np.linspace(0, 50, 101), np.linspace(30, 0, 61)
    plate = flat_solid(np.full((61, 101), 2.0), x, y, "standing")
    assert volume(plate) == pytest.approx(50 * 30 * 2, rel=1e-12)
    assert np.allclose(plate.vertices.min(0), [0, -2, 0]) and np.allclose(plate.vertices.max(0), [50, 0, 30])
    slope = flat_solid(np.tile(1 + x / 50, (61, 1)), x, y, "lying")
    assert volume(slope) == pytest.approx(50 * 30 * 1.5, rel=1e-12)
    n = 90
    tube = curved_solid(np.full((61, n), 2.0), np.arange(n) * 2 * np.pi / n, y, 10.0, True)
    polygon = n / 2 * np.sin(2 * np.pi / n)
    assert volume(tube) == pytest.approx(polygon * (12**2 - 10**2) * 30, rel=1e-9)


def test_the_front_is_on_the_right_side() -> None:
    """A high place in the upper left corner of the picture is there as seen from the front."""
    thickness = np.ones((9, 12))
    thickness[0, 0] = 5
    lying = flat_solid(thickness, np.arange(12.0), np.arange(9.0)[::-1], "lying").vertices
    assert np.allclose(lying[np.argmax(lying[:, 2])], [0, 8, 5])
    standing = flat_solid(thickness, np.arange(12.0), np.arange(9.0)[::-1], "standing").vertices
    assert np.allclose(standing[np.argmin(standing[:, 1])], [0, -5, 8])
    bent = curved_solid(thickness, np.linspace(-1, 1, 12), np.arange(9.0)[::-1], 10, False).vertices
    far = bent[np.argmax(np.hypot(bent[:, 0], bent[:, 1]))]
    assert np.allclose(far, [15 * np.sin(-1), -15 * np.cos(-1), 8])


def test_the_back_has_few_faces() -> None:
    solid = flat_solid(np.ones((161, 321)), np.arange(321.0), np.arange(161.0)[::-1], "lying")
    assert solid.front_faces == 2 * 160 * 320
    assert len(solid.faces) < 1.05 * solid.front_faces


def test_faults_are_found() -> None:
    angle = np.linspace(0, 3, 9)
    assert "degrees apart" in (
        fault(curved_solid(np.ones((5, 9)), angle, np.arange(5.0)[::-1], 3, False)) or ""
    )
    thin = flat_solid(np.full((5, 5), 1e-6), np.arange(5.0), np.arange(5.0)[::-1], "lying")
    assert "single precision" in (fault(thin) or "")
    good = flat_solid(np.ones((5, 5)), np.arange(5.0), np.arange(5.0)[::-1], "lying")
    corners = good.vertices[good.faces].astype(np.float32).astype(np.float64)
    assert fault(good, corners) is None
    moved = corners.copy()
    moved[3, 1, 2] += 1e-3
    assert "not those" in (fault(good, moved) or "") and "not those" in (fault(good, corners[1:]) or "")
    assert fault(replace(good, vertices=good.vertices * np.nan)) == "a coordinate is not finite"
