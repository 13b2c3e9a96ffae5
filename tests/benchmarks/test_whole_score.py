"""The judge of the whole output is judged: balls with caves, lumps and shells get the scores that formulas give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import trimesh

import whole_score as whole
from lift3d.types import Camera

pytestmark = pytest.mark.slow  # one compiles the kernels, the others take under a second

RADIUS = 0.5 / math.sqrt(3)  # the box of the ball has diagonal 1


def ball(
    radius: float = RADIUS, centre: tuple[float, float, float] = (0, 0, 0), level: int = 3
) -> trimesh.Trimesh:
    mesh = trimesh.creation.icosphere(subdivisions=level, radius=radius)
    mesh.apply_translation(centre)
    return mesh


def with_cave(mesh: trimesh.Trimesh, cave: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh with a closed void: the wall of the void points into it."""
    return trimesh.util.concatenate(
        [mesh, trimesh.Trimesh(cave.vertices, cave.faces[:, ::-1], process=False)]
    )


def scored(output: trimesh.Trimesh, truth: trimesh.Trimesh, **options: Any) -> whole.WholeScore:
    seen = truth.vertices[truth.vertices[:, 2] > 0]
    return whole.whole_score(
        output.vertices, output.faces, truth.vertices, truth.faces, seen,
        **({"samples": 6000, "nodes": 48} | options),
    )  # fmt: skip


def test_the_truth_itself_is_perfect():
    score = scored(ball(), ball())
    assert score.f_1 == score.f_05 == score.iou == score.volume == 1.0
    assert score.inside == score.outside == score.max_inside == score.max_outside == 0.0


def test_a_cave_costs_its_wall_and_its_volume():
    """A spherical void of radius r within the ball: its wall is a fraction r^2 / (R^2 + r^2) of the output's surface."""
    r = 0.15
    score = scored(with_cave(ball(), ball(r)), ball())
    wall = r**2 / (RADIUS**2 + r**2)
    assert abs(score.inside - wall) < 0.01 and score.outside == 0
    assert abs(score.precision_1 - (1 - wall)) < 0.01 and score.recall_1 == 1
    assert abs(score.iou - (1 - (r / RADIUS) ** 3)) < 0.01
    assert abs(score.max_inside - 100 * (RADIUS - r)) < 0.2


def test_a_lump_is_outside_and_a_smaller_ball_is_inside():
    lump = scored(trimesh.util.concatenate([ball(), ball(0.1, (0.5, 0, 0))]), ball())
    share = 0.1**2 / (RADIUS**2 + 0.1**2)
    assert abs(lump.outside - share) < 0.01 and lump.inside == 0
    assert (
        abs(lump.volume - (1 + (0.1 / RADIUS) ** 3)) < 0.01
        and abs(lump.max_outside - 100 * (0.6 - RADIUS)) < 0.2
    )
    small = scored(ball(0.9 * RADIUS), ball())
    assert small.inside == 1.0 and abs(small.iou - 0.9**3) < 0.01 and small.f_1 == 0.0


def test_two_equal_balls_apart_by_a_radius_overlap_share_five_27ths():
    """Two balls of one radius at the distance of a radius share 5/16 of a ball: IoU 5 / 27."""
    score = scored(ball(centre=(RADIUS, 0, 0)), ball())
    assert abs(score.iou - 5 / 27) < 0.01 and abs(score.volume - 1) < 0.01


def test_a_floater_far_away_does_not_coarsen_the_grid():
    score = scored(trimesh.util.concatenate([ball(), ball(0.05, (90, 0, 0))]), ball())
    assert score.iou > 0.99


@pytest.mark.parametrize("shape", [(9, 7, 5), (8, 12, 16), (1, 1, 1)])
def test_blocks_equal_one_test_per_node(shape):
    mesh = with_cave(ball(0.4), ball(0.2, (0.1, 0, 0)))
    low, step = np.array([-0.45, -0.41, -0.4]), 0.07
    points = whole.grid_points(low, step, shape)
    expected = whole.winding_number(mesh.vertices, mesh.faces, points, math.inf) > 0.5
    np.testing.assert_array_equal(
        whole.inside_grid(mesh.vertices, mesh.faces, low, step, shape).ravel(), expected
    )


def test_what_is_no_solid_has_no_iou():
    mesh = ball()
    assert whole.is_solid(mesh.vertices, mesh.faces)
    twice = trimesh.util.concatenate([mesh, ball(0.2, (0.1, 0, 0))])
    assert whole.is_solid(twice.vertices, twice.faces)  # overlapping parts
    half = mesh.faces[mesh.triangles_center[:, 2] < 0.1]
    assert not whole.is_solid(mesh.vertices, half)
    assert not whole.is_solid(mesh.vertices, mesh.faces[:, ::-1])
    open_score = scored(mesh, trimesh.Trimesh(mesh.vertices, half, process=False))
    assert open_score.iou is None and open_score.volume is None and open_score.recall_1 == 1.0


def test_space_that_no_two_cameras_see_is_unknown():
    """Two cameras on the +x axis's side: a lump behind the ball is neither right nor wrong, one before it is wrong."""
    views = [look_at_ball(azimuth) for azimuth in (-0.1, 0.1)]
    behind, before = (
        scored(trimesh.util.concatenate([ball(), ball(0.08, (x, 0, 0))]), ball(), cameras=views) for x in (-0.45, 0.45)
    )  # fmt: skip
    assert max(behind.iou, before.iou) < 0.98 and behind.f_1 == pytest.approx(before.f_1, abs=0.01)
    assert behind.iou_known == 1.0 and behind.f_known == 1.0
    assert before.iou_known == before.iou and before.f_known == before.f_1
    assert behind.outside > 0.05


def look_at_ball(azimuth: float) -> Camera:
    """A camera at distance 3 in the xy plane that looks at the origin."""
    forward = -np.array([math.cos(azimuth), math.sin(azimuth), 0.0])
    down = np.array([0.0, 0.0, -1.0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    pose[:3, 3] = [0, 0, 3]
    return Camera(200, 200, 300.0, 300.0, 100.0, 100.0, pose)
