"""Photos as flat arrays, and the low-pass over the pixels of the object."""

from __future__ import annotations

import numpy as np

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import project
from lift3d.geometry.texture.photo_stack import low_pass, stack_photos
from lift3d.types import Image

IDENTITY = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))


def test_low_pass_keeps_constants_and_forgets_what_is_outside() -> None:
    pixels = np.full((37, 50, 3), 40, np.uint8)
    inside = np.zeros((37, 50), bool)
    inside[5:30, 8:40] = True
    pixels[~inside] = 250
    table = np.tile(np.arange(256, dtype=np.float32) / 255, (3, 1))
    low = low_pass(pixels, inside, table, 4)
    assert low.shape == (10, 13, 3)
    np.testing.assert_allclose(low[2:7, 2:10], 40 / 255, atol=1e-6)


def low_pass_twin(pixels: np.ndarray, inside: np.ndarray, factor: int) -> np.ndarray:
    """Block means by binomial weights, normalised by the number of inside pixels."""
    height, width = inside.shape
    lh, lw = -(-height // factor), -(-width // factor)
    tap = np.array([1, 4, 6, 4, 1]) / 16
    out = np.zeros((lh, lw, 3))
    for y in range(lh):
        for x in range(lw):
            total, weight = np.zeros(3), 0.0
            for dy in range(-2, 3):
                for dx in range(-2, 3):
                    if not (0 <= y + dy < lh and 0 <= x + dx < lw):
                        continue
                    block = (
                        slice((y + dy) * factor, (y + dy + 1) * factor),
                        slice((x + dx) * factor, (x + dx + 1) * factor),
                    )
                    chosen = pixels[block][inside[block]] / 255
                    total += tap[dy + 2] * tap[dx + 2] * chosen.sum(0)
                    weight += tap[dy + 2] * tap[dx + 2] * len(chosen)
            block = (slice(y * factor, (y + 1) * factor), slice(x * factor, (x + 1) * factor))
            out[y, x] = total / weight if weight > 1e-3 else (pixels[block] / 255).mean((0, 1))
    return out


def test_low_pass_equals_its_twin() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (19, 23, 3)).astype(np.uint8)
    inside = rng.random((19, 23)) < 0.3
    inside[:, 14:] = False
    np.testing.assert_allclose(
        low_pass(pixels, inside, IDENTITY, 3), low_pass_twin(pixels, inside, 3), atol=1e-5
    )


def test_a_stack_holds_photos_low_passes_and_projections() -> None:
    rng = np.random.default_rng(1)
    sizes = ((8, 6), (5, 7))
    images = tuple(Image(rng.integers(0, 256, (h, w, 3)).astype(np.uint8)) for w, h in sizes)
    cameras = tuple(look_at(np.array([2.0, k, 1]), np.zeros(3), w, h, 7.0) for k, (w, h) in enumerate(sizes))
    inside = tuple(np.ones((i.height, i.width), bool) for i in images)
    tables = np.stack([IDENTITY, IDENTITY * 0.5])
    stack = stack_photos(images, cameras, inside, tables, 2)
    for k, (o, h, w, lo, lh, lw) in enumerate(stack.shape):
        np.testing.assert_array_equal(stack.full[o : o + 3 * h * w].reshape(h, w, 3), images[k].pixels)
        low = low_pass(images[k].pixels, inside[k], tables[k], 2)
        np.testing.assert_array_equal(stack.low[lo : lo + 3 * lh * lw].reshape(lh, lw, 3), low)
        xyz = rng.uniform(-0.3, 0.3, (5, 3))
        p = np.c_[xyz, np.ones(5)] @ stack.projection[k].T
        np.testing.assert_allclose(p[:, :2] / p[:, 2:], project(cameras[k], xyz)[0])
    assert len(stack.full) == 3 * (48 + 35) and stack.factor == 2
