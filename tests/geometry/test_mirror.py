"""The mirror plane of solids that have one, turned in any way around up."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.mirror import mirror_plane


def chair(turn: float, n: int = 48) -> np.ndarray:
    """A seat, a back on one side and a low box before it: one upright mirror plane, that of y = 0 before it is turned."""
    line = (np.arange(n) + 0.5) / n - 0.5
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    a, b = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    seat = (abs(a) < 0.25) & (abs(b) < 0.2) & (abs(z) < 0.05)
    back = (abs(a + 0.22) < 0.04) & (abs(b) < 0.2) & (z > 0) & (z < 0.4)
    return seat | back | ((abs(a - 0.33) < 0.05) & (abs(b) < 0.08) & (z < 0) & (z > -0.1))


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.1, 2.5])
def test_a_chair_is_its_own_mirror_image_sideways(turn: float):
    affine = np.diag([0.1, 0.1, 0.1, 1.0])
    affine[:3, 3] = [5, -3, 1]
    plane = mirror_plane(chair(turn), affine)
    side = np.array([-np.sin(turn), np.cos(turn), 0])
    assert abs(plane.normal @ side) > np.cos(np.radians(4)) and plane.likeness > 0.85
    middle = affine[:3, :3] @ np.full(3, 23.5) + affine[:3, 3]
    assert abs(plane.normal @ middle - plane.offset) < 0.06
    mirror = plane.reflection()
    assert np.allclose(mirror @ mirror, np.eye(4)) and np.isclose(np.linalg.det(mirror), -1)


def test_what_has_no_mirror_plane_is_less_alike():
    full = chair(0.0)
    full[24:, 24:] = False
    assert mirror_plane(full, np.eye(4)).likeness < 0.85
