"""Smoothing keeps the volume of a ball and removes the terraces of a grid; a slow twin agrees."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.geometry.surface.smoothing import LAMBDA, MU, constrained_smooth, relax_vertices, taubin_smooth


def test_steps_go_and_size_stays():
    ball = trimesh.creation.icosphere(4, 1.0)
    v = np.asarray(ball.vertices) * (1 + np.random.default_rng(0).normal(0, 0.01, (len(ball.vertices), 1)))
    out = taubin_smooth(v, ball.faces, 10)
    before, after = (np.linalg.norm(x, axis=1) for x in (v, out))
    assert after.std() < 0.4 * before.std() and abs(after.mean() - 1) < 3e-3
    assert taubin_smooth(v, ball.faces, 0).tolist() == v.tolist()


def test_it_equals_the_mean_of_the_neighbours():
    box = trimesh.creation.box()
    v, f = np.asarray(box.vertices, np.float64), np.asarray(box.faces)
    near = {i: {int(j) for face in f if i in face for j in face} - {i} for i in range(len(v))}
    slow = v.copy()
    for step in (LAMBDA, MU):
        slow = np.array([slow[i] + step * (slow[sorted(near[i])].mean(0) - slow[i]) for i in range(len(v))])
    assert np.allclose(taubin_smooth(v, f, 1), slow)


def test_a_membrane_relaxes_and_its_rim_stays():
    box = trimesh.creation.box((2, 2, 0.1)).subdivide().subdivide().subdivide()
    v, f = np.asarray(box.vertices, np.float64), np.asarray(box.faces)
    loose = (np.abs(v[:, :2]) < 0.99).all(1)
    rough = v.copy()
    rough[loose, 2] += np.random.default_rng(0).normal(0, 0.02, int(loose.sum()))
    out = relax_vertices(rough, f, 200, loose)
    assert (out[~loose] == rough[~loose]).all()
    assert np.abs(np.abs(out[loose, 2]) - 0.05).max() < 0.01 < np.abs(np.abs(rough[loose, 2]) - 0.05).max()
    assert (relax_vertices(rough, f, 5, np.zeros(len(v), bool)) == rough).all()


def test_terraces_go_and_neither_a_ball_nor_a_wire_grows_thin():
    x, y, z = np.meshgrid(*(np.arange(48.0) - 23.5,) * 3, indexing="ij")
    away = np.sqrt(x * x + y * y + z * z)
    v, f = marching_tetrahedra(-(away < 20).astype(np.float32), -0.5)
    out, taubin = (g - 23.5 for g in (constrained_smooth(v, f, 30, 0.45), taubin_smooth(v, f, 10)))
    rough, even, before = (np.linalg.norm(g, axis=1) for g in (v - 23.5, out, taubin))
    assert even.std() < 0.6 * before.std() < rough.std() and abs(even.mean() - rough.mean()) < 0.02
    normals = [trimesh.Trimesh(g, f, process=False).vertex_normals for g in (out, taubin)]
    along, rough_along = (
        1 - (n * g / np.linalg.norm(g, axis=1, keepdims=True)).sum(1) for n, g in zip(normals, (out, taubin))
    )
    assert along.mean() < 0.25 * rough_along.mean()
    wire = ((np.abs(x) < 1) & (np.abs(y) < 1) & (np.abs(z) < 20)).astype(np.float32)
    v, f = marching_tetrahedra(-wire, -0.5)
    volumes = [trimesh.Trimesh(g, f, process=False).volume for g in (v, constrained_smooth(v, f, 30, 0.45))]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.1)
    assert np.linalg.norm(constrained_smooth(v, f, 30, 0.45) - v, axis=1).max() < 0.9
    assert (constrained_smooth(v, f, 0, 0.45) == v).all()
