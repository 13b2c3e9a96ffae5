"""The frame that networks know solids in: whatever place, size and grid a solid comes in, its cells are the same."""

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


def thing() -> trimesh.Trimesh:
    """An L of two boxes, longest side 1 upright."""
    low = trimesh.creation.box((0.5, 0.3, 0.2), trimesh.transformations.translation_matrix((0, 0, 0.1)))
    high = trimesh.creation.box((0.1, 0.3, 1.0), trimesh.transformations.translation_matrix((-0.2, 0, 0.5)))
    return trimesh.boolean.union([low, high], engine="manifold")


@settings(max_examples=8, deadline=None)
@given(
    st.floats(1e-3, 1e3), st.tuples(*[st.floats(-50, 50)] * 3), st.booleans()
)  # fmt: skip
def test_place_and_size_do_not_matter(
    scale: float, shift: tuple[float, float, float], mirrored: bool
) -> None:
    mesh = thing()
    plain, frame = voxelize_canonical(mesh)
    moved = mesh.copy()
    moved.vertices = moved.vertices * scale + np.array(shift) * scale
    if mirrored:
        moved.invert()  # orientation is no matter of votes
    cells, there = voxelize_canonical(moved)
    assert (cells != plain).sum() <= 0.02 * plain.sum()
    corner = np.append(moved.vertices[0], 1)
    np.testing.assert_allclose(there @ corner, frame @ np.append(mesh.vertices[0], 1), atol=1e-6)


def test_cells_fill_what_the_solid_fills() -> None:
    cells, _ = voxelize_canonical(thing())
    step = canonical_grid()[1]
    assert cells.sum() * step**3 == pytest.approx(thing().volume, rel=0.08)
    high = canonical_affine()[2, 3] + np.flatnonzero(cells.any((0, 1))) * step
    assert -step < high.min() < step and 1 - step < high.max() < 1 + step


def test_a_sheet_is_not_lost() -> None:
    cells, _ = voxelize_canonical(trimesh.creation.box((1, 1, 1e-4)))
    assert cells.any((2,)).sum() > 50**2


def test_voxels_of_another_grid_give_the_same_cells() -> None:
    cells, _ = voxelize_canonical(thing())
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


def test_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="no faces"):
        voxelize_canonical(trimesh.Trimesh(np.zeros((3, 3)), [[0, 1, 2]], process=False))
    with pytest.raises(InputError, match="no voxel is full"):
        resample_to_canonical(
            Voxels(np.zeros((RESOLUTION,) * 3, np.float32), canonical_affine(), "occupancy")
        )
    with pytest.raises(InputError, match="no size"):
        canonical_transform(np.zeros(3), np.zeros(3))
