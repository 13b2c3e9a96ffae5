"""The symmetry plane of symmetric solids, rotated about the vertical axis."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.symmetry.plane import symmetry_plane


def chair(turn: float, n: int = 48) -> np.ndarray:
    """A seat, a back on one side and a low box before it: one vertical symmetry plane, y = 0 before its rotation."""
    line = (np.arange(n) + 0.5) / n - 0.5
    x, y, z = np.meshgrid(line, line, line, indexing="ij")
    a, b = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    seat = (abs(a) < 0.25) & (abs(b) < 0.2) & (abs(z) < 0.05)
    back = (abs(a + 0.22) < 0.04) & (abs(b) < 0.2) & (z > 0) & (z < 0.4)
    return seat | back | ((abs(a - 0.33) < 0.05) & (abs(b) < 0.08) & (z < 0) & (z > -0.1))


@pytest.mark.parametrize("turn", [0.0, 0.3, 1.1, 2.5])
def test_a_chair_has_its_sagittal_plane(turn: float):
    affine = np.diag([0.1, 0.1, 0.1, 1.0])
    affine[:3, 3] = [5, -3, 1]
    plane = symmetry_plane(chair(turn), affine)
    side = np.array([-np.sin(turn), np.cos(turn), 0])
    assert abs(plane.normal @ side) > np.cos(np.radians(4)) and plane.score > 0.85
    middle = affine[:3, :3] @ np.full(3, 23.5) + affine[:3, 3]
    assert abs(plane.normal @ middle - plane.offset) < 0.06
    mirror = plane.reflection()
    assert np.allclose(mirror @ mirror, np.eye(4)) and np.isclose(np.linalg.det(mirror), -1)


def test_an_asymmetric_solid_has_a_lower_score():
    full = chair(0.0)
    full[24:, 24:] = False
    assert symmetry_plane(full, np.eye(4)).score < 0.85


def test_the_overlap_with_the_reflection_equals_its_twin() -> None:
    """Slow twin: scipy's interpolation of every voxel."""
    from scipy import ndimage

    from lift3d.geometry.symmetry.plane import _overlap

    rng = np.random.default_rng(5)
    cells = ndimage.gaussian_filter(rng.random((13, 17, 9)), 1.0).astype(np.float32)
    for angle, shift in ((0.0, 0.0), (0.3, 0.02), (1.2, -0.04), (2.9, 0.7)):
        normal = np.array([np.cos(angle), np.sin(angle), 0.0])
        mirror = np.eye(3) - 2 * np.outer(normal, normal)
        middle = (np.array(cells.shape) - 1) / 2
        offset = middle - mirror @ middle + 2 * shift * 17 * normal
        image = ndimage.affine_transform(
            cells.astype(np.float64), mirror, offset, order=1, mode="grid-constant"
        )
        both, either = _overlap(cells, mirror, offset)
        assert np.isclose(both, np.minimum(cells, image).sum(), rtol=1e-6)
        assert np.isclose(either, np.maximum(cells, image).sum(), rtol=1e-6)
