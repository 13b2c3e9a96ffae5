"""What stands: flat below, on z = 0, still solid."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.repair.flat_base import cut_flat_base


def test_a_ball_gets_the_foot_of_its_cap() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.5)
    v, f, low = cut_flat_base(ball.vertices + [0.3, 0, 2.0], np.asarray(ball.faces, np.int32), 0.02)
    assert inspect_arrays(v, f).is_solid and v[:, 2].min() == 0
    assert low == pytest.approx(1.52, abs=1e-3)
    flat = (np.abs(v[f][..., 2]) < 1e-12).all(1)
    a, b, c = v[f[flat]].transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    assert area == pytest.approx(
        np.pi * (2 * 0.5 - 0.02) * 0.02, rel=0.05
    )  # a cap of height h has the foot pi h (2 r - h)


def test_what_is_no_solid_is_only_moved() -> None:
    v = np.array([[0, 0, 1.0], [1, 0, 1], [0, 1, 1], [0, 0, 2]])
    f = np.array([[0, 1, 3]], np.int32)
    w, g, low = cut_flat_base(v, f, 0.1)
    assert (g == f).all() and low == 1.0 and np.allclose(w, v - [0, 0, 1])
