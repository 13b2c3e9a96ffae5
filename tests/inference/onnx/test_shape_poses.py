"""Poses and rotations in NumPy are those of the torch twin, and exact on a box."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lift3d.inference.onnx.shape_poses import (
    bounding_box,
    candidate_rotations,
    principal_axes,
    rectilinear_frame,
    rotate_shape,
)
from lift3d.nets.sizes import IDENTITY, POSES


def box(n: int, rotation: np.ndarray, half: tuple[float, float, float] = (0.75, 0.3, 0.4)) -> np.ndarray:
    """A box of half sides in the grid [-1, 1]^3, rotated."""
    line = (np.arange(n) + 0.5) / n * 2 - 1
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), -1) @ rotation
    return (np.abs(points) < half).all(-1).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_the_frames_of_a_rotated_box_are_its_axes(seed: int) -> None:
    rotation = Rotation.random(random_state=seed).as_matrix()
    for frame in (principal_axes(box(48, rotation)), rectilinear_frame(box(48, rotation))):
        alike = np.abs(frame @ rotation)  # a permutation of the axes, up to a few degrees
        assert np.linalg.det(frame) == pytest.approx(1) and (alike.max(1) > 0.99).all()


def test_candidates_are_rotations_and_one_of_them_keeps_up() -> None:
    rotations = candidate_rotations(box(32, np.eye(3)))
    assert rotations.shape == (POSES, 3, 3)
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-6)
    assert np.allclose(np.linalg.det(rotations), 1) and rotations[IDENTITY, 2].tolist() == [0, 0, 1]


def test_a_quarter_rotation_permutes_the_axes_and_fills_the_grid() -> None:
    shape = box(32, np.eye(3), (15 / 16, 0.5, 0.25))
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    assert np.allclose(rotate_shape(shape, np.eye(3)), shape, atol=1e-5)
    assert np.allclose(rotate_shape(shape, quarter), shape.transpose(1, 0, 2), atol=1e-5)


def test_an_empty_grid_stays_empty() -> None:
    empty = np.zeros((8, 8, 8), np.float32)
    assert (
        bounding_box(empty, np.eye(3))[0].tolist() == [0, 0, 0] and not rotate_shape(empty, np.eye(3)).any()
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_same_as_torch(seed: int) -> None:
    torch = pytest.importorskip("torch")
    from lift3d.nets.rotation6d import rotation_from_6d
    from lift3d.nets.spatial_transformer import candidate_poses, transform_voxels

    rotation = Rotation.random(random_state=seed).as_matrix()
    shape = np.maximum(box(32, rotation), box(32, rotation, (0.3, 0.3, 0.9)))
    tensor = torch.from_numpy(shape)[None]
    ours, theirs = candidate_rotations(shape), rotation_from_6d(candidate_poses(tensor)[0]).numpy()
    assert np.allclose(ours[:12], theirs[:12], atol=1e-4)
    signs = (ours[12:, 2] * theirs[12:, 2]).sum(1)  # eigenvectors are known up to their signs
    assert np.allclose(np.abs(signs), 1, atol=1e-4)
    turned = transform_voxels(tensor, torch.from_numpy(rotation[None]).float())[0].numpy()
    assert np.abs(rotate_shape(shape, rotation) - turned).max() < 2e-3
