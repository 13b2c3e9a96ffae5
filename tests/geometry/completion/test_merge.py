"""A partial surface and a prediction become one solid: the known part stays, a correct prediction gives the whole, gaps close."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh

from lift3d.geometry.completion.merge import (
    MOST_RIM,
    choose_level,
    choose_resolution,
    duplicate_faces,
    merge_completion,
    predicted_surface,
    rim_points,
    smooth_seam,
    squares_around_points,
    warp_to_samples,
)
from lift3d.geometry.completion.partial_frame import fit_partial_frame
from lift3d.geometry.mesh.distances import closest_points, sample_surface
from lift3d.geometry.mesh.normals import face_normals
from lift3d.geometry.mesh.solidity import inspect_arrays
from lift3d.geometry.metrics.solids import compare_surfaces, sample_mesh
from lift3d.geometry.repair.remesh import remesh
from lift3d.types import Points, Voxels


def whole(points: np.ndarray) -> np.ndarray:
    """Signed distance of a thick ring, negative inside."""
    away = np.hypot(np.hypot(points[..., 0], points[..., 1]) - 0.36, points[..., 2])
    return away - 0.13


@cache
def case(shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, Points, Voxels]:
    """Half of the ring, and its whole as predicted voxels, grown by `shift`."""
    ring = trimesh.creation.torus(0.36, 0.13, 96, 48)
    v, f, _ = trimesh.intersections.slice_faces_plane(ring.vertices, ring.faces, [1, 0, 0], [-0.05, 0, 0])
    p, n, _ = sample_surface(v, f, 3000, np.random.default_rng(0))
    frame = fit_partial_frame(p, n)
    line = np.stack(np.meshgrid(*[np.arange(64)] * 3, indexing="ij"), -1) * frame.step + frame.affine[:3, 3]
    share = 1 / (1 + np.exp((whole(line) - shift) / (0.35 * frame.step)))
    return (
        v,
        f.astype(np.int32),
        Points(p, n.astype(np.float32)),
        Voxels(share.astype(np.float32), frame.affine, "occupancy"),
    )


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.012])
def test_a_correct_prediction_gives_the_whole_and_keeps_the_known_part(shift: float) -> None:
    v, f, samples, guess = case(shift)
    nv, nf = merge_completion(v, f, samples, guess, 0.5, 96)
    assert inspect_arrays(nv, nf).is_solid
    ring = trimesh.creation.torus(0.36, 0.13, 96, 48)
    truth = sample_mesh(np.asarray(ring.vertices), np.asarray(ring.faces))
    assert compare_surfaces(sample_mesh(nv, nf), truth).f_score > (0.97 if shift == 0 else 0.9)
    # away from its rim, the known surface is in the result, to a small part of a step
    inner = samples.xyz[samples.xyz[:, 0] > 0.02]
    away = closest_points(nv, nf, inner)[1]
    assert np.percentile(away, 99) < 0.002 and away.max() < 0.01


def test_a_prediction_that_is_too_large_is_warped_to_the_samples() -> None:
    _, _, samples, guess = case(0.012)
    gv, gf = predicted_surface(guess, 0.5)
    before = np.abs(whole(gv))
    after = np.abs(whole(warp_to_samples(gv, gf, samples, guess.affine)))
    known = gv[:, 0] > 0.05
    assert after[known].mean() < 0.3 * before[known].mean()
    assert after[~known].mean() < before[~known].mean() + 1e-3  # what is far is left alone, or gains
    assert choose_level(samples, guess, 0.5) > 0.5


def test_the_iso_level_is_the_default_where_the_prediction_misses_the_samples() -> None:
    _, _, samples, guess = case()
    empty = Voxels(np.zeros_like(guess.values), guess.affine, "occupancy")
    assert choose_level(samples, empty, 0.42) == 0.42
    v, f = predicted_surface(empty, 0.42)
    assert len(v) == len(f) == 0


@pytest.mark.slow
def test_parts_that_the_prediction_misses_are_kept() -> None:
    v, f, samples, guess = case()
    nothing = Voxels(np.zeros_like(guess.values), guess.affine, "occupancy")
    nv, nf = merge_completion(v, f, samples, nothing, 0.5, 96)
    assert inspect_arrays(nv, nf).is_solid
    inner = samples.xyz[samples.xyz[:, 0] > 0.02]
    assert np.percentile(closest_points(nv, nf, inner)[1], 95) < 0.004


@pytest.mark.slow
def test_a_noisy_prediction_has_a_small_surface() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.1, (64, 64, 64)).astype(np.float32)
    assert len(predicted_surface(Voxels(noise, np.eye(4), "occupancy"), 0.5)[1]) < 500_000


def test_the_resolution_is_reduced_for_a_tangle_of_faces_only() -> None:
    v = np.random.default_rng(0).uniform(-0.5, 0.5, (6000, 3))
    assert 32 <= choose_resolution(v, np.arange(6000, dtype=np.int32).reshape(-1, 3), 160) < 60
    ball = trimesh.creation.icosphere(3, radius=0.5)
    for wanted in (32, 160):
        assert (
            choose_resolution(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32), wanted) == wanted
        )


def test_what_says_the_same_is_left_out_and_the_other_side_of_a_plate_is_not() -> None:
    plate = trimesh.creation.box((1, 1, 0.02))
    v, f = np.asarray(plate.vertices), np.asarray(plate.faces, np.int32)
    top = f[face_normals(v, f)[:, 2] > 0.5]
    guessed = trimesh.creation.box((1, 1, 0.03)).subdivide().subdivide()
    gv, gf = np.asarray(guessed.vertices), np.asarray(guessed.faces, np.int32)
    same = duplicate_faces(gv, gf, v, top, 0.05)
    up = face_normals(gv, gf)[:, 2]
    assert same[up > 0.5].all() and not same[up < 0.5].any()


def test_squares_lie_on_their_planes_and_face_as_their_points() -> None:
    rng = np.random.default_rng(0)
    p, n = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    v, f = squares_around_points(p, n, np.full(50, 0.1))
    assert np.allclose(face_normals(v, f), np.concatenate([n, n]))
    assert np.allclose(v.reshape(50, 4, 3).mean(1), p)
    t = v[f]
    area = np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum() / 2
    assert area == pytest.approx(50 * 0.01)


@pytest.mark.slow
def test_the_seam_is_smooth_and_the_known_part_stays() -> None:
    v, f, _, _ = case()
    other = v * [-1, 1, 1] * 1.012  # the other half does not quite fit: its rim lies over the known one's
    both = np.concatenate([v, other]), np.concatenate([f, f[:, ::-1] + len(v)]).astype(np.int32)
    nv, nf, step = remesh(*both, 96)
    even = smooth_seam(nv, nf, (v, f), both, step)
    assert inspect_arrays(even, nf).is_solid
    kept = closest_points(v, f, nv)[1] < 0.1 * step
    assert (even[kept] == nv[kept]).all() and kept.mean() > 0.3
    middle = nv[nf].mean(1)
    seam = np.abs(middle[:, 0]) < 0.04
    assert bends(even, nf)[seam].mean() < 0.7 * bends(nv, nf)[seam].mean()
    assert (even == nv).all(1)[np.abs(nv[:, 0]) > 0.2].all()


def bends(v: np.ndarray, f: np.ndarray) -> np.ndarray:
    """(F,) angle between each face normal and the mean of its corner normals."""
    n = face_normals(v, f)
    corner = np.zeros_like(v)
    for k in range(3):
        np.add.at(corner, f[:, k], n)
    corner /= np.maximum(np.linalg.norm(corner, axis=1, keepdims=True), 1e-12)
    return 1 - (corner[f].mean(1) * n).sum(1)


@pytest.mark.slow
def test_the_rim_is_where_a_face_ends() -> None:
    v, f, _, _ = case()
    rim = rim_points(v, f, 0.01)
    assert np.abs(rim[:, 0] + 0.05).max() < 1e-6 and len(rim) > 2 * 2 * np.pi * 0.13 / 0.011
    ring = trimesh.creation.torus(0.36, 0.13, 32, 16)
    soup = v[f].reshape(-1, 3) * (1 + 1e-3 * np.random.default_rng(0).standard_normal((3 * len(f), 1)))
    many = rim_points(soup, np.arange(3 * len(f), dtype=np.int32).reshape(-1, 3), 1e-9)
    assert len(many) <= MOST_RIM + 3 * len(f), "a soup of open edges is bounded, however small the step"
    assert not len(rim_points(np.asarray(ring.vertices), np.asarray(ring.faces, np.int32), 0.01))
