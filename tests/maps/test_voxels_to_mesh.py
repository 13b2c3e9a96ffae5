"""Cells to a surface: closed, of the right size, with and without the terraces of full and empty cells."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.errors import InputError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.maps.voxels_to_mesh import VoxelsToMesh
from lift3d.types import Voxels

X, Y, Z = np.meshgrid(*(np.arange(48.0) - 23.5,) * 3, indexing="ij")
SHAPES = {
    "ball": X * X + Y * Y + Z * Z < 20**2,
    "wire": (np.abs(X) < 1) & (np.abs(Y) < 1) & (np.abs(Z) < 20),
    "slanted sheet": (np.abs(Z - 0.3 * X) < 0.7) & (np.abs(X) < 18) & (np.abs(Y) < 18),
    "steps": (np.abs(X) < 16) & (np.abs(Y) < 8) & (np.abs(Z) < 18) & (4 * np.floor(X / 4) > Z),
}


def cells(full: np.ndarray) -> Voxels:
    affine = np.eye(4)
    affine[:3, 3] = -23.5
    return Voxels(full.astype(np.float32), affine, "occupancy")


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("even", [False, True])
@pytest.mark.slow
def test_a_solid_of_the_size_of_its_cells(name: str, even: bool) -> None:
    mesh = VoxelsToMesh(smooth_within_voxels=even)(cells(SHAPES[name]))
    assert inspect_solid(mesh).is_solid
    plain = VoxelsToMesh(smoothing=0, faces=10**9)(cells(SHAPES[name]))
    assert mesh.volume == pytest.approx(plain.volume, rel=0.15 if name == "wire" else 0.05)
    assert np.abs(mesh.bounds - plain.bounds).max() < 1


@pytest.mark.slow
def test_a_ball_of_cells_is_even() -> None:
    away = {}
    for even in (False, True):
        v = np.asarray(VoxelsToMesh(smooth_within_voxels=even)(cells(SHAPES["ball"])).vertices)
        away[even] = np.linalg.norm(v, axis=1).std()
    assert away[True] < 0.6 * away[False]


def test_nothing_and_too_much_are_refused() -> None:
    with pytest.raises(InputError, match="no voxel is occupied"):
        VoxelsToMesh()(cells(np.zeros_like(X)))
    with pytest.raises(InputError, match="513 voxels a side"):
        VoxelsToMesh()(Voxels(np.zeros((513, 2, 2), np.float32), np.eye(4), "occupancy"))
