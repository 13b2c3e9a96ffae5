"""The support plane: a table under an object, and the floor of a room for any orientation of the photos."""

from __future__ import annotations

import numpy as np
import pytest
from box_room import arc, look_at, measured, rectangles, rolled
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import orbit_cameras

from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.camera.up_direction import estimate_up, up_direction
from lift3d.geometry.fusion.fuse import sample_measured_points
from lift3d.geometry.fusion.support_plane import (
    allowed_tilt,
    find_floor,
    find_support_plane,
    lowest_level,
    resting_plane,
)
from lift3d.maps.depths_to_mesh import DepthsToMesh
from lift3d.types import Camera, DepthMaps, Image, Points, Views

SCENE = rectangles()
UP = np.array([0.0, 0.0, 1.0])


def maps(cameras: list[Camera], scene=SCENE, noise: float = 0.002) -> DepthMaps:
    depths = tuple(measured(c, scene, noise, seed=i) for i, c in enumerate(cameras))
    images = tuple(Image(np.zeros((c.height, c.width, 3), np.uint8)) for c in cameras)
    views = Views(images, tuple(cameras), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))
    return DepthMaps(views, depths)


def small(cameras: list[Camera], share: float = 0.3) -> list[Camera]:
    return [resize_camera(c, round(400 * share), round(300 * share)) for c in cameras]


def tilt(direction: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(direction @ UP, -1, 1))))


ROLLS = {
    "level": [0] * 8,
    "slanted": [35] * 8,
    "slanted the other way": [-50] * 8,
    "each otherwise": [20, -30, 10, 40, -5, 25, 0, 15],
    "on the left side": [90] * 8,
    "on the right side": [-90] * 8,
    "on the side and slanted": [80, 95, 85, 100, 90, 92, 84, 97],
}


@pytest.mark.parametrize("how", ROLLS)
def test_the_floor_is_down_however_the_photos_were_held(how):
    cameras = [rolled(c, roll) for c, roll in zip(small(arc(8)), ROLLS[how])]
    floor = find_floor(sample_measured_points(maps(cameras), 40_000), cameras)
    assert floor is not None and tilt(floor.normal) < 0.3
    slanted = how.startswith("slanted")
    assert (
        tilt(estimate_up(cameras)) > 15
    ) == slanted  # a slant that all photos share is not seen in the cameras


@pytest.mark.slow
@pytest.mark.parametrize("roll", [0, 40])
def test_a_scene_stands_upright_on_its_floor(roll):
    cameras = [rolled(c, roll) for c in small(arc(8), 0.45)]
    surface = DepthsToMesh("scene", faces=4000, nodes=1_000_000)(maps(cameras))
    mesh, frame = surface.mesh, surface.world_from_model
    assert tilt(frame[:3, 2]) < 0.3
    level = mesh.face_normals[:, 2] > 0.95
    height = mesh.triangles_center[level, 2] + frame[2, 3]
    on_floor = np.abs(height) < 0.03
    assert mesh.area_faces[level][on_floor].sum() > 0.25 * mesh.area


@pytest.mark.slow
def test_flat_ground_alone_is_kept():
    """Exactly flat: upright, the box of its points has no height at all."""
    cameras = small(arc(8))
    surface = DepthsToMesh("scene", faces=3000)(maps(cameras, SCENE[:1], noise=0.0))
    mesh, frame = surface.mesh, surface.world_from_model
    assert tilt(frame[:3, 2]) < 0.3
    assert np.quantile(np.abs(np.asarray(mesh.vertices)[:, 2] + frame[2, 3]), 0.9) < 0.04  # two cells
    assert 20 < mesh.area < 42


@pytest.mark.slow
def test_without_a_floor_the_photos_say_what_is_up():
    walls = SCENE[1:3]
    cameras = small(arc(8))
    points = sample_measured_points(maps(cameras, walls), 40_000)
    assert find_floor(points, cameras) is None
    surface = DepthsToMesh("scene", faces=4000, nodes=200_000)(maps(cameras, walls))
    frame = surface.world_from_model
    assert np.allclose(frame[:3, 2], estimate_up(cameras))


def test_a_wall_beside_a_level_corridor_is_no_floor():
    """Looking along a wall, level: its normal is the side of every photo, but the floor is there as well."""
    cameras = [look_at((-2.2, -2.5 + 0.4 * k, 1.2), (-2.4, 3, 0.9), 120, 90, 80.0) for k in range(6)]
    floor = find_floor(sample_measured_points(maps(cameras), 40_000), cameras)
    assert floor is not None and tilt(floor.normal) < 0.3


def _table_and_ball(rng, noise=0.002):
    table = np.concatenate([rng.uniform(-1.5, 1.5, (3000, 2)), rng.normal(0, noise, (3000, 1))], 1)
    n = rng.normal(size=(2000, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    ball = 0.5 * n + [0, 0, 0.5] + rng.normal(0, noise, (2000, 3))
    normals = np.concatenate([np.broadcast_to([0, 0, 1.0], (3000, 3)), n]).astype(np.float32)
    return np.concatenate([table, ball]), normals


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000))
def test_the_table_is_found_and_the_ball_is_above_it(seed):
    rng = np.random.default_rng(seed)
    xyz, normals = _table_and_ball(rng)
    cameras = orbit_cameras(10)
    centres = np.array([c.centre for c in cameras])
    plane = find_support_plane(xyz, normals, centres, np.array([0.1, 0, 0.995]), 1.2, seed)
    assert plane is not None
    assert plane.normal @ [0, 0, 1] > 0.9999 and abs(plane.offset) < 0.004
    above = plane.height(xyz) > 0.03
    assert (above == (xyz[:, 2] > 0.03)).mean() > 0.995 and not above[:3000].any()
    assert plane.fraction == pytest.approx(0.6, abs=0.05) and plane.noise == pytest.approx(0.002, rel=0.3)


def test_no_plane_in_a_ball_alone_nor_above_the_cameras():
    rng = np.random.default_rng(0)
    xyz, normals = _table_and_ball(rng)
    cameras = orbit_cameras(10)
    centres = np.array([c.centre for c in cameras])
    assert find_support_plane(xyz[3000:], normals[3000:], centres, np.array([0, 0, 1.0]), 1.2) is None
    assert find_support_plane(xyz + [0, 0, 5], normals, centres, np.array([0, 0, 1.0]), 1.2) is None


def test_a_facade_is_no_table_where_up_is_known():
    """A wall behind the object: a leaning up direction and a wide search would take it."""
    rng = np.random.default_rng(0)
    wall = np.concatenate(
        [rng.uniform(-1.5, 1.5, (3000, 1)), rng.normal(0, 0.002, (3000, 1)), rng.uniform(0, 2, (3000, 1))], 1
    )
    normals = np.broadcast_to([0, -1.0, 0], (3000, 3)).astype(np.float32)
    cameras = [look_at((4 * np.sin(a), -4 * np.cos(a), 1.6), (0, 0, 1.4)) for a in np.linspace(-1, 1, 9)]
    centres = np.array([c.centre for c in cameras])
    leaning = np.array([0, -0.5, 0.85])
    assert find_support_plane(wall, normals, centres, leaning, 1.2) is not None
    up = up_direction(cameras)
    assert allowed_tilt(up) < 30
    assert find_support_plane(wall, normals, centres, up.direction, 1.2, tilt=allowed_tilt(up)) is None


def test_a_masked_object_rests_on_its_lowest_points():
    rng = np.random.default_rng(0)
    up = np.array([0.0, 0.6, 0.8])
    xyz = rng.uniform(-1, 1, (5000, 3))
    xyz -= np.outer(xyz @ up, up) - np.outer(rng.uniform(2, 3, 5000), up)
    plane = resting_plane(xyz, up, 9 * up + rng.normal(0, 1, (8, 3)))
    assert plane is not None and np.allclose(plane.normal, up)
    assert 2.0 < plane.offset < 2.01 and plane.noise < 0.01
    assert resting_plane(xyz, up, np.array([9 * up, 1.5 * up])) is None


@pytest.mark.parametrize("foot", ["straight", "legs"])
def test_the_lowest_level_is_above_the_few_points_of_a_plates_rim(foot: str) -> None:
    """A body of height 1 on z = 0, or legs with 4 % of its points, and at most 1 % of the points on a rim and noise below."""
    rng = np.random.default_rng(1)
    if foot == "legs":
        body = np.concatenate([rng.uniform(0, 0.4, 1600), rng.uniform(0.4, 1, 38_400)])
    else:
        body = rng.uniform(0, 1, 40_000)
    body += rng.normal(0, 0.002, len(body))
    clean = lowest_level(body)
    rim = rng.uniform(-0.15, 0.0, 40 if foot == "legs" else 400)
    assert abs(clean) < 0.012 and abs(lowest_level(np.concatenate([body, rim]))) < 0.012
