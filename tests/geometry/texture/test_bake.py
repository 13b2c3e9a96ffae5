"""Baking: each texel has one owner, and both bands come from the photos that they should."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.texture.bake import bake_faces, blend_corners
from lift3d.geometry.texture.photo_stack import PhotoStack, stack_photos
from lift3d.types import Image

IDENTITY = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))


@pytest.mark.slow
def test_each_texel_has_one_owner() -> None:
    """Two triangles of a square with corners on texel centres: the top-left rule gives every texel to one."""
    v, f = (
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )
    square = np.array([[2.5, 2.5], [10.5, 2.5], [10.5, 10.5], [2.5, 10.5]])
    seen, weights = np.zeros((1, 1), bool), np.zeros((4, 1), np.float32)
    photos = (
        np.zeros(3, np.uint8), np.zeros(3, np.float32), np.array([[0, 1, 1, 0, 1, 1]]), np.zeros((1, 3, 4)),
        np.zeros((1, 3, 256), np.float32), 4,
    )  # fmt: skip
    counts = np.zeros((16, 16), int)
    for order in ([0, 1, 2], [0, 2, 3], [2, 1, 0]):
        texture, state = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)
        corners = np.rint(square[order][None] * 256).astype(np.int64)
        fill = np.ones((4, 3), np.float32)
        bake_faces(v, f[:1], corners, seen, weights, weights, fill, photos, texture, state)
        if order != [2, 1, 0]:
            counts += state == 2
        else:
            assert state.sum() > 0, "the other winding is painted too"
    assert counts[2:10, 2:10].min() == counts.max() == 1 and counts.sum() == 64


def two_photos(first: np.ndarray, second: np.ndarray) -> PhotoStack:
    """Two photos (H, W, 3) from one camera that looks along -z at the square [-1, 1]^2."""
    camera = look_at(np.array([0.0, 0, 2]), np.zeros(3), first.shape[1], first.shape[0], first.shape[0])
    images = (Image(first), Image(second))
    inside = (np.ones(first.shape[:2], bool),) * 2
    return stack_photos(images, (camera, camera), inside, np.stack([IDENTITY] * 2), 2)


def kernel(stack: PhotoStack) -> tuple:
    return (stack.full, stack.low, stack.shape, stack.projection, stack.tables, stack.factor)


SQUARE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_flat_photos_blend_by_the_low_weights(share: float) -> None:
    """Without detail the high band is zero whatever its weights."""
    stack = two_photos(np.full((32, 32, 3), 50, np.uint8), np.full((32, 32, 3), 200, np.uint8))
    low = np.tile(np.array([1 - share, share], np.float32), (4, 1))
    high = np.tile(np.array([1, 0], np.float32), (4, 1))
    out = blend_corners(SQUARE, FACES, np.ones((2, 2), bool), low, high, kernel(stack))
    np.testing.assert_allclose(out[..., :3], (50 + 150 * share) / 255, atol=1e-5)
    assert (out[..., 3] == 1).all()


def test_one_photo_alone_is_sampled_bilinearly() -> None:
    """With one photo both bands add up to the photo: a linear ramp comes back at the projected position."""
    ramp = np.repeat((4 * np.arange(32)[None, :, None] + np.zeros((32, 1, 1))), 3, 2).astype(np.uint8)
    stack = two_photos(ramp, np.zeros_like(ramp))
    one = np.tile(np.array([1, 0], np.float32), (4, 1))
    out = blend_corners(SQUARE, FACES, np.ones((2, 2), bool), one, one, kernel(stack))
    u = 16 + 32 * SQUARE[FACES][..., 0] / 2
    np.testing.assert_allclose(out[..., 0], 4 * (u - 0.5) / 255, atol=1e-4)


def test_unseen_faces_have_no_colour_and_take_the_fill() -> None:
    stack = two_photos(np.full((32, 32, 3), 50, np.uint8), np.full((32, 32, 3), 200, np.uint8))
    weights, seen = np.ones((4, 2), np.float32) / 2, np.array([[True, True], [False, False]])
    out = blend_corners(SQUARE, FACES, seen, weights, weights, kernel(stack))
    assert (out[0, :, 3] == 1).all() and (out[1] == 0).all()
    texels = np.array([[1.0, 15], [15, 15], [15, 1], [1, 1]])[FACES]
    corners = np.rint(texels * 256).astype(np.int64)
    texture, state = np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16), np.uint8)
    fill = np.full((4, 3), 0.2, np.float32)
    bake_faces(SQUARE, FACES, corners, seen, weights, weights, fill, kernel(stack), texture, state)
    assert (texture[state == 1] == 125).all() and (texture[state == 2] == 51).all()
    assert (state == 1).sum() + (state == 2).sum() == 14 * 14 and not texture[state == 0].any()
    assert abs(int((state == 1).sum()) - int((state == 2).sum())) <= 14


def test_baking_is_the_photo_seen_through_the_texture() -> None:
    """A texture parallel to the photo: texel centres map to photo positions by one affine function."""
    u, v = np.meshgrid(4 * np.arange(32), 4 * np.arange(32))
    ramp = np.stack([u, v, 0 * u], -1).astype(np.uint8)
    stack = two_photos(ramp, np.zeros_like(ramp))
    one, seen = np.tile(np.array([1, 0], np.float32), (4, 1)), np.ones((2, 2), bool)
    texels = np.array([[0.0, 8], [8, 8], [8, 0], [0, 0]])[FACES]
    texture, state = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    corners = np.rint(texels * 256).astype(np.int64)
    bake_faces(
        SQUARE, FACES, corners, seen, one, one, np.zeros((4, 3), np.float32), kernel(stack), texture, state
    )
    centre = (np.arange(8) + 0.5) / 8 - 0.5  # world x of texel columns, -y of rows
    expected = 4 * (16 + 16 * centre - 0.5)
    assert (state == 1).all()
    np.testing.assert_allclose(texture[..., 0], np.broadcast_to(expected, (8, 8)), atol=0.51)
    np.testing.assert_allclose(texture[..., 1], np.broadcast_to(expected[:, None], (8, 8)), atol=0.51)
