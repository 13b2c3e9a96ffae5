"""Occupancy and signed distance of meshes on grids, and the colours of a surface."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.geometry.voxels.field import sample_field


def test_signed_distance_of_a_box_is_analytic_near_its_sides() -> None:
    box = trimesh.creation.box((2, 2, 2))
    v, f = np.asarray(box.vertices), np.asarray(box.faces, np.int32)
    origin, step, shape = np.array([-1.55, -0.05, 0.02]), 0.31, (11, 2, 2)
    x = origin[0] + step * np.arange(11)
    found = sample_field(v, f, origin, step, shape, "signed_distance")
    assert found.dtype == np.float32 and np.allclose(
        found[:, 0, 0], np.maximum(np.abs(x) - 1, 0.05 - 1), atol=1e-6
    )
    inside = sample_field(v, f, origin, step, shape, "occupancy")
    assert np.array_equal(inside, (found < 0).astype(np.float32))


def test_distances_scale_with_the_mesh() -> None:
    ball = trimesh.creation.icosphere(2)
    v, f = np.asarray(ball.vertices), np.asarray(ball.faces, np.int32)
    low = np.full(3, -1.3)
    one = sample_field(v, f, low, 0.4, (7, 7, 7), "signed_distance")
    ten = sample_field(10 * v, f, 10 * low, 4.0, (7, 7, 7), "signed_distance")
    assert np.allclose(10 * one, ten, atol=1e-4) and (one < 0).any() and (one > 0).any()


def test_other_quantities_are_refused() -> None:
    box = trimesh.creation.box()
    with pytest.raises(InputError, match="temperature"):
        sample_field(
            np.asarray(box.vertices),
            np.asarray(box.faces, np.int32),
            np.zeros(3),
            0.1,
            (2, 2, 2),
            "temperature",
        )
