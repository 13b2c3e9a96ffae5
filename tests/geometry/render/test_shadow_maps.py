"""Shadows by depth maps against rays traced one by one."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import unproject
from lift3d.geometry.mesh.bvh import build_bvh, first_hit
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.lights import Environment, Lighting, PointLight, Sun
from lift3d.geometry.render.renderer import render

SUN = (0.4, -0.3, 0.9)


def scene(mesh, size=160, eye=(1.5, -4, 3.5)):
    return drawable(mesh, crease=0), look_at(np.array(eye), np.zeros(3), size, size, 1.1 * size)


def light_of(ready, camera, lighting):
    """(H, W) linear red of white material: what of the light arrives."""
    shot = render(ready, camera, 1, background=(0, 0, 0), lighting=lighting)
    return (shot.rgb[..., 0] / 255.0) ** 2.2, shot


def table():
    floor, top = trimesh.creation.box((6, 6, 0.2)), trimesh.creation.box((1.2, 0.8, 0.15))
    floor.apply_translation([0, 0, -0.6])
    top.apply_translation([0, 0, 0.6])
    leg = trimesh.creation.box((0.15, 0.15, 1.2))
    mesh = trimesh.util.concatenate([floor, top, leg])
    mesh.visual.face_colors = [255, 255, 255, 255]
    return mesh


@pytest.mark.parametrize("lamp", ["sun", "point outside", "point inside"])
def test_shadows_are_where_rays_are_stopped(lamp):
    """Twin: a ray from each pixel's point to the light. They agree but for the soft edges' few pixels."""
    ready, camera = scene(table())
    place = np.array([1.5, -1.0, 3.0]) if lamp != "point outside" else np.array([4, -4, 12.0])
    strength = float((place**2).sum())
    if lamp == "sun":
        lighting = Lighting((Sun(SUN),))
    else:
        lighting = Lighting((), (PointLight(tuple(place), (strength,) * 3),))
    value, shot = light_of(ready, camera, lighting)
    free, _ = light_of(ready, camera, lighting.without_shadows())
    p = unproject(camera, shot.depth.z)
    n = shot.depth.normals @ camera.R
    to = np.broadcast_to(np.array(SUN) / np.linalg.norm(SUN), p.shape) if lamp == "sun" else place - p
    tree = build_bvh(ready.v, ready.f)
    lit = np.zeros(shot.mask.shape, bool)
    for i, j in zip(*np.nonzero(shot.mask)):
        o, d = p[i, j] + 1e-5 * n[i, j], to[i, j]
        reach = np.inf if lamp == "sun" else 1.0
        lit[i, j] = n[i, j] @ d > 0 and first_hit(*tree, *o, *d, 0.0, reach)[1] < 0
    facing = shot.mask & (free > 0.02)
    share = value[facing] / free[facing]
    assert lit[facing].mean() > 0.5 and (~lit[facing]).mean() > 0.02
    wrong = np.abs(share - lit[facing]) > 0.5
    assert wrong.mean() < 0.02
    assert (share[lit[facing]] > 0.98).mean() > 0.95  # edges are soft, the rest has no acne


@pytest.mark.parametrize(
    "mesh", [trimesh.creation.icosphere(2), trimesh.creation.box(), trimesh.creation.cylinder(1, 2)]
)
def test_a_convex_thing_has_no_shadow_on_itself(mesh):
    """No acne, no facets along the terminator: light with shadows is light without."""
    mesh.visual.face_colors = [255, 255, 255, 255]
    for crease in (0.0, 40.0):
        ready = drawable(mesh, crease)
        for eye in ((3, -3, 1.0), (-2, 3, 2.5)):
            camera = look_at(np.array(eye), np.zeros(3), 120, 120, 140.0)
            for lighting in (
                Lighting((Sun((1, -0.4, 0.5)),)),
                Lighting((), (PointLight((6, -3, 4), (60,) * 3),)),
            ):
                value, _ = light_of(ready, camera, lighting)
                free, _ = light_of(ready, camera, lighting.without_shadows())
                assert np.abs(value - free).mean() < 2e-3 and np.quantile(np.abs(value - free), 0.99) < 0.06


def test_hollows_get_less_of_the_surroundings():
    """Under a plate it is darker than on it; a lone ball looks as it does without."""
    lighting = Lighting((), (), Environment.from_colours((1, 1, 1), (0, 0, 0), True))
    ready, camera = scene(table())
    value, shot = light_of(ready, camera, lighting)
    p = unproject(camera, shot.depth.z)
    floor = shot.mask & (np.abs(p[..., 2] + 0.5) < 0.01)
    near = floor & (np.abs(p[..., 0]) < 0.4) & (np.abs(p[..., 1]) < 0.3)
    far = floor & (np.abs(p[..., :2]).max(-1) > 2)
    assert value[near].mean() < 0.7 * value[far].mean() and value[far].mean() > 0.85
    ball = trimesh.creation.icosphere(3)
    ready, camera = scene(ball)
    value, _ = light_of(ready, camera, lighting)
    free, _ = light_of(ready, camera, lighting.without_shadows())
    assert np.abs(value - free).mean() < 5e-3
