"""Voxels inside meshes, on oblique grids; meshing and voxelizing again gives the label map."""

from __future__ import annotations

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.winding_number import winding_number
from lift3d.geometry.volume.surfaces import labels_to_meshes
from lift3d.geometry.volume.voxelize import grid_around, voxelize
from lift3d.types import Labels
from lift3d.types.volumes import Grid


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_winding_numbers_along_lines_equal_those_of_solid_angles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh = trimesh.creation.icosphere(1, 5.0)
    hole = trimesh.creation.icosphere(1, 3.0)
    hole.invert()
    both = trimesh.util.concatenate([mesh, hole])
    both.apply_transform(trimesh.transformations.random_rotation_matrix(rng.random(3)))
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.7, 1.5, 3)
    affine[:3, 3] = -affine[:3, :3] @ [6, 6, 6]
    grid = Grid((12, 13, 14), affine)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), -1).reshape(-1, 3)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    want = np.abs(winding_number(np.asarray(both.vertices), np.asarray(both.faces), places)) > 0.5
    assert (voxelize(both, grid).ravel() == want).mean() > 0.9995


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=10, deadline=None)
def test_the_mesh_of_labels_has_the_same_voxels_inside(seed: int) -> None:
    ids = np.random.default_rng(seed).integers(0, 3, (6, 5, 7)).astype(np.uint8)
    labels = Labels.of(ids, np.diag([-1.0, 2, 3, 1]))
    for number, mesh in labels_to_meshes(labels).items():
        assert (voxelize(mesh, labels) == (ids == number)).all()


def test_a_grid_around_meshes_covers_them() -> None:
    box = trimesh.creation.box((2, 4, 8))
    grid = grid_around([box], 64)
    mask = voxelize(box, grid)
    assert mask.sum() == 64**3 / 8 and not mask[0].any() and not mask[:, :, -1].any()
