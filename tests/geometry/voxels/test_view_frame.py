"""The view frame: cell coordinates and points map one-to-one, rays are columns, and solids project to where they are seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.image.crop import Crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.voxels.occupancy import EDGE, FULL, occupancy_levels
from lift3d.geometry.voxels.view_frame import (
    ViewFrame,
    fit_view_frame,
    resample_affine,
    resample_from_view,
    resample_to_view,
    rotation_to_ray,
)
from lift3d.types import Camera

K = np.array([[150.0, 0, 70], [0, 150, 60], [0, 0, 1]])


@st.composite
def frames(draw: st.DrawFn) -> ViewFrame:
    number = st.floats(-40, 160)
    crop = Crop(draw(number), draw(number), draw(st.floats(4, 80)))
    return ViewFrame(K, crop, draw(st.floats(1, 5)), draw(st.floats(0.05, 0.6)))


@given(frames())
def test_unprojection_inverts_projection(frame: ViewFrame):
    uvw = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    points = frame.unproject(uvw)
    assert np.allclose(frame.project(points), uvw, atol=1e-9)
    assert np.allclose(frame.unproject(np.zeros((1, 3))), [[0, 0, frame.centre_depth]], atol=1e-9)
    turn = rotation_to_ray(frame.K, frame.crop)
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.isclose(np.linalg.det(turn), 1)
    # a column of cells is one pixel of the photo
    pixels = (points @ turn) @ frame.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    wanted = np.column_stack([frame.crop.x, frame.crop.y]) + frame.crop.half * uvw[:, :2]
    assert np.allclose(pixels, wanted, atol=1e-6)


def test_voxels_of_a_ball_are_those_with_their_centre_inside():
    n, cells = 48, 40
    step = 2.4 / n
    centre = (np.arange(n) + 0.5) * step - 1.2
    x, y, z = np.meshgrid(centre, centre, centre, indexing="ij")
    far = np.sqrt((x / 1.0) ** 2 + (y / 0.6) ** 2 + (z / 0.8) ** 2)
    levels = np.clip((1 - far) * 255 * 4 + 127.5, 0, 255).astype(np.uint8)  # the half is the surface
    pose = np.eye(4)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    pose[:3, :3] = turn * np.sign(np.linalg.det(turn))
    pose[:3, 3] = [0.3, -0.2, 4.0]
    camera = Camera(140, 120, 150.0, 150.0, 70.0, 60.0, pose)
    rng = np.random.default_rng(0)
    ball = rng.normal(size=(4000, 3))
    ball = ball / np.linalg.norm(ball, axis=1, keepdims=True) * [1, 0.6, 0.8]
    seen = ball @ pose[:3, :3].T + pose[:3, 3]
    pixels = 150 * seen[:, :2] / seen[:, 2:] + [70, 60]
    mask = np.zeros((120, 140), bool)
    mask[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = True
    frame, to_view = fit_view_frame(camera, square_crop(mask), ball)
    to_index = np.eye(4)
    to_index[:3, :3] /= step
    to_index[:3, 3] = (1.2 - step / 2) / step
    got = resample_to_view(levels, to_index @ np.linalg.inv(to_view), frame, cells) > 127
    middle = (np.arange(cells) + 0.5) / cells * 2 - 1
    w, v, u = np.meshgrid(middle, middle, middle, indexing="ij")
    points = frame.unproject(np.column_stack([u.ravel(), v.ravel(), w.ravel()]))
    world = (points - to_view[:3, 3]) @ to_view[:3, :3]
    truth = (np.linalg.norm(world / [1, 0.6, 0.8], axis=1) < 1).reshape(got.shape)
    assert (got & truth).sum() / (got | truth).sum() > 0.98
    # it touches the crop's margins and the grid's depths, no more
    for axis in range(3):
        along = np.flatnonzero(truth.any(tuple(k for k in range(3) if k != axis)))
        assert 0 < along[0] < 6 and cells - 7 < along[-1] < cells - 1 or axis == 1


def test_occupancy_keeps_sheets_and_is_unbiased_on_planes():
    inside, crossed = np.zeros((8, 8, 8), bool), np.zeros((8, 8, 8), bool)
    crossed[2] = True  # a sheet
    inside[5:7], crossed[4] = True, True  # a slab whose surface lies beyond the middle of a cell
    levels = occupancy_levels(inside, crossed)
    assert (levels[2] == FULL).all() and (levels[4] == EDGE).all() and (levels[5:7] == FULL).all()
    assert (levels[[0, 1, 3, 7]] == 0).all()


def test_affine_resampling():
    levels = np.arange(6**3, dtype=np.uint8).reshape(6, 6, 6)
    same = resample_affine(levels, np.zeros(3), np.eye(3), 5)
    assert (same == levels[:5, :5, :5]).all()
    assert resample_affine(levels, np.full(3, 0.5), np.eye(3), 5)[0, 0, 0] == round(
        float(levels[:2, :2, :2].mean())
    )
    assert (resample_affine(levels, np.full(3, 9.0), np.eye(3), 2) == 0).all()


def test_resampling_from_the_view_reads_the_right_cells():
    frame = ViewFrame(K, Crop(90, 40, 30), 3.0, 0.4)
    share = np.random.default_rng(0).random((12, 12, 12)).astype(np.float32)
    first, step, n = np.array([0.2, -0.5, 2.5]), 0.11, 9
    got = resample_from_view(share, frame, first, step, n)
    i, j, k = np.meshgrid(*[np.arange(n)] * 3, indexing="ij")
    points = first + step * np.stack([i, j, k], -1).reshape(-1, 3)
    index = (frame.project(points)[:, ::-1] + 1) / 2 * 12 - 0.5
    inner = ((index >= 0) & (index < 11)).all(1)
    slow = ndimage.map_coordinates(share, index.T, order=1, mode="constant")
    assert inner.sum() > 30 and np.allclose(got.reshape(-1)[inner], slow[inner], atol=1e-5)


def test_crop_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        square_crop(np.zeros((4, 4), bool))


def test_cut_out_shows_the_object_and_nothing_else():
    rgb = np.full((40, 60, 3), 255, np.uint8)
    alpha = np.zeros((40, 60), np.uint8)
    alpha[10:30, 40:60] = 255
    rgb[10:30, 40:60] = [255, 0, 0]
    seen = cut_out(rgb, alpha, square_crop(alpha > 0), 32)  # the crop reaches beyond the picture
    assert seen.shape == (4, 32, 32) and seen.dtype == np.float32
    assert np.allclose(seen[:, 16, 16], [1, -1, -1, 1])
    assert np.allclose(seen[:, 0, 0], 0)  # grey, not white
    edge = seen[:, 16][:, (seen[3, 16] > 0.1) & (seen[3, 16] < 0.9)]
    assert (edge[0] > 0).all() and (edge[1] < 0).all()  # no white bleeds in
    assert (cut_out(rgb, alpha, Crop(-100, -100, 10), 16) == 0).all()
