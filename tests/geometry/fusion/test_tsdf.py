"""The signed field against exact balls, and its solver against a slow twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from scenes import exact_maps, look_at, orbit_views

from lift3d.geometry.camera.projection import pixel_rays
from lift3d.geometry.fusion.membrane_solver import (
    HALF_WEIGHT,
    blocks_near_surface,
    prolong,
    relax,
    solve_membrane,
)
from lift3d.geometry.fusion.tsdf import (
    BIAS,
    BLANK_LOOK,
    FREE_ODDS,
    FREE_WEIGHT,
    HIDDEN,
    HIDDEN_WEIGHT,
    MIN_BASELINE_COSINE,
    MIN_COSINE,
    PRIOR_WEIGHT,
    PROVED_FREE,
    THROUGH_TO_OBJECT,
    TsdfIntegrator,
    assume_solid_below,
)
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import Depth


@pytest.fixture(scope="module")
def field():
    maps = exact_maps(orbit_views(14), 1.0)
    return TsdfIntegrator(maps, [np.ones(m.z.shape, np.int8) for m in maps])


def slow_value(maps, x, reach):
    """Value and weight of one point, as the docstring of the module reads."""
    total = weight = free = odds = hidden = looks = 0.0
    through = []
    for m in maps:
        c = m.camera
        p = c.R @ x + c.t
        u, v = int(np.floor(c.fx * p[0] / p[2] + c.cx)), int(np.floor(c.fy * p[1] / p[2] + c.cy))
        if not (0 <= u < c.width and 0 <= v < c.height):
            continue
        looks += 1
        if m.z[v, u] <= 0:
            odds += BLANK_LOOK
            continue
        z = m.z[v, u]
        q = np.array([(u + 0.5 - c.cx) / c.fx, (v + 0.5 - c.cy) / c.fy, 1]) * z
        d = m.normals[v, u] @ (p - q)
        behind = p[2] - z
        ray = (x - c.centre) / np.linalg.norm(x - c.centre)
        if behind < -3 * reach:
            free, odds = free + m.confidence[v, u], odds + THROUGH_TO_OBJECT * m.confidence[v, u]
            through.append(ray)
        elif behind > 3 * reach:
            hidden += HIDDEN
        elif -m.normals[v, u, 2] < MIN_COSINE:
            continue
        elif d > reach and behind < 0:
            free += m.confidence[v, u]
            through.append(ray)
        elif d > -reach:
            a = m.confidence[v, u] * -m.normals[v, u, 2] * (1 + 0.7 * d / reach if d < 0 else 1)
            total, weight = total + a * min(d / reach, 1), weight + a
    inside = odds + BIAS + hidden * 24 / max(looks, 1)
    apart = min((through[0] @ other for other in through[1:]), default=1.0)
    proved = free >= PROVED_FREE and apart <= MIN_BASELINE_COSINE
    empty = FREE_WEIGHT * free if proved or weight > 0 or inside <= FREE_ODDS else 0.0
    solid = 0.0
    if empty == 0 and inside > 0:
        solid = HIDDEN_WEIGHT * inside
    elif empty == 0 and looks:
        empty = -HIDDEN_WEIGHT * inside
    whole = weight + empty + solid
    return (total + empty - solid) / whole if whole else 0.0, whole


def test_integration_equals_its_slow_twin(field):
    maps = exact_maps(orbit_views(14), 1.0)
    low, step, shape, reach = np.array([-0.7, -0.7, 0.05]), 0.11, (13, 13, 11), 0.15
    f, w = field.integrate(low, step, shape, reach)
    rng = np.random.default_rng(0)
    same = 0
    for _ in range(200):
        i = tuple(int(rng.integers(n)) for n in shape)
        value, weight = slow_value(maps, low + step * np.array(i), reach)
        same += bool(np.isclose(f[i], value, atol=2e-3) and np.isclose(w[i], weight, atol=2e-2))
    assert same >= 196  # a node on a pixel's border may round to the neighbouring pixel in single precision


def test_a_ball_comes_back_round(field):
    low, step = np.array([-0.65, -0.65, 0.06]), 0.04
    f, w = field.integrate(low, 2 * step, (17, 17, 16), 0.16)
    phi = solve_membrane(f, w, 0.04)
    active = blocks_near_surface(phi)
    phi = prolong(phi)
    f, w = field.integrate(low, step, phi.shape, 0.12, active)
    relax(phi, f, w, 0.04, 14, active, over=1.3)
    v, faces = marching_tetrahedra(phi)
    v = low + step * v
    parts = trimesh.Trimesh(v, faces, process=False).split()
    ball = max(parts, key=lambda m: m.volume)
    r = np.linalg.norm(ball.vertices - [0, 0, 0.5], axis=1)
    seen = ball.vertices[:, 2] > 0.4
    assert ball.is_watertight and ball.volume > 0
    assert np.abs(r[seen] - 0.5).mean() < 0.006 and np.abs(r[seen] - 0.5).max() < 0.03


def test_solver_reaches_the_minimum():
    """On a small grid the sweeps end where a direct solve of the normal equations does."""
    rng = np.random.default_rng(1)
    shape = (7, 6, 8)
    f = rng.uniform(-1, 1, shape).astype(np.float32)
    w = (rng.random(shape) < 0.4).astype(np.float32) * 2
    smooth = 0.3
    n = f.size
    index = np.arange(n).reshape(shape)
    A, b = np.zeros((n, n)), np.zeros(n)
    a = w / (w + HALF_WEIGHT)
    A[np.arange(n), np.arange(n)] += a.ravel()
    b += (a * f).ravel()
    for axis in range(3):
        p, q = (
            np.take(index, range(shape[axis] - 1), axis).ravel(),
            np.take(index, range(1, shape[axis]), axis).ravel(),
        )
        for i, j in zip(p, q):
            A[i, i] += smooth
            A[j, j] += smooth
            A[i, j] -= smooth
            A[j, i] -= smooth
    phi = relax(np.zeros(shape, np.float32), f, w, smooth, 400, over=1.0)
    np.testing.assert_allclose(phi.ravel(), np.linalg.solve(A, b), atol=2e-4)


@pytest.mark.slow
def test_multigrid_spans_what_is_unseen_as_a_direct_solve_does():
    """A cup whose inside is known only near its wall: coarse grids alone would leave it empty."""
    from scipy.sparse import coo_array, eye_array
    from scipy.sparse.linalg import spsolve

    shape = (25, 23, 27)
    x = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1) - np.array([12, 11, 13])
    d = np.linalg.norm(x, axis=-1) - 9
    known = (np.abs(d) < 1.5) & (x[..., 2] > -4) | (d > 1.5) & (x[..., 2] > -4)
    f = np.clip(d / 1.5, -1, 1).astype(np.float32)
    w = np.where(known, 3, 0).astype(np.float32)
    phi = solve_membrane(f, w, 0.04, cycles=12)
    n, index = f.size, np.arange(f.size).reshape(shape)
    a = (w / (w + HALF_WEIGHT)).ravel()
    pairs = [
        (np.take(index, range(m - 1), axis).ravel(), np.take(index, range(1, m), axis).ravel())
        for axis, m in enumerate(shape)
    ]
    p, q = (np.concatenate(side) for side in zip(*pairs))
    one = np.full(len(p), 0.04)
    graph = coo_array((np.r_[one, one, -one, -one], (np.r_[p, q, p, q], np.r_[p, q, q, p])), (n, n))
    exact = spsolve((eye_array(n).multiply(a[:, None]) + graph).tocsc(), a * f.ravel()).reshape(shape)
    assert np.abs(phi - exact).max() < 0.02
    assert exact[12, 11, 13] < -0.5 and phi[12, 11, 13] < -0.5


def test_empty_space_that_no_look_can_reach_is_forgotten(field):
    origin, step, shape = np.array([-0.8, -0.8, 0.02]), 0.05, (33, 33, 25)
    f, w = field.integrate(origin, step, shape, 0.15)
    before, weights = f.copy(), w.copy()
    assert field.clear_enclosed(f, w, origin, step) == 0
    middle = (16, 16, slice(8, 11))  # deep in the ball, measured too far by one photo
    f[middle], w[middle] = 1.0, 0.25
    assert field.clear_enclosed(f, w, origin, step) == 3
    assert (f[middle] == 0).all() and (w[middle] == 0).all()
    f[middle], w[middle] = before[middle], weights[middle]
    np.testing.assert_array_equal(f, before)


def test_what_a_camera_stands_in_is_empty_even_if_enclosed(field):
    centre = -field.pose[0, :, :3].T @ field.pose[0, :, 3]
    f, w = np.zeros((9, 9, 9), np.float32), np.zeros((9, 9, 9), np.float32)
    f[4, 4, 4], w[4, 4, 4] = 1.0, 0.25
    assert field.clear_enclosed(f.copy(), w.copy(), centre - 4 * 0.05, 0.05) == 0
    assert field.clear_enclosed(f.copy(), w.copy(), centre + 9.0, 0.05) == 1


def test_the_unseen_stands_below_what_was_measured():
    f, w = np.zeros((12, 12, 10), np.float32), np.zeros((12, 12, 10), np.float32)
    f[4:8, 4:8, 6], w[4:8, 4:8, 6] = -1.0, 1.0  # a roof, seen from above
    f[4:8, 4:8, 7:], w[4:8, 4:8, 7:] = 1.0, 1.0
    f[5, 5, 2], w[5, 5, 2] = 0.7, 0.5
    assume_solid_below(f, w)
    assert (f[4:8, 4:8, :6] < 0).sum() == 4 * 4 * 6 - 1 and f[5, 5, 2] == np.float32(0.7)
    assert (f[:3] > 0).all() and (f[:, :, 8:] > 0).all()
    assert (w[:3] == PRIOR_WEIGHT).all() and (w[4:8, 4:8, 6] == 1).all()


def test_planes_seen_from_behind_are_no_evidence():
    maps = exact_maps(orbit_views(6), 1.0)
    turned = [replace(m, normals=np.where(m.normals[..., 2:] > -0.5, -m.normals, m.normals)) for m in maps]
    spoiled = TsdfIntegrator(turned, [np.ones(m.z.shape, np.int8) for m in maps])
    f, w = spoiled.integrate(np.array([-0.8, -0.8, 0.02]), 0.05, (33, 33, 25), 0.15)
    assert w.min() >= 0 and np.abs(f).max() <= 1 + 1e-6
    phi = solve_membrane(f, w, 0.06)
    assert np.abs(phi).max() <= 1.05


def plate_on_a_rod(camera, radius=0.45, rod=0.08, height=0.5, thick=0.2):
    """Exact depth map of a thick round plate on a rod on the table z = 0, whose underside no camera from above sees."""
    rays = pixel_rays(camera) @ camera.R
    eye = camera.centre
    best = np.where(rays[..., 2] < 0, -eye[2] / np.where(rays[..., 2] < 0, rays[..., 2], -1), np.inf)
    normal = np.broadcast_to(np.array([0.0, 0.0, 1.0]), rays.shape).copy()
    for r, low, high in ((radius, height, height + thick), (rod, 0.0, height)):
        a, b, c = (rays[..., :2] ** 2).sum(-1), rays[..., :2] @ eye[:2], eye[:2] @ eye[:2] - r * r
        root = b * b - a * c
        t = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
        z = eye[2] + t * rays[..., 2]
        wall = np.isfinite(t) & (t > 0) & (z > low) & (z < high) & (t < best)
        side = eye[:2] + t[..., None] * rays[..., :2]
        best = np.where(wall, t, best)
        normal[wall] = np.concatenate([side[wall] / r, np.zeros((int(wall.sum()), 1))], 1)
        t = np.where(rays[..., 2] < 0, (high - eye[2]) / np.where(rays[..., 2] < 0, rays[..., 2], -1), np.inf)
        lid = (t > 0) & (t < best) & (np.linalg.norm(eye[:2] + t[..., None] * rays[..., :2], axis=-1) < r)
        best = np.where(lid, t, best)
        normal[lid] = [0, 0, 1]
    z = np.where(np.isfinite(best), best, 0).astype(np.float32)
    labels = ((eye + rays * z[..., None])[..., 2] > 0.01).astype(np.int8)
    sure = np.where(z > 0, 0.9, 0).astype(np.float32)
    return Depth(z, camera, (normal @ camera.R.T).astype(np.float32), sure), labels


@pytest.mark.parametrize("wrong", [0, 1])
def test_an_unseen_underside_has_no_caves(wrong):
    """No node deep inside is carved, and the space under the rim, which the cameras see, stays free: also where one photo
    measured a patch of the plate 20 % too deep."""
    cameras = [
        look_at([2.4 * np.cos(a), 2.4 * np.sin(a), 0.9 if i % 2 else 1.9], [0, 0, 0.35], 200, 150, 210)
        for i, a in enumerate(2 * np.pi * np.arange(16) / 16)
    ]
    made = [plate_on_a_rod(camera) for camera in cameras]
    maps, labels = [m for m, _ in made], [x for _, x in made]
    for k in range(wrong):
        z = maps[k].z.copy()
        on = np.argwhere(labels[k] == 1)
        row, column = on[len(on) // 2]
        z[row - 8 : row + 8, column - 8 : column + 8] *= 1.2
        maps[k] = replace(maps[k], z=z)
    low, step, shape = np.array([-0.6, -0.6, 0.0]), 0.025, (49, 49, 33)
    f, w = TsdfIntegrator(maps, labels).integrate(low, step, shape, 0.06)
    assume_solid_below(f, w)
    phi = solve_membrane(f, w, 0.06)
    x = low + step * np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    r, z = np.linalg.norm(x[..., :2], axis=-1), x[..., 2]
    plate = (r < 0.41) & (z > 0.54) & (z < 0.66)
    assert (phi[plate] < 0).all()
    assert (phi[(r < 0.03) & (z > 0.05) & (z < 0.5)] < 0).all()
    assert (phi[(r > 0.35) & (z > 0.05) & (z < 0.3)] > 0).all()


def test_silhouettes_with_a_plate_in_them_do_not_fill_blank_space() -> None:
    """A backdrop's mask has the plate of a turntable in it: where nothing was measured there, nothing is filled."""
    maps = exact_maps(orbit_views(6), 1.0)
    labels = [np.where(m.z > 0, 1, -1).astype(np.int8) for m in maps]
    trusted, backdrop = (TsdfIntegrator(maps, labels, silhouettes=how) for how in (None, False))
    assert trusted.blank == 0 and trusted.hidden > backdrop.hidden
    assert backdrop.blank == BLANK_LOOK and backdrop.hidden == HIDDEN_WEIGHT
