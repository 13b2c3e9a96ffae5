"""The descriptor: invariance to rotation about the upright axis, and distances between different shapes."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.corpus.descriptor import LENGTH, describe


def sphere(seed: int, scale: tuple[float, float, float] = (1, 1, 1)) -> tuple[np.ndarray, np.ndarray]:
    directions = np.random.default_rng(seed).normal(size=(4096, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points = directions * scale * 0.5 + [0, 0, 0.5]
    normals = directions / scale
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def voxels(points: np.ndarray) -> np.ndarray:
    grid = np.zeros((64, 64, 64), bool)
    grid[tuple(np.clip(np.floor((points + [0.5, 0.5, 0]) * 63), 0, 63).astype(int).T)] = True
    return grid


def of(seed: int, scale: tuple[float, float, float] = (1, 1, 1), degrees: float = 0) -> np.ndarray:
    points, normals = sphere(seed, scale)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    points, normals = points @ rotation.T, normals @ rotation.T
    return describe(points, normals, voxels(points))


def test_length_and_norm() -> None:
    d = of(0)
    assert d.shape == (LENGTH,) and d.dtype == np.float32
    assert np.linalg.norm(d[:32]) == pytest.approx(1, abs=1e-5) and (d >= 0).all()


def test_quarter_rotations_change_nothing_but_the_sampling() -> None:
    assert np.linalg.norm(of(0, (1, 0.5, 0.7)) - of(1, (1, 0.5, 0.7), 90)) < 0.12


def test_different_shapes_are_farther_apart_than_samplings() -> None:
    same = np.linalg.norm(of(0) - of(1))
    assert same < 0.12 and np.linalg.norm(of(0) - of(1, (1, 0.2, 1))) > 4 * same


def test_the_same_samples_give_the_same_descriptor() -> None:
    assert np.array_equal(of(3), of(3))


def test_an_empty_grid_has_no_sides() -> None:
    points, normals = sphere(0)
    assert describe(points, normals, np.zeros((64, 64, 64), bool))[-3:].tolist() == [0, 0, 0]
