"""The sparse volume: keys, hash table, and the distances that a plane gives."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from rgbd_frames import frames_of, pose, walk

from lift3d.geometry.rgbd import sparse_kernels as kernels
from lift3d.geometry.rgbd.sparse_volume import SIDE, SparseVolume, posed_depth, touched_blocks
from lift3d.types import Camera, Depth, Image, RgbdFrame

PLACE = st.integers(-(1 << 20), (1 << 20) - 1)


def plane(z: float = 1.5, colour: int = 200) -> RgbdFrame:
    """A wall across the view at depth z."""
    camera = Camera(64, 48, 60, 60, 32, 24, np.eye(4))
    pixels = np.full((48, 64, 3), colour, np.uint8)
    return RgbdFrame(Image(pixels), camera, Depth(np.full((48, 64), z, np.float32), camera))


@given(st.lists(st.tuples(PLACE, PLACE, PLACE), min_size=1, max_size=20))
def test_keys_are_unpacked(places: list[tuple[int, int, int]]) -> None:
    keys = np.array([kernels.pack(*p) for p in places], np.int64)
    assert kernels.unpack(keys).tolist() == [list(p) for p in places]


@settings(max_examples=20, deadline=None)
@given(st.sets(st.tuples(*[st.integers(-30, 30)] * 3), min_size=1, max_size=3000))
def test_every_block_is_found_again(places: set[tuple[int, int, int]]) -> None:
    keys = np.array(sorted(kernels.pack(*p) for p in places), np.int64)
    volume = SparseVolume(0.01, 0.04)
    volume.allocate(keys[::2])
    volume.allocate(keys)
    volume.allocate(keys)
    assert volume.count == len(keys)
    rows = kernels.find_all(*volume.table, keys)
    assert np.array_equal(volume.keys[rows], keys)
    absent = np.array([kernels.pack(31, 0, 0)], np.int64)
    assert kernels.find_all(*volume.table, absent)[0] == -1


def test_blocks_near_a_wall_contain_it() -> None:
    keys = touched_blocks(posed_depth(plane(), np.eye(4)), 0.02, 0.06)
    z = kernels.unpack(keys)[:, 2] * 0.02 * SIDE
    assert len(keys) and (z <= 1.5 + 0.06).all() and (z + 0.02 * SIDE >= 1.5 - 0.061).all()


def test_distances_from_a_wall_are_exact_and_truncated() -> None:
    frame = posed_depth(plane(), np.eye(4))
    volume = SparseVolume(0.02, 0.06)
    volume.allocate(touched_blocks(frame, 0.02, 0.06))
    volume.integrate(frame)
    index = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    z = 0.02 * (8 * kernels.unpack(volume.keys)[:, None, 2] + index[None, :, 2])
    seen = volume.weight > 0
    assert seen.any() and np.allclose(
        volume.distance[seen], np.clip((1.5 - z[seen]) / 0.06, -1, 1), atol=1e-3
    )
    near = seen & (np.abs(1.5 - z) < 0.05)
    assert (volume.colour[near] == 200).all()
    assert not seen[z > 1.5 + 0.061].any()


def test_two_frames_are_averaged() -> None:
    volume = SparseVolume(0.02, 0.08)
    frames = [posed_depth(plane(z), np.eye(4)) for z in (1.49, 1.51)]
    volume.allocate(np.unique(np.concatenate([touched_blocks(f, 0.02, 0.08) for f in frames])))
    for f in frames:
        volume.integrate(f)
    index = np.arange(512) & 7
    z = 0.02 * (8 * kernels.unpack(volume.keys)[:, None, 2] + index[None])
    near = (volume.weight > 0) & (np.abs(z - 1.5) < 0.04)
    assert np.allclose(volume.distance[near], (1.5 - z[near]) / 0.08, atol=5e-3)


def test_a_second_camera_agrees_with_the_first() -> None:
    cameras = walk(2, 6.0)
    frames = [posed_depth(f, pose(c)) for f, c in zip(frames_of(cameras, 0.0), cameras)]
    volumes = []
    for f in frames:
        volume = SparseVolume(0.03, 0.12)
        volume.allocate(np.unique(np.concatenate([touched_blocks(f, 0.03, 0.12) for f in frames])))
        volume.integrate(f)
        volumes.append(volume)
    a, b = volumes
    both = (a.weight > 0) & (b.weight > 0) & (np.abs(a.distance) < 0.5) & (np.abs(b.distance) < 0.9)
    assert both.sum() > 1000 and np.median(np.abs(a.distance[both] - b.distance[both])) < 0.05


def test_filled_pixels_count_little_and_leave_free_space_alone() -> None:
    wall = plane()
    marked = replace(wall, depth=replace(wall.depth, propagated=np.ones((48, 64), bool)))
    volumes = []
    for frame in (wall, marked):
        ready = posed_depth(frame, np.eye(4))
        volume = SparseVolume(0.02, 0.06)
        volume.allocate(np.unique([kernels.pack(0, 0, z) for z in range(2, 12)]))
        volume.integrate(ready)
        volumes.append(volume)
    measured, filled = volumes
    near = filled.weight > 0
    assert near.any() and np.allclose(filled.weight[near], kernels.FILLED * measured.weight[near], rtol=1e-5)
    assert np.array_equal(filled.distance[near], measured.distance[near])
    z = 0.02 * (8 * kernels.unpack(filled.keys)[:, None, 2] + (np.arange(512) & 7)[None])
    assert (measured.weight[z < 1.2] > 0).any() and not (filled.weight[z < 1.2] > 0).any()


def test_steep_surfaces_count_only_where_nothing_was_measured() -> None:
    ready = posed_depth(plane(), np.eye(4))
    left = np.zeros((48, 64), bool)
    left[:, :40] = True
    steep = replace(ready, z=np.where(left, ready.z + 0.02, 0).astype(np.float32), steep=left)
    half = replace(ready, z=np.where(left, 0, ready.z).astype(np.float32))
    keys = touched_blocks(ready, 0.02, 0.06)
    volumes = []
    for order in ([steep, ready], [ready, steep], [ready], [half, steep, steep], [half]):
        volume = SparseVolume(0.02, 0.06)
        volume.allocate(keys)
        for frame in order:
            volume.integrate(frame)
        volumes.append(volume)
    first, second, alone, twice, without = volumes
    measured = alone.weight > 0
    for other in (first, second):
        assert np.array_equal(other.weight[measured], alone.weight[measured])
        assert np.allclose(other.distance[measured], alone.distance[measured], atol=1e-6)
        assert np.array_equal(other.colour[measured], alone.colour[measured])
    reached = twice.weight < 0
    assert reached.sum() > 1000 and not (reached & (without.weight > 0)).any()
    z = 0.02 * (8 * kernels.unpack(twice.keys)[:, None, 2] + (np.arange(512) & 7)[None])
    assert np.allclose(twice.distance[reached], (1.52 - z[reached]) / 0.06, atol=1e-3)
    assert (twice.colour[reached] == 200).all()
    once = -float(twice.weight[reached].max()) / 2
    twice.accept_steep(1.5 * once, 7.0)
    assert (twice.weight[reached] == 7).all() and np.array_equal(
        twice.weight[~reached], without.weight[~reached]
    )
    second.accept_steep(np.inf, 7.0)
    assert (second.weight >= 0).all() and not (second.weight == 7).any()
