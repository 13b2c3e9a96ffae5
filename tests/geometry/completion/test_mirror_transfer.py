"""Symmetry planes are refined, and reflected faces are accepted only where the prediction agrees."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh
from scipy import ndimage

from lift3d.geometry.completion.merge import merge_completion, predicted_surface
from lift3d.geometry.completion.mirror_transfer import (
    PredictedSurface,
    candidate_planes,
    refine_plane,
    reflect_surface,
)
from lift3d.geometry.completion.partial_frame import fit_partial_frame
from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.mesh.normals import face_normals
from lift3d.geometry.metrics.solids import compare_surfaces, sample_mesh
from lift3d.geometry.voxels.inside_test import inside_mask
from lift3d.types import Points, SymmetryPlane, Voxels


def horned() -> trimesh.Trimesh:
    """A box with a horn on each side, symmetric in the plane x = 0.05 only."""
    parts = [trimesh.creation.box((0.7, 0.5, 0.3))]
    parts[0].apply_translation([0.05, 0, 0])
    for side in (-1, 1):
        horn = trimesh.creation.cylinder(0.09, 0.42, sections=24)
        horn.apply_translation([0.05 + side * 0.22, 0.1, 0.3])
        parts.append(horn)
    return trimesh.boolean.union(parts, engine="manifold")


@cache
def case(rough: float) -> tuple[trimesh.Trimesh, trimesh.Trimesh, Points, Voxels, PredictedSurface]:
    """The whole, its right part, samples of that part, and a prediction whose surface deviates by about `rough` voxels."""
    whole = horned()
    v, f, _ = trimesh.intersections.slice_faces_plane(whole.vertices, whole.faces, [1, 0, 0], [-0.02, 0, 0])
    part = trimesh.Trimesh(v, f, process=False)
    p, n, _ = sample_surface(part.vertices, part.faces, 4000, np.random.default_rng(0))
    frame = fit_partial_frame(p, n)
    low = frame.affine[:3, 3]
    full = inside_mask(
        np.asarray(whole.vertices), np.asarray(whole.faces, np.int32), low, frame.step, (64,) * 3
    )
    far = ndimage.distance_transform_edt(full) - ndimage.distance_transform_edt(~full)
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=far.shape), 4)
    share = 1 / (1 + np.exp(-2 * (far + rough * noise / noise.std())))
    guess = Voxels(share.astype(np.float32), frame.affine, "occupancy")
    gv, gf = predicted_surface(guess, 0.5)
    samples = Points(p, n.astype(np.float32))
    return (
        whole,
        part,
        samples,
        guess,
        PredictedSurface(gv, gf, gv[gf].mean(1), face_normals(gv, gf), frame.step),
    )


@pytest.mark.slow
def test_the_plane_is_found_and_refined() -> None:
    _, _, samples, guess, guessed = case(0.4)
    best = candidate_planes(guess, 0.5)[0]
    assert abs(best.normal[0]) > np.cos(np.radians(8))
    off = SymmetryPlane(np.array([np.cos(0.05), np.sin(0.05), 0.0]), 0.05 + guessed.step, 0.0)
    for start in (best, off):
        moved = refine_plane(start, samples, guessed)
        assert abs(moved.normal[1]) < 0.012 and moved.score > 0.9
        assert moved.offset * np.sign(moved.normal[0]) == pytest.approx(0.05, abs=0.15 * guessed.step)


@pytest.mark.slow
def test_reflected_faces_are_accepted_where_the_prediction_agrees_only() -> None:
    whole, part, samples, _, guessed = case(0.0)
    v, f = np.asarray(part.vertices), np.asarray(part.faces, np.int32)
    right = refine_plane(SymmetryPlane(np.array([1.0, 0, 0]), 0.05, 1.0), samples, guessed)
    mv, mf = reflect_surface(v, f, right, guessed)
    area = float(trimesh.Trimesh(mv, mf, process=False).area)
    assert area == pytest.approx(part.area, rel=0.1)
    low = mv[mf].min((0, 1))
    assert low[0] == pytest.approx(whole.bounds[0][0], abs=0.01)
    # normals still point outward: reflection reverses the order of corners
    middle = mv[mf].mean(1)
    end = (middle[:, 0] < whole.bounds[0][0] + 0.005) & (np.abs(middle[:, 1:]) < 0.1).all(1)
    assert end.any() and (face_normals(mv, mf)[end][:, 0] < -0.9).all()
    mv, mf = reflect_surface(
        v, f, SymmetryPlane(np.array([0.0, 1, 0]), 0.0, 1.0), guessed
    )  # the horns are not symmetric in this plane
    horns = mv[mf].mean(1)[:, 2] > 0.3
    assert not (horns & (mv[mf].mean(1)[:, 1] < -0.05)).any()


@pytest.mark.slow
def test_reflections_improve_a_rough_prediction() -> None:
    whole, part, samples, guess, _ = case(0.5)
    v, f = np.asarray(part.vertices), np.asarray(part.faces, np.int32)
    truth = sample_mesh(np.asarray(whole.vertices), np.asarray(whole.faces))
    plain, better = (
        compare_surfaces(
            sample_mesh(*merge_completion(v, f, samples, guess, 0.5, 96, symmetric)), truth
        ).f_score
        for symmetric in (False, True)
    )
    assert better > plain and better > 0.95
