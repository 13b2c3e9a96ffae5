"""Visibility and quality of faces in photos: borders, occlusion, angle, resolution and masks."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.ndimage import distance_transform_edt

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.texture.view_selection import (
    RAMP,
    border_distance,
    exclude_faces,
    local_contrast,
    observe_faces,
)
from lift3d.types import Camera, Image


def test_border_distance_against_exact_transform() -> None:
    z = np.zeros((60, 80), np.float32)
    z[10:50, 10:70] = 2.0
    z[20:30, 30:50] = 1.0
    mask = np.ones(z.shape, bool)
    mask[35:37, 60:62] = False
    step = np.zeros(z.shape, bool)
    for axis in (0, 1):
        head, tail = [slice(None)] * 2, [slice(None)] * 2
        head[axis], tail[axis] = slice(1, None), slice(None, -1)
        jump = (np.abs(np.diff(z, axis=axis)) > 0.1) & (z[tuple(head)] > 0) & (z[tuple(tail)] > 0)
        step[tuple(head)] |= jump
        step[tuple(tail)] |= jump
    exact = distance_transform_edt(~((z == 0) | ~mask | step))
    found = border_distance(z, mask, 0.05)
    near = exact < RAMP
    np.testing.assert_allclose(found[near], exact[near], atol=0.12 * RAMP)
    assert ((found == 0) == (exact == 0)).all()


def camera(distance: float = 3.0, size: int = 120) -> Camera:
    return look_at(np.array([0.0, -distance, 0]), np.zeros(3), size, size, 1.0 * size)


def plate(y: float, half: float = 0.5, n: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A square of 2 n^2 faces at depth y that faces -y."""
    x, z = np.meshgrid(np.linspace(-half, half, n + 1), np.linspace(-half, half, n + 1))
    v = np.stack([x.ravel(), np.full(x.size, y), z.ravel()], 1)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    f = np.concatenate([np.stack([a, a + 1, a + n + 2], 1), np.stack([a, a + n + 2, a + n + 1], 1)])
    return v, f.astype(np.int32)


def photo(value: int = 120, size: int = 120, mask: np.ndarray | None = None) -> Image:
    return Image(np.full((size, size, 3), value, np.uint8), mask=mask)


def test_quality_grows_with_the_square_of_the_resolution() -> None:
    v, f = plate(0.0, 0.9, 12)
    cameras = (camera(2.0), camera(4.0))
    seen = observe_faces(v, f, cameras, (photo(50), photo(200)))
    inner = np.abs(v[f].mean(1)[:, [0, 2]]).max(1) < 0.1
    ratio = seen.quality[inner, 0] / seen.quality[inner, 1]
    np.testing.assert_allclose(ratio, 4, rtol=0.05)
    assert (seen.colours[inner] == [[[50] * 3, [200] * 3]]).all()
    # at the centre cosine and ramp are 1: quality is fx fy / z^2
    assert seen.quality[inner, 0].max() == pytest.approx((120 / 2) ** 2, rel=0.02)


@pytest.mark.slow
def test_faces_of_the_other_side_and_hidden_faces_are_not_seen() -> None:
    front, back = plate(0.0), plate(0.5)
    v = np.concatenate([front[0], back[0]])
    f = np.concatenate([front[1], back[1] + len(front[0])])
    seen = observe_faces(v, f, (camera(),), (photo(),))
    assert (seen.quality[: len(front[1]), 0] > 0).all() and (seen.quality[len(front[1]) :] == 0).all()
    turned = observe_faces(front[0], front[1][:, ::-1].copy(), (camera(),), (photo(),))
    assert (turned.quality == 0).all()


def test_a_mask_removes_faces_and_fades_towards_its_border() -> None:
    v, f = plate(0.0, 0.9, 12)
    mask = np.zeros((120, 120), bool)
    mask[:, :60] = True
    seen = observe_faces(v, f, (camera(),), (photo(mask=mask),))
    x = v[f].mean(1)[:, 0]
    assert (seen.quality[x > 0.05] == 0).all()
    assert (seen.quality[(x < -0.1) & (x > -0.7)] > 0).any()
    column = np.floor(x / 0.15).astype(int)  # the cells of the plate, 6 pixels wide
    central = np.abs(v[f].mean(1)[:, 2]) < 0.4
    means = [float(seen.quality[central & (column == k), 0].mean()) for k in (-3, -2, -1)]
    assert means[0] > means[1] > means[2] > 0, "quality falls towards the border of the mask"
    assert seen.inside[0][:, 60:].sum() == 0


def test_a_sphere_is_best_seen_in_its_middle() -> None:
    sphere = trimesh.creation.icosphere(3)
    v, f = np.asarray(sphere.vertices) * 0.8, sphere.faces.astype(np.int32)
    seen = observe_faces(v, f, (camera(4.0),), (photo(),))
    facing = -v[f].mean(1)[:, 1] / 0.8
    assert (seen.quality[facing < 0.05] == 0).all()
    near, far = seen.quality[facing > 0.9, 0], seen.quality[(facing > 0.4) & (facing < 0.5), 0]
    assert near.min() > far.max()


def test_contrast_of_a_flat_photo_is_zero_and_of_noise_is_not() -> None:
    assert (local_contrast(photo()) == 0).all()
    noisy = Image(np.random.default_rng(0).integers(0, 256, (30, 30, 3)).astype(np.uint8))
    assert local_contrast(noisy).min() > 5


def test_excluded_faces_take_their_pixels_out() -> None:
    v, f = plate(0.0)
    seen = observe_faces(v, f, (camera(),), (photo(),))
    dropped = np.zeros((len(f), 1), bool)
    dropped[7] = True
    (left,) = exclude_faces(seen, dropped, v, f, (camera(),))
    removed = seen.inside[0] & ~left
    assert removed.sum() == 9
    rows, columns = np.nonzero(removed)
    centre = v[f[7]].mean(0)
    np.testing.assert_allclose(columns.mean() + 0.5, 60 + 120 * centre[0] / 3, atol=1)
    np.testing.assert_allclose(rows.mean() + 0.5, 60 - 120 * centre[2] / 3, atol=1)
    (same,) = exclude_faces(seen, np.zeros_like(dropped), v, f, (camera(),))
    np.testing.assert_array_equal(same, seen.inside[0])
