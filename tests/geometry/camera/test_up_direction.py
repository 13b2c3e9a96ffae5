"""The up direction of simulated captures with pitch and roll jitter, in an arbitrary world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import look_at, orbit_cameras
from scipy.spatial.transform import Rotation

from lift3d.geometry.camera.up_direction import estimate_up, forward_direction, up_direction
from lift3d.types import Camera


def capture(
    seed: int,
    count: int,
    arc: float,
    heights: tuple[float, ...],
    roll: float = 2.5,
    quarter: int = 0,
    mixed: float = 0.0,
    stray: float = 0.0,
) -> tuple[list[Camera], np.ndarray]:
    """Cameras on an arc (degrees) around the origin at several elevations, and the true up direction.

    roll: standard deviation in degrees; quarter: quarter turns of all photos, mixed: fraction with one more; stray: fraction
    held at any angle up to 60 degrees.
    """
    rng = np.random.default_rng(seed)
    world = Rotation.from_rotvec(rng.normal(size=3)).as_matrix()
    out = []
    for k in range(count):
        azimuth = np.radians(arc * k / count) + rng.normal(0, 0.05)
        height = np.radians(heights[k % len(heights)] + rng.uniform(-4, 4))
        centre = 3 * np.array(
            [np.cos(height) * np.cos(azimuth), np.cos(height) * np.sin(azimuth), np.sin(height)]
        )
        camera = look_at(centre, rng.normal(0, 0.08, 3))
        turn = rng.normal(0, roll) if rng.random() >= stray else rng.uniform(-60, 60)
        turn += 90 * (quarter + (rng.random() < mixed))
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(turn)]).as_matrix()
        inverse = np.eye(4)
        inverse[:3, :3] = world.T
        out.append(replace(camera, world_to_camera=pose @ camera.world_to_camera @ inverse))
    return out, world[:, 2]


def lean(found: np.ndarray, up: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(found @ up, -1, 1))))


CAPTURES = {
    "three rings": (26, 360, (15.0, 33.0, 52.0)),
    "one ring": (24, 360, (20.0,)),
    "from above": (24, 360, (60.0,)),
    "level": (24, 360, (0.0,)),
    "a third of a ring": (16, 120, (25.0,)),
    "a third of three rings": (26, 120, (15.0, 33.0, 52.0)),
    "half a ring": (16, 180, (45.0,)),
    "200 degrees": (20, 200, (30.0,)),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_up_is_within_three_degrees(name: str) -> None:
    count, arc, heights = CAPTURES[name]
    for seed in range(3):
        cameras, up = capture(seed, count, arc, heights)
        found = up_direction(cameras)
        assert lean(found.direction, up) < 3 and found.error < 3
        assert (found.turns == 0).all()


@pytest.mark.parametrize("name", ["three rings", "a third of three rings", "200 degrees"])
@pytest.mark.parametrize("quarter, mixed", [(1, 0.0), (3, 0.0), (0, 0.4)])
def test_portrait_photos_are_recognised(name: str, quarter: int, mixed: float) -> None:
    """All photos held upright, either way, or some of them: by 90 degrees the mean up direction would be wrong."""
    count, arc, heights = CAPTURES[name]
    for seed in range(3):
        cameras, up = capture(seed, count, arc, heights, quarter=quarter, mixed=mixed)
        found = up_direction(cameras)
        assert lean(found.direction, up) < 3
        assert set(found.turns.tolist()) == ({0, 1} if mixed else {quarter})


def test_photos_held_anyhow_are_outliers() -> None:
    for seed in range(3):
        cameras, up = capture(seed, 24, 200, (20.0, 40.0), stray=0.2)
        assert lean(estimate_up(cameras), up) < 3


def test_the_axis_of_a_turntable_is_up_for_a_camera_held_at_a_slant() -> None:
    slant = np.eye(4)
    slant[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(13)]).as_matrix()
    base = slant @ look_at((0, -3, 1.4), (0, 0, 0.2)).world_to_camera
    cameras = []
    for angle in np.radians(np.arange(0, 120, 15)):
        spin = np.eye(4)
        spin[:3, :3] = Rotation.from_rotvec([0, 0, angle]).as_matrix()
        cameras.append(replace(look_at((0, -3, 1), (0, 0, 0)), world_to_camera=base @ spin))
    found = up_direction(cameras)
    assert found.fixed_axis and lean(found.direction, np.array([0, 0, 1.0])) < 0.01


def test_an_arc_over_the_top_does_not_lie_on_its_side() -> None:
    """Cameras from the front over the top: their common axis is the side of the photos."""
    cameras = [
        look_at((0, -3 * np.cos(a), 3 * np.sin(a)), (0, 0, 0)) for a in np.radians(np.linspace(5, 80, 9))
    ]
    assert lean(estimate_up(cameras), np.array([0, 0, 1.0])) < 50
    assert abs(estimate_up(cameras)[0]) < 0.1


def test_a_single_camera_and_one_that_looks_down() -> None:
    camera = look_at((0, -3, 0), (0, 0, 0))
    found = up_direction([camera])
    assert lean(found.direction, np.array([0, 0, 1.0])) < 1 and found.error > 10
    np.testing.assert_allclose(forward_direction(camera, np.array([0, 0, 1.0])), [0, 1, 0], atol=1e-9)
    down = look_at((0, 0, 3), (0, 0, 0), up=(0, 1, 0))
    np.testing.assert_allclose(forward_direction(down, np.array([0, 0, 1.0])), [0, 1, 0], atol=1e-9)


def test_up_of_photos_rolled_by_half_a_turn_each_other_time() -> None:
    """The mean up direction cancels; the level axes do not."""
    cameras = []
    for k, camera in enumerate(orbit_cameras(8)):
        roll = np.diag([-1.0, -1, 1, 1]) if k % 2 else np.eye(4)
        cameras.append(replace(camera, world_to_camera=roll @ camera.world_to_camera))
    up = estimate_up(cameras)
    assert up @ [0, 0, 1] > 0.999 and np.linalg.norm(up) == pytest.approx(1)


def test_gravity_in_the_photos_decides_where_they_agree() -> None:
    """All photos rolled by 25 degrees: their level axes lean, and gravity does not."""
    cameras, up = capture(0, 9, 120, (25.0,))
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_rotvec([0, 0, np.radians(25)]).as_matrix()
    cameras = [replace(c, world_to_camera=turned @ c.world_to_camera) for c in cameras]
    stated: list[tuple[float, float, float] | None] = [tuple((c.R @ -up).tolist()) for c in cameras]
    stated[2], stated[4] = None, (1.0, 0.0, 0.0)
    assert lean(estimate_up(cameras), up) > 5
    found = up_direction(cameras, stated)
    assert found.measured and lean(found.direction, up) < 1e-5 and found.error <= 1
    assert not up_direction(cameras, stated[:2]).measured
    contradicting = [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)] * 3
    assert not up_direction(cameras, contradicting).measured
