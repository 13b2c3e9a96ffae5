"""Fusion of a scan: the surface lies on the room, slabs give the same mesh as one piece, the voxel follows noise and size."""

import numpy as np
import pytest
from rgbd_frames import scan

from lift3d.geometry.rgbd.fuse_scan import DepthStatistics, choose_voxel, depth_statistics, fuse_scan


def _distance(v: np.ndarray) -> np.ndarray:
    """Distance of points from the room's planes: floor, two walls, and the box."""
    box = np.maximum(np.abs(v[:, :2]).max(1) - 0.5, v[:, 2] - 0.8)
    return np.min([np.abs(v[:, 2]), np.abs(v[:, 1] - 3), np.abs(v[:, 0] + 3), np.abs(box)], axis=0)


@pytest.mark.slow
def test_the_surface_lies_on_the_room_and_slabs_do_not_show() -> None:
    made = scan(5, step=5.0)
    whole = fuse_scan(made.frames, made.poses, 0.04, 0.14, 10**9)
    assert whole.parts == 1 and len(whole.f) > 5000
    distance = _distance(whole.v)
    assert np.median(distance) < 0.01 and np.quantile(distance, 0.95) < 0.04
    parts = fuse_scan(made.frames, made.poses, 0.04, 0.14, 4 * 10**6)
    assert parts.parts > 1
    assert len(parts.f) == len(whole.f) and len(parts.v) == len(whole.v)
    order = [np.lexsort(v.T) for v in (parts.v, whole.v)]
    assert np.array_equal(parts.v[order[0]], whole.v[order[1]])
    assert np.allclose(parts.colours[order[0]], whole.colours[order[1]])


def test_colours_are_those_of_the_frames() -> None:
    made = scan(2)
    found = fuse_scan(made.frames, made.poses, 0.06, 0.2, 10**9)
    mean = np.mean([f.image.pixels.mean((0, 1)) for f in made.frames], axis=0)
    assert np.abs(found.colours.mean(0) - mean).max() < 15


def test_statistics() -> None:
    made = scan(3)
    found = depth_statistics(made.frames, made.poses)
    z = np.concatenate([f.depth.z[f.depth.z > 0] for f in made.frames])
    assert found.median == pytest.approx(np.median(z), rel=0.05)
    assert found.pixel == pytest.approx(found.median / 130, rel=0.01) and 3 < found.extent < 9


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        (DepthStatistics(2.5, 3.0, 0.01, 1.0, 2.0), 0.0125),  # the pixels decide
        (DepthStatistics(4.0, 4.5, 0.004, 1.0, 2.0), 0.75 * (0.001 + 1.425e-3 * 16)),  # the noise
        (
            DepthStatistics(2.0, 3.0, 0.004, 3000.0, 60.0),
            (6000 / (100_000 * 24)) ** 0.5,
        ),  # the size of the scene
    ],
)
def test_the_voxel_follows_pixels_noise_and_size(statistics: DepthStatistics, expected: float) -> None:
    voxel, reach = choose_voxel(statistics, 100_000)
    assert voxel == pytest.approx(expected, rel=1e-3) and reach >= 3 * voxel


def test_nothing_gives_nothing() -> None:
    assert len(fuse_scan((), (), 0.01, 0.04, 10**8).f) == 0
