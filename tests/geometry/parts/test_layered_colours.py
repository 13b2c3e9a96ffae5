"""Layers of colours and textures: samples, blending, and the three ways in which they become one part."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.parts.layered_colours import Layer, Texture, blend, coloured_part, opaque, sample

POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.0]])
FACES = np.array([[0, 1, 2], [1, 3, 2]])
UV = POINTS[FACES][..., :2]


def ramp(width: int = 64, alpha: int = 255) -> Texture:
    """Red grows with u, green with v."""
    grid = np.rint((np.arange(width) + 0.5) / width * 255)
    pixels = np.zeros((width, width, 4), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 3] = grid, grid[::-1, None], alpha
    return Texture(pixels)


@pytest.mark.parametrize("style", ["wrap", "mirror", "clamp", "none"])
def test_samples_outside_the_picture(style: str) -> None:
    texture = Texture(ramp().pixels, style, style)
    u = np.array([-0.7, 0.3, 1.2, 2.4])
    red, alpha = sample(texture, np.column_stack([u, np.full(4, 0.5)]))[:, [0, 3]].T
    expected = {
        "wrap": u - np.floor(u),
        "mirror": [0.7, 0.3, 0.8, 0.4],
        "clamp": np.clip(u, 0, 1),
        "none": [0, 0.3, 0, 0],
    }[style]
    assert np.allclose(red, expected, atol=0.01) and (alpha == ([0, 1, 0, 0] if style == "none" else 1)).all()


def test_nearest_samples_are_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (5, 7, 4)).astype(np.uint8)
    uv = np.random.default_rng(1).random((50, 2))
    found = sample(Texture(pixels, filter="nearest"), uv)
    rows, columns = np.floor((1 - uv[:, 1]) * 5).astype(int), np.floor(uv[:, 0] * 7).astype(int)
    assert np.allclose(found, pixels[rows, columns] / 255)


def test_blending_is_in_linear_light() -> None:
    red, half = np.array([1.0, 0, 0, 1]), np.array([0, 0, 1.0, 0.5])
    found = blend([red, half], ["mix", "mix"])
    assert np.allclose(found, [*linear_to_srgb(np.array([0.5, 0, 0.5])), 1])
    grey = np.array([0.5, 0.5, 0.5, 1])
    assert np.allclose(
        srgb_to_linear(blend([grey, grey], ["mix", "multiply"])[:3]), srgb_to_linear(np.array(0.5)) ** 2
    )
    assert np.array_equal(blend([half], ["mix"]), half)


def test_a_texture_under_and_over_plain_colours_keeps_its_pixels() -> None:
    base = Layer(np.broadcast_to([1.0, 1, 1, 1], (2, 3, 4)))
    part = coloured_part(POINTS, FACES, [base, Layer(texture=ramp(), uv=UV)], "a")
    assert part.material is not None and part.material.texture is not None and len(part.vertices) == 4
    assert (np.asarray(part.material.texture) == ramp().pixels[..., :3]).all()


def test_a_texture_and_a_gradient_are_baked() -> None:
    """The ramp times a gradient of blue: at the corners and inside each triangle, the values of the formula."""
    gradient = np.ones((2, 3, 4))
    gradient[..., 0] = UV[..., 0]
    part = coloured_part(
        POINTS, FACES, [Layer(texture=ramp(), uv=UV), Layer(gradient, method="multiply")], "a"
    )
    assert part.uv is not None and part.material is not None and part.material.texture is not None
    atlas = Texture(np.asarray(part.material.texture.convert("RGBA")))
    for weights in ([0.6, 0.2, 0.2], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]):
        at = np.einsum("c,fcd->fd", weights, part.vertices[part.faces])
        found = sample(atlas, np.einsum("c,fcd->fd", weights, part.uv[part.faces]))
        u, v = at[:, 0], at[:, 1]
        assert np.abs(found[:, 0] - linear_to_srgb(srgb_to_linear(u) ** 2)).max() < 0.02
        assert np.abs(found[:, 1] - v).max() < 0.02


def test_opaque_drops_alpha() -> None:
    found = opaque(Layer(texture=ramp(alpha=9), uv=UV)).texture
    assert found is not None and (found.pixels[..., 3] == 255).all()
