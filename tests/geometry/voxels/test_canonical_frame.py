"""The canonical frame: voxels do not depend on the position, size or grid of a solid."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.geometry.voxels.canonical_frame import (
    RESOLUTION,
    canonical_affine,
    canonical_grid,
    canonical_transform,
    resample_to_canonical,
    voxelize_canonical,
)
from lift3d.types import Voxels


def l_shape() -> trimesh.Trimesh:
    """An L of two boxes, longest side 1 upright."""
    low = trimesh.creation.box((0.5, 0.3, 0.2), trimesh.transformations.translation_matrix((0, 0, 0.1)))
    high = trimesh.creation.box((0.1, 0.3, 1.0), trimesh.transformations.translation_matrix((-0.2, 0, 0.5)))
    return trimesh.boolean.union([low, high], engine="manifold")


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(
    st.floats(1e-3, 1e3), st.tuples(*[st.floats(-50, 50)] * 3), st.booleans()
)  # fmt: skip
def test_position_scale_and_orientation_of_faces_do_not_matter(
    scale: float, shift: tuple[float, float, float], mirrored: bool
) -> None:
    mesh = l_shape()
    plain, frame = voxelize_canonical(mesh)
    moved = mesh.copy()
    moved.vertices = moved.vertices * scale + np.array(shift) * scale
    if mirrored:
        moved.invert()  # votes do not depend on the orientation of faces
    cells, there = voxelize_canonical(moved)
    assert (cells != plain).sum() <= 0.02 * plain.sum()
    corner = np.append(moved.vertices[0], 1)
    np.testing.assert_allclose(there @ corner, frame @ np.append(mesh.vertices[0], 1), atol=1e-6)


def test_voxels_fill_the_volume_of_the_solid() -> None:
    cells, _ = voxelize_canonical(l_shape())
    step = canonical_grid()[1]
    assert cells.sum() * step**3 == pytest.approx(l_shape().volume, rel=0.08)
    high = canonical_affine()[2, 3] + np.flatnonzero(cells.any((0, 1))) * step
    assert -step < high.min() < step and 1 - step < high.max() < 1 + step


def test_a_sheet_is_not_lost() -> None:
    cells, _ = voxelize_canonical(trimesh.creation.box((1, 1, 1e-4)))
    assert cells.any((2,)).sum() > 50**2


def test_another_grid_gives_the_same_voxels() -> None:
    cells, _ = voxelize_canonical(l_shape())
    fine = np.kron(cells, np.ones((2, 2, 2))).astype(np.float32)
    affine = np.diag([0.03, 0.03, 0.03, 1.0])
    affine[:3, 3] = (5, -2, 11)
    again, frame = resample_to_canonical(Voxels(fine, affine, "occupancy"))
    assert (again & cells).sum() / (again | cells).sum() > 0.9
    assert frame[0, 0] == pytest.approx(1 / (0.03 * np.ptp(np.argwhere(fine)[:, 2]) + 0.03))
    same, own = resample_to_canonical(Voxels(cells.astype(np.float32), canonical_affine(), "occupancy"))
    assert (same == cells).all() and (own == np.eye(4)).all()
    distance, _ = resample_to_canonical(Voxels((0.5 - cells).astype(np.float32), canonical_affine()))
    assert (distance == cells).all()


def test_empty_input_is_refused() -> None:
    with pytest.raises(InputError, match="no faces"):
        voxelize_canonical(trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False))
    with pytest.raises(InputError, match="no voxel is full"):
        resample_to_canonical(
            Voxels(np.zeros((RESOLUTION,) * 3, np.float32), canonical_affine(), "occupancy")
        )
    with pytest.raises(InputError, match="no size"):
        canonical_transform(np.zeros(3), np.zeros(3))
