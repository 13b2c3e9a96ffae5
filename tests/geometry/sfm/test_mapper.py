"""Agreement of matches with cameras, and points triangulated from exact matches of known cameras."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import project
from lift3d.geometry.sfm import mapper
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import Pair
from lift3d.types import Camera

POINTS = np.random.default_rng(0).uniform(-0.6, 0.6, (120, 3))


def ring(count: int = 5) -> list[Camera]:
    return [
        look_at(np.array([3 * np.cos(a), 3 * np.sin(a), 1.0]), np.zeros(3), 200, 150, 180.0)
        for a in np.linspace(0, 1.2, count)
    ]


def exact_pairs(cameras: list[Camera]) -> tuple[list[Pair], list[np.ndarray]]:
    index = np.repeat(np.arange(len(POINTS), dtype=np.uint32)[:, None], 2, 1)
    pairs = [Pair(i, j, index) for i in range(len(cameras)) for j in range(i + 1, len(cameras))]
    return pairs, [project(c, POINTS)[0] for c in cameras]


def test_exact_matches_lie_on_their_epipolar_lines() -> None:
    cameras = ring()
    pairs, keypoints = exact_pairs(cameras)
    assert mapper.epipolar_agreement(pairs, keypoints, cameras) == 1
    assert mapper.consistent_photo_fraction(pairs, keypoints, cameras) == 1
    assert mapper.epipolar_agreement([], keypoints, cameras) == 0


def test_matches_off_their_lines_do_not_count() -> None:
    """40 of 120 matches displaced across the epipolar lines of a horizontal baseline."""
    cameras = [look_at(np.array([x, -3.0, 0]), np.array([x, 0.0, 0]), 200, 150, 180.0) for x in (0.0, 0.5)]
    pairs, keypoints = exact_pairs(cameras)
    keypoints[1] = keypoints[1].copy()
    keypoints[1][:40, 1] += 9
    assert mapper.epipolar_agreement(pairs, keypoints, cameras) == pytest.approx(2 / 3)


def test_wrong_cameras_make_photos_inconsistent() -> None:
    cameras = ring()
    pairs, keypoints = exact_pairs(cameras)
    wrong = [*cameras[:4], look_at(np.array([0.5, 0, 3.0]), np.array([0.4, 0.3, 0]), 200, 150, 180.0)]
    assert mapper.consistent_photo_fraction(pairs, keypoints, wrong) == pytest.approx(0.8)
    shuffled = [cameras[k] for k in (3, 0, 4, 1, 2)]
    assert mapper.consistent_photo_fraction(pairs, keypoints, shuffled) < 0.5


def test_few_matches_are_no_evidence() -> None:
    cameras = ring(3)
    pairs, keypoints = exact_pairs(cameras)
    few = [Pair(p.i, p.j, p.matches[: mapper.MIN_MATCHES - 1]) for p in pairs]
    assert mapper.consistent_photo_fraction(few, keypoints, cameras) == 0


@pytest.mark.parametrize(
    "name, params, distortion",
    [
        ("PINHOLE", [90.0, 91.0, 50.0, 40.0], ()),
        ("SIMPLE_RADIAL", [90.0, 50.0, 40.0, 0.1], (0.1, 0, 0, 0)),
        ("RADIAL", [90.0, 50.0, 40.0, 0.1, -0.02], (0.1, -0.02, 0, 0)),
        ("OPENCV", [90.0, 91.0, 50.0, 40.0, 0.1, -0.02, 0.003, 0.004], (0.1, -0.02, 0.003, 0.004)),
    ],
)
def test_lenses_become_cameras(name: str, params: list[float], distortion: tuple[float, ...]) -> None:
    """Projection of the camera read back equals COLMAP's own."""
    from lift3d.geometry.camera.undistort import distort_points

    model = pycolmap.Reconstruction()
    lens = pycolmap.Camera(camera_id=1, model=name, width=100, height=80, params=params)
    model.add_camera_with_trivial_rig(lens)
    truth = look_at(np.array([3.0, 1, 1]), np.zeros(3), 100, 80, 90.0)
    image = pycolmap.Image(name="a", camera_id=1, image_id=1)
    pose = pycolmap.Rigid3d(pycolmap.Rotation3d(truth.R), truth.t)
    model.add_image_with_trivial_frame(image, pose)
    camera = mapper.read_camera(model, 1)
    assert camera.distortion == distortion and (camera.width, camera.height) == (100, 80)
    np.testing.assert_allclose(camera.world_to_camera, truth.world_to_camera, atol=1e-9)
    xyz = POINTS[:10]
    local = xyz @ camera.R.T + camera.t
    normalised = distort_points(local[:, :2] / local[:, 2:], camera.distortion)
    expected = lens.img_from_cam(local)
    np.testing.assert_allclose(
        normalised * [camera.fx, camera.fy] + [camera.cx, camera.cy], expected, atol=1e-6
    )
