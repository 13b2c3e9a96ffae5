"""Inside votes against analytic solids with holes, doubled, flipped and intersecting faces; and against a slow twin."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.voxels.inside_test import inside_mask, line_directions

N = 64


def grid(v):
    step = float(np.ptp(v, axis=0).max()) / (N - 4)
    origin = (v.min(0) + v.max(0)) / 2 - step * (N - 1) / 2
    return origin, step, origin + step * np.stack(np.meshgrid(*[np.arange(N)] * 3, indexing="ij"), -1)


def votes(v, f):
    origin, step, points = grid(v)
    return inside_mask(v, np.asarray(f, np.int32), origin, step, (N, N, N)), points


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@pytest.fixture(scope="module")
def ball():
    mesh = trimesh.creation.icosphere(4, 0.8)
    return np.array(mesh.vertices), np.array(mesh.faces)


def in_ball(p):
    return (p**2).sum(-1) < 0.64


def test_closed_solids_are_exact_but_for_rounding(ball):
    got, p = votes(*ball)
    assert iou(got, in_ball(p)) > 0.985
    box = trimesh.creation.box((1.0, 0.7, 0.4))
    got, p = votes(np.array(box.vertices), box.faces)
    assert (got == (np.abs(p) < [0.5, 0.35, 0.2]).all(-1)).all()


def test_the_inside_of_a_ring_and_of_a_cup_stay_outside():
    ring = trimesh.creation.torus(0.7, 0.2, major_sections=64)
    got, p = votes(np.array(ring.vertices), ring.faces)
    assert iou(got, (np.hypot(p[..., 0], p[..., 1]) - 0.7) ** 2 + p[..., 2] ** 2 < 0.04) > 0.96
    profile = np.array([[0, 0], [0.4, 0], [0.4, 1], [0.3, 1], [0.3, 0.1], [0, 0.1]])
    cup = trimesh.creation.revolve(profile, sections=64)
    got, p = votes(np.array(cup.vertices), cup.faces)
    assert not got[(np.hypot(p[..., 0], p[..., 1]) < 0.25) & (p[..., 2] > 0.2)].any()


@pytest.mark.parametrize("damage", ["holes", "turned", "doubled", "shells", "loose"])
def test_damage_of_game_meshes(ball, damage):
    v, f = ball
    rng = np.random.default_rng(0)
    if damage == "holes":
        centre = v[f].mean(1)
        f = f[
            (np.linalg.norm(centre - [0.8, 0, 0], axis=1) > 0.2)
            & (np.linalg.norm(centre - [0, 0, 0.8], axis=1) > 0.15)
        ]
    elif damage == "turned":
        f = np.where(rng.random(len(f))[:, None] < 0.4, f[:, ::-1], f)
    elif damage == "doubled":
        f = np.concatenate([f, f[rng.random(len(f)) < 0.5][:, ::-1]])
    elif damage == "shells":
        f, v = np.concatenate([f, f[:, ::-1] + len(v)]), np.concatenate([v, 0.995 * v])
    else:
        v, f = v[f].reshape(-1, 3), np.arange(3 * len(f)).reshape(-1, 3)
    got, p = votes(v, f)
    assert iou(got, in_ball(p)) > 0.97


def test_parts_that_cross_are_joined_and_a_missing_floor_is_filled():
    a = trimesh.creation.icosphere(3, 0.6)
    b = trimesh.creation.icosphere(3, 0.6)
    b.apply_translation([0.5, 0, 0])
    v, f = (
        np.concatenate([a.vertices, b.vertices]),
        np.concatenate([a.faces, b.faces[:, ::-1] + len(a.vertices)]),
    )
    got, p = votes(v, f)
    truth = ((p**2).sum(-1) < 0.36) | (((p - [0.5, 0, 0]) ** 2).sum(-1) < 0.36)
    assert iou(got, truth) > 0.95
    box = trimesh.creation.box((1, 1, 1))
    got, p = votes(np.array(box.vertices), box.faces[box.face_normals[:, 2] > -0.5])
    assert iou(got, (np.abs(p) < 0.5).all(-1)) > 0.97


def test_a_sheet_has_no_inside():
    got, _ = votes(
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.3], [0, 1, 0.3]]), np.array([[0, 1, 2], [0, 2, 3]])
    )
    assert not got.any()


@pytest.mark.slow
def test_axis_lines_equal_a_slow_twin(ball):
    """Parity along x, y and z of single points, by the formula for a ray and a triangle (Moeller & Trumbore 1997)."""
    v, f = ball
    origin, step, p = grid(v)
    rng = np.random.default_rng(1)
    for i, j, k in rng.integers(2, N - 2, (12, 3)):
        odd = 0
        for line in line_directions(0):
            a, e, g = v[f[:, 0]], v[f[:, 1]] - v[f[:, 0]], v[f[:, 2]] - v[f[:, 0]]
            h = np.cross(line, g)
            det = (e * h).sum(1)
            with np.errstate(all="ignore"):
                s = p[i, j, k] + 1e-6 - a
                u = (s * h).sum(1) / det
                q = np.cross(s, e)
                w = (q * line).sum(1) / det
                t = (q * g).sum(1) / det
            odd += int(((u > 0) & (w > 0) & (u + w < 1) & (t > 0)).sum()) % 2
        alone = inside_mask(v, f.astype(np.int32), origin, step, (N, N, N), oblique=0)
        assert alone[i, j, k] == (odd >= 2)


def test_same_bytes_again(ball):
    assert (votes(*ball)[0] == votes(*ball)[0]).all()
