"""Grids of volumes: spacing, shear and orientation from the affine; impossible grids are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lift3d.types import Labels, Volume


def test_a_tilted_gantry_is_a_shear() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-0.418, -0.418, 1.0])
    affine[:3, 2] = [0, 5 * np.sin(np.radians(14)), 5 * np.cos(np.radians(14))]
    grid = Volume.of(np.zeros((4, 5, 6), np.int16), affine, "HU")
    assert grid.is_sheared and not grid.is_mirrored and grid.orientation == "LPS"
    assert grid.spacing[2] == pytest.approx(5.0) and grid.plane_distances[2] == pytest.approx(4.851, abs=1e-3)
    assert grid.voxel_volume == pytest.approx(0.418**2 * 4.851, rel=1e-3)


@given(st.integers(0, 10**6), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_orientation_of_rotated_axes(seed: int, order: list[int], flips: tuple[bool, ...]) -> None:
    turn = Rotation.from_rotvec(np.random.default_rng(seed).normal(size=3) * 0.15).as_matrix()
    affine = np.eye(4)
    columns = [turn[:, a] * (-1 if flips[a] else 1) * (1 + a) for a in order]
    affine[:3, :3] = np.stack(columns, 1)
    grid = Volume.of(np.zeros((2, 2, 2), np.float32), affine)
    assert grid.orientation == "".join("LPI"[a] if flips[a] else "RAS"[a] for a in order)
    assert not grid.is_sheared and grid.voxel_volume == pytest.approx(6)
    np.testing.assert_allclose(grid.plane_distances, grid.spacing)


def test_impossible_grids_are_refused() -> None:
    values = np.zeros((2, 2, 2), np.float32)
    flat = np.diag([1.0, 1, 0, 1])
    for wrong in (flat, np.full((4, 4), np.nan), np.eye(3), np.eye(4) + np.eye(4, k=-3)):
        with pytest.raises(ValueError):
            Volume.of(values, wrong)
    with pytest.raises(ValueError):
        Volume.of(values.astype(complex), np.eye(4))
    with pytest.raises(ValueError):
        Labels.of(values.astype(np.int16), np.eye(4))  # type: ignore[arg-type]


def test_labels_know_what_is_present() -> None:
    ids = np.zeros((3, 3, 3), np.uint16)
    ids[0, 0, 0], ids[1, 1, 1] = 7, 300
    labels = Labels.of(ids, np.eye(4), {7: "bone"})
    assert labels.present == (7, 300) and labels.name(7) == "bone" and labels.name(300) == "label 300"
