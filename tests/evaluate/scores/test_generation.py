"""Metrics of generated shapes: known values for copies, mode collapse and unrelated shapes."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.evaluate.scores.generation import (
    compare_sets,
    extract_surface,
    nearest_distances,
    one_nearest_neighbour_accuracy,
    padded_affine,
    sample_points,
)
from lift3d.geometry.voxels.canonical_frame import canonical_affine
from lift3d.maps.voxels_to_mesh import VoxelsToMesh
from lift3d.types import Voxels


def clouds(count: int, seed: int, at: float = 0.0) -> np.ndarray:
    """Boxes of points with random sides."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(0.2, 1, (count, 1, 3))
    return (rng.uniform(-0.5, 0.5, (count, 256, 3)) * sides + at).astype(np.float32)


@pytest.mark.slow
def test_resampled_real_shapes_have_good_scores() -> None:
    said = compare_sets(clouds(30, 1), clouds(30, 2), clouds(60, 3))
    assert said.coverage > 0.4 and 0.25 < said.one_nn < 0.75
    assert 0.25 < said.copies < 0.8 and 0.6 < said.novelty < 1.6


def test_copies_are_detected() -> None:
    known = clouds(40, 3)
    said = compare_sets(known[:20], clouds(20, 2), known)
    assert said.copies == 1 and said.novelty == 0


@pytest.mark.slow
def test_collapse_and_unrelated_shapes_have_bad_scores() -> None:
    real, known = clouds(20, 2), clouds(40, 3)
    same = compare_sets(np.repeat(known[:1], 20, 0) + np.float32(1e-4), real, known)
    assert same.coverage <= 2 / 20 and same.one_nn > 0.9
    far = compare_sets(clouds(20, 4, 5.0), real, known)
    assert far.one_nn == 1 and far.matching > 10 and far.copies == 0


def test_one_nn_of_two_by_hand() -> None:
    own = np.array([[0, 1.0], [1.0, 0]])
    assert one_nearest_neighbour_accuracy(own, np.full((2, 2), 5.0), own) == 1.0
    assert (
        one_nearest_neighbour_accuracy(
            np.array([[0, 9.0], [9.0, 0]]), np.full((2, 2), 5.0), np.array([[0, 9.0], [9.0, 0]])
        )
        == 0.0
    )


def test_nearest_distances_exclude_the_shape_itself() -> None:
    assert (nearest_distances(clouds(5, 0)) > 0).all()


def test_the_surface_lies_at_the_border_of_full_voxels() -> None:
    full = np.zeros((64, 64, 64), np.float32)
    full[20:40, 20:40, 20:40] = 1
    points = sample_points(extract_surface(full, canonical_affine()))
    step = canonical_affine()[0, 0]
    assert points.shape == (1024, 3)
    assert np.ptp(points, axis=0) == pytest.approx(20 * step, rel=0.05)
    whole = extract_surface(np.ones((64, 64, 64), np.float32), canonical_affine())
    assert whole.is_watertight


def test_the_surface_equals_that_of_voxels_to_mesh() -> None:
    x, y, z = np.indices((64, 64, 64)) - 31.5
    share = (1 / (1 + np.exp(np.hypot(np.hypot(x, y) - 18, z) - 6))).astype(np.float32)  # a ring
    affine = canonical_affine()
    quick, step = extract_surface(share, affine, 0.4), affine[0, 0]
    slow = VoxelsToMesh(faces=10**9)(Voxels(np.pad(share, 1), padded_affine(affine), "occupancy", 0.4))
    assert np.array_equal(quick.faces, slow.faces)
    assert np.abs(quick.vertices - slow.vertices).max() < 1e-5 * step
