"""Posed frames to a surface: upright, in metres, on the room; closed for an object."""

from dataclasses import replace

import numpy as np
import pytest
from rgbd_frames import camera, frames_of, pose, scan
from scenes import cast, look_at

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.maps.rgbd_to_mesh import NAME, RgbdToMesh
from lift3d.types import Depth, Image, RgbdFrame, RgbdScan


@pytest.mark.slow
def test_a_room_is_open_upright_and_true_to_scale() -> None:
    source, context = scan(6, step=6.0), Context()
    result = RgbdToMesh(faces=6000, voxel=0.04)(source, context)
    assert result.kind == "scene" and result.mesh.units == "m" and not result.mesh.is_watertight
    assert len(result.mesh.faces) <= 6600
    frame = result.world_from_model
    assert np.allclose(frame[:3, 2], [0, 0, 1], atol=0.02)  # the floor is horizontal
    # points of the surface, since a plane side has few vertices
    corners = np.asarray(result.mesh.triangles) @ frame[:3, :3].T + frame[:3, 3]
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), 40)
    world = (weights @ corners).reshape(-1, 3)
    side = world[
        (np.abs(world[:, 0]) < 0.4)
        & (world[:, 1] < -0.4)
        & (np.abs(world[:, 2] - 0.4) < 0.25)
        & (world[:, 1] > -0.7)
    ]
    assert len(side) > 200 and np.abs(np.median(side[:, 1]) + 0.5) < 0.01
    assert np.ptp(side[:, [0, 2]], axis=0).min() > 0.4  # it is whole
    assert result.support_plane is not None and context.report[NAME]["parts"] == 1
    for view, truth in zip(result.views.cameras, source.poses):
        assert truth is not None
        assert np.allclose(frame @ np.linalg.inv(view.world_to_camera), truth, atol=1e-6)


@pytest.mark.slow
def test_small_holes_are_filled_on_request() -> None:
    """A blind spot of the sensor: eight pixels that no frame of a camera at rest measures."""
    source = scan(3, step=0.01)
    frames, true = [], source.frames[0].depth.z[96:104, 76:84]
    for frame in source.frames:
        z = frame.depth.z.copy()
        z[96:104, 76:84] = 0
        frames.append(replace(frame, depth=replace(frame.depth, z=z)))
    source = replace(source, frames=tuple(frames))
    gaps, contexts, first = [], (Context(), Context()), source.poses[0]
    assert first is not None
    ray = np.array([(80 - 80) / 130, (100 - 60) / 130, 1.0, 0.0])
    centre = (first @ (float(true[4, 4]) * ray + [0, 0, 0, 1]))[:3]
    for fill, context in zip((False, True), contexts):
        result = RgbdToMesh("scene", 6000, voxel=0.02, fill_holes=fill)(source, context)
        world = result.world_from_model
        v = np.asarray(result.mesh.vertices) @ world[:3, :3].T + world[:3, 3]
        tree = build_search_tree(v, np.asarray(result.mesh.faces, np.int32))
        gaps.append(float(closest_in_tree(tree, centre[None])[1][0]))
    assert gaps[0] > 0.03 and gaps[1] < 0.01
    assert "filled_pixels" not in contexts[0].report[NAME]
    assert 0.8 * 64 / (160 * 120) < contexts[1].report[NAME]["filled_pixels"] < 0.02


@pytest.mark.slow
def test_memory_changes_the_parts_and_not_the_surface() -> None:
    source = scan(4, step=6.0)
    contexts = Context(), Context(memory_budget=12_000_000)
    a, b = (RgbdToMesh("scene", 4000, voxel=0.04)(source, c) for c in contexts)
    assert contexts[1].report[NAME]["parts"] > contexts[0].report[NAME]["parts"]
    assert abs(a.mesh.area - b.mesh.area) < 0.02 * a.mesh.area


@pytest.mark.slow
def test_an_object_that_the_camera_goes_around_is_closed() -> None:
    frames, poses = [], []
    for k in range(14):
        a = 2 * np.pi * k / 14
        posed = look_at((2 * np.cos(a), 2 * np.sin(a), 1.3), (0, 0, 0.4), 160, 120, 170.0)
        z, world = cast(posed)
        z = np.where(z < 4, z, 0).astype(np.float32)
        pixels = (
            np.repeat((128 + 60 * np.sin(9 * world[..., :1] + 7 * world[..., 1:2])), 3, 2)
            .clip(0, 255)
            .astype(np.uint8)
        )
        plain = look_at((0, 0, 0), (1, 0, 0), 160, 120, 170.0)
        own = type(plain)(160, 120, 170.0, 170.0, 80, 60, np.eye(4))
        frames.append(RgbdFrame(Image(pixels, f"{k}"), own, Depth(z, own)))
        poses.append(pose(posed))
    source = RgbdScan(tuple(frames), tuple(poses), tuple(str(k) for k in range(14)), (), True)
    result = RgbdToMesh(faces=3000, nodes=150_000)(source)
    assert result.kind == "object" and result.mesh.is_watertight
    assert np.abs(result.mesh.extents[:2] - 1.0).max() < 0.06


def test_unposed_and_empty_scans_are_refused() -> None:
    with pytest.raises(CaptureError, match="no pose"):
        RgbdToMesh()(scan(2, posed=False))
    frame = frames_of([])
    with pytest.raises(CaptureError):
        RgbdToMesh()(RgbdScan(frame, (), ()))
    empty = RgbdFrame(scan(1).frames[0].image, camera(), Depth(np.zeros((120, 160), np.float32), camera()))
    with pytest.raises(CaptureError, match="no depth"):
        RgbdToMesh("scene")(RgbdScan((empty,), (np.eye(4),), ("a",), (), True))
