"""The motion between two frames: known motions are found, by colour where geometry does not suffice, and strangers are
refused."""

import numpy as np
import pytest
from rgbd_frames import frames_of, pose, walk
from scipy.ndimage import gaussian_filter

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.alignment import align
from lift3d.geometry.rgbd.frame_pyramid import prepare
from lift3d.geometry.rgbd.odometry import is_reliable
from lift3d.types import Camera, Depth, Image, RgbdFrame


def _wall(shift: float, texture: bool = True) -> RgbdFrame:
    """A wall at 2 m, seen by a camera that has moved to the right by `shift` metres."""
    camera = Camera(160, 120, 130, 130, 80, 60, np.eye(4))
    x, y = np.meshgrid((np.arange(160) - 79.5) / 130 * 2 + shift, (np.arange(120) - 59.5) / 130 * 2)
    grey = 128 + 40 * np.sin(9 * x + 2 * y) + 40 * np.sin(11 * y - 3 * x) if texture else np.full_like(x, 128)
    pixels = np.repeat(grey[..., None], 3, 2).astype(np.uint8)
    return RgbdFrame(Image(pixels), camera, Depth(np.full((120, 160), 2, np.float32), camera))


@pytest.mark.parametrize("step", [1.0, 4.0, -6.0])
def test_a_known_motion_is_found(step: float) -> None:
    cameras = walk(2, step)
    a, b = (prepare(f) for f in frames_of(cameras))
    found = align(b, a, np.eye(4))
    assert found is not None and is_reliable(found)
    error = se3.log(se3.inverse(np.linalg.inv(pose(cameras[0])) @ pose(cameras[1])) @ found.motion)
    assert np.linalg.norm(error[:3]) < 0.004 and np.linalg.norm(error[3:]) < 0.002


def test_there_and_back_are_inverse() -> None:
    a, b = (prepare(f) for f in frames_of(walk(2, 3.0)))
    forth, back = align(b, a, np.eye(4)), align(a, b, np.eye(4))
    assert forth is not None and back is not None
    assert np.abs(se3.log(forth.motion @ back.motion)).max() < 0.004


def test_colour_fixes_what_a_plane_leaves_open() -> None:
    found = align(prepare(_wall(0.04)), prepare(_wall(0.0)), np.eye(4))
    assert found is not None and is_reliable(found)
    assert np.allclose(found.motion[:3, 3], [0.04, 0, 0], atol=0.002)


def test_a_plain_wall_is_not_reliable() -> None:
    found = align(prepare(_wall(0.04, texture=False)), prepare(_wall(0.0, texture=False)), np.eye(4))
    assert not is_reliable(found)


@pytest.mark.parametrize("seed", range(3))
def test_noise_does_not_fix_a_plain_wall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noisy = []
    for shift in (0.0, 0.04):
        wall = _wall(shift, texture=False)
        pixels = np.clip(wall.image.pixels + rng.normal(scale=3, size=wall.image.pixels.shape), 0, 255)
        z = wall.depth.z + rng.normal(scale=0.006, size=wall.depth.z.shape).astype(np.float32)
        noisy.append(RgbdFrame(Image(pixels.astype(np.uint8)), wall.camera, Depth(z, wall.camera)))
    assert not is_reliable(align(prepare(noisy[1]), prepare(noisy[0]), np.eye(4)))


def test_floors_that_agree_in_depth_alone_are_not_reliable() -> None:
    """Equal depth, other pictures."""
    a = _wall(0.0)
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(120, 160)), 3)
    pixels = np.repeat((128 + 40 * noise / noise.std())[..., None], 3, 2).clip(0, 255).astype(np.uint8)
    b = RgbdFrame(Image(pixels), a.camera, a.depth)
    found = align(prepare(b), prepare(a), np.eye(4))
    assert found is None or not is_reliable(found)


def test_a_change_of_exposure_does_not_matter() -> None:
    a, b = frames_of(walk(2, 2.0))
    brighter = RgbdFrame(Image((b.image.pixels * 0.9 + 20).astype(np.uint8)), b.camera, b.depth)
    one, two = (align(prepare(f), prepare(a), np.eye(4)) for f in (b, brighter))
    assert one is not None and two is not None
    assert np.abs(se3.log(se3.inverse(one.motion) @ two.motion)).max() < 0.003


def test_frames_without_overlap_are_refused() -> None:
    a = prepare(frames_of(walk(1))[0])
    away = se3.exp(np.array([0, 0, 0, 0, np.pi, 0.0]))
    assert align(a, a, away) is None


def test_the_result_does_not_depend_on_the_number_of_threads() -> None:
    import numba

    a, b = (prepare(f) for f in frames_of(walk(2, 3.0)))
    before = numba.get_num_threads()
    results = []
    for threads in (1, before):
        numba.set_num_threads(threads)
        found = align(b, a, np.eye(4))
        assert found is not None
        results.append(found.motion)
    numba.set_num_threads(before)
    assert np.array_equal(*results)
