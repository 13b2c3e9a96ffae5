"""The motion between two frames: known motions are found, by colour where geometry does not suffice, and strangers are
refused."""

import numpy as np
import pytest
from rgbd_frames import frames_of, pose, walk
from scipy.ndimage import gaussian_filter

from lift3d.geometry.rgbd import se3
from lift3d.geometry.rgbd.alignment import align
from lift3d.geometry.rgbd.alignment_kernel import PARAMETERS, SUMS, TRIANGLE, accumulate
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC
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


def _vignetted(frame: RgbdFrame, a: float, b: float, gain: float = 0.0) -> RgbdFrame:
    """The frame through a lens whose brightness is 1 + a x^2 + b y^2 at the tangents (x, y)."""
    c = frame.camera
    x, y = np.meshgrid((np.arange(c.width) + 0.5 - c.cx) / c.fx, (np.arange(c.height) + 0.5 - c.cy) / c.fy)
    lit = frame.image.pixels * ((1 + gain) * (1 + a * x * x + b * y * y))[..., None]
    return RgbdFrame(Image(np.rint(lit).clip(0, 255).astype(np.uint8)), c, frame.depth)


def test_vignetting_and_exposure_do_not_move_the_camera() -> None:
    """A faint picture on a wall that slides along itself: the fall-off of the lens is stronger than the picture."""
    camera = Camera(160, 120, 130, 130, 80, 60, np.eye(4))
    frames = []
    for shift in (0.10, 0.0):
        x, y = np.meshgrid((np.arange(160) - 79.5) / 130 * 2 + shift, (np.arange(120) - 59.5) / 130 * 2)
        grey = 140 + 7 * np.sin(9 * x + 2 * y) + 7 * np.sin(11 * y - 3 * x)
        pixels = np.repeat(np.rint(grey)[..., None], 3, 2).astype(np.uint8)
        plain = RgbdFrame(Image(pixels), camera, Depth(np.full((120, 160), 2, np.float32), camera))
        frames.append(_vignetted(plain, -0.5, -0.8, gain=0.12 if shift else 0.0))
    found = align(prepare(frames[0]), prepare(frames[1]), np.eye(4))
    assert found is not None and is_reliable(found)
    assert np.abs(found.motion[:3, 3] - [0.10, 0, 0]).max() < 0.003
    assert abs(found.light[2] + 0.5) < 0.1  # a shift along x leaves the other term open


def test_the_normal_equations_of_the_light_are_those_of_their_definition() -> None:
    """A slow twin: every pixel of a wall in front of two cameras that differ by a shift of whole pixels."""
    a, b = (prepare(f)[-1] for f in (_wall(8 * 2 / 130), _wall(0.0)))
    light, sigma = np.array([3.0, 0.05, -0.4, -0.3]), 6.0
    sums, (residual, seen) = np.empty((4, SUMS)), np.empty((2, *a.z.shape), np.float32)
    shift = np.array([8 * 2 / 130, 0, 0])
    accumulate(
        a.z, a.grey, b.z, b.grey, b.gradient, b.normals, a.k, b.k, np.eye(3), shift, light, sigma, 1e9, CONSTANT, QUADRATIC,
        5.0, 4.0, sums, residual, seen,
    )  # fmt: skip
    right, matrix = np.zeros(4), np.zeros((4, 4))
    for i, j in np.argwhere(np.isfinite(residual)):
        s, value = float(a.grey[i, j]), float(b.grey[i, j + 8])
        y, x, x2 = (i - 59.5) / 130, (j - 79.5) / 130, (j + 8 - 79.5) / 130
        shade, there = 1 + light[2] * x * x + light[3] * y * y, 1 + light[2] * x2 * x2 + light[3] * y * y
        e = value - (1 + light[1]) * s * there / shade - light[0]
        assert abs(residual[i, j] - e) < 0.01 and abs(seen[i, j] - value) < 0.01
        row = -np.array([1.0, s * there / shade, 1.05 * s * (x2 * x2 - x * x) / shade**2, 0.0])
        weight = 6 / (5 + (e / sigma) ** 2) / sigma
        right -= weight * e / sigma * row
        matrix += weight / sigma * np.outer(row, row)
    total = sums.sum(0)
    assert np.isfinite(residual).mean() > 0.85
    assert np.allclose(total[TRIANGLE + 6 : TRIANGLE + PARAMETERS], right, rtol=1e-3, atol=1e-2)
    assert np.allclose(total[TRIANGLE - 10 : TRIANGLE], matrix[np.triu_indices(4)], rtol=1e-3, atol=1e-2)


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
