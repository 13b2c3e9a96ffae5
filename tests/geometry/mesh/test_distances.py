"""Closest points, samples and Hausdorff distance against analytic truth and a slow twin."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.mesh.distances import (
    build_search_tree,
    closest_points,
    hausdorff,
    hits_in_tree,
    sample_surface,
)

BOX = trimesh.creation.box((2.0, 4.0, 6.0))
BALL = trimesh.creation.icosphere(3)


def arrays(mesh: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    return np.array(mesh.vertices), np.array(mesh.faces, np.int32)


def twin_distance(v: np.ndarray, f: np.ndarray, q: np.ndarray) -> float:
    """Smallest distance to any triangle: the projection if it falls inside, else to the three sides."""
    best = np.inf
    for a, b, c in v[f]:
        n = np.cross(b - a, c - a)
        n /= np.linalg.norm(n)
        p = q - n * ((q - a) @ n)
        if all(np.cross(y - x, p - x) @ n >= 0 for x, y in ((a, b), (b, c), (c, a))):
            best = min(best, abs((q - a) @ n))
        for x, y in ((a, b), (b, c), (c, a)):
            t = np.clip((q - x) @ (y - x) / ((y - x) @ (y - x)), 0, 1)
            best = min(best, float(np.linalg.norm(q - x - t * (y - x))))
    return best


def test_distance_to_a_box_is_analytic() -> None:
    v, f = arrays(BOX)
    q = np.random.default_rng(1).uniform(-6, 6, (3000, 3))
    points, distance, face = closest_points(v, f, q)
    half = np.array([1.0, 2.0, 3.0])
    outside = np.linalg.norm(np.maximum(np.abs(q) - half, 0), axis=1)
    inside = np.minimum((half - np.abs(q)).min(1), np.inf)
    np.testing.assert_allclose(distance, np.where((np.abs(q) < half).all(1), inside, outside), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(points - q, axis=1), distance, atol=1e-12)
    assert ((face >= 0) & (face < 12)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
@pytest.mark.slow
def test_distance_equals_the_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    v, f = (
        rng.normal(size=(20, 3)),
        rng.permuted(np.tile(np.arange(20), (15, 1)), axis=1)[:, :3].astype(np.int32),
    )
    q = rng.normal(size=(5, 3)) * 2
    np.testing.assert_allclose(closest_points(v, f, q)[1], [twin_distance(v, f, x) for x in q], atol=1e-9)


def test_faces_without_area_or_finite_corners_are_no_surface() -> None:
    v, f = arrays(BOX)
    worse = np.concatenate([v, [[np.nan, 0, 0]]])
    g = np.concatenate([[[0, 0, 1], [8, 1, 2]], f]).astype(np.int32)
    _, distance, face = closest_points(worse, g, np.array([[5.0, 0, 0]]))
    assert distance[0] == pytest.approx(4) and face[0] >= 2
    with pytest.raises(ValueError, match="area"):
        closest_points(worse, g[:2], np.zeros((1, 3)))


def test_limit_leaves_far_queries_alone() -> None:
    v, f = arrays(BOX)
    q = np.array([[1.5, 0, 0], [9.0, 0, 0]])
    points, distance, face = closest_points(v, f, q, limit=1.0)
    assert distance.tolist() == [0.5, 1.0] and face[1] == -1
    np.testing.assert_array_equal(points[1], q[1])


def test_rays_hit_the_far_wall() -> None:
    v, f = arrays(BOX)
    o = np.array([[-1.0, 0.3, 0.2], [0, 0, 9.0]])
    t, face = hits_in_tree(build_search_tree(v, f), o, np.array([[1.0, 0, 0], [0, 0, 1.0]]), 1e-9)
    assert t[0] == pytest.approx(2) and face[0] >= 0
    assert np.isinf(t[1]) and face[1] == -1


def test_samples_are_even_seeded_and_on_the_surface() -> None:
    v, f = arrays(BOX)
    p, n, face = sample_surface(v, f, 8800, np.random.default_rng(3))
    again = sample_surface(v, f, 8800, np.random.default_rng(3))[0]
    np.testing.assert_array_equal(p, again)
    assert closest_points(v, f, p)[1].max() < 1e-12
    share = np.array([(np.abs(n[:, k]) > 0.5).sum() for k in range(3)]) / 8800
    np.testing.assert_allclose(share, np.array([24, 12, 8]) / 44, atol=2e-3)
    assert set(face) == set(range(12))


def test_hausdorff_of_concentric_balls_and_of_a_ball_and_itself() -> None:
    v, f = arrays(BALL)
    assert hausdorff(v, f, v, f) < 1e-12
    assert hausdorff(v, f, 1.25 * v, f) == pytest.approx(0.25, rel=0.02)
    assert hausdorff(v, f, v, f[10:]) > 0.02
    assert hausdorff(v, f, 1.25 * v, f) == hausdorff(1.25 * v, f, v, f)
