"""Baked vertex colours show the product of texture, vertex colours and base colour, in linear light."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import linear_to_srgb, srgb_to_linear
from lift3d.geometry.parts import colour_baking as baking
from lift3d.geometry.parts.colour_baking import bake_colours, multiply
from lift3d.types import Material, Part

RNG = np.random.default_rng(1)


def smooth_picture(size: int = 64) -> Pil.Image:
    """A texture that changes slowly."""
    y, x = np.mgrid[:size, :size] / size
    return Pil.fromarray(np.dstack([200 * x, 200 * y, 100 + 50 * x]).astype(np.uint8))


def sheet(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(vertices, faces, uv) of an n x n grid; n odd gives an odd number of triangles when one is removed."""
    y, x = np.mgrid[: n + 1, : n + 1] / n
    uv = np.column_stack([x.ravel(), y.ravel()])
    i = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    faces = np.vstack([np.column_stack([i, i + 1, i + n + 2]), np.column_stack([i, i + n + 2, i + n + 1])])
    return np.column_stack([uv, np.zeros(len(uv))]), faces, uv


def bilinear(picture: Pil.Image, uv: np.ndarray) -> np.ndarray:
    """(N, 3) linear light."""
    pixels = srgb_to_linear(np.asarray(picture.convert("RGB")) / 255)
    h, w = pixels.shape[:2]
    x, y = uv[:, 0] * w - 0.5, (1 - uv[:, 1]) * h - 0.5
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    s, t = (x - i)[:, None], (y - j)[:, None]
    row = [(1 - s) * pixels[(j + k) % h, i % w] + s * pixels[(j + k) % h, (i + 1) % w] for k in (0, 1)]
    return (1 - t) * row[0] + t * row[1]


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("textured", [True, False])
def test_every_point_of_every_triangle(n: int, textured: bool) -> None:
    v, f, uv = sheet(n)
    f = f[:-1] if n > 1 else f
    colours = np.column_stack([RNG.integers(0, 256, (len(v), 3)), np.full(len(v), 255)]).astype(np.uint8)
    picture = smooth_picture() if textured else None
    part = Part(v, f, uv if textured else None, colours, Material("m", texture=picture))
    baked = bake_colours(part, needs_texture=True)
    assert baked.colours is None and baked.uv is not None and baked.material is not None
    assert np.array_equal(baked.vertices[baked.faces], v[f]) and baked.material.texture is not None
    weight = RNG.dirichlet([1, 1, 1], 20)
    for old, new in zip(f, baked.faces):
        light = weight @ srgb_to_linear(colours[old, :3] / 255)
        if textured:
            light = light * bilinear(smooth_picture(), weight @ uv[old])
        got = bilinear(baked.material.texture, weight @ baked.uv[new])
        error = np.abs(got - light)
        assert np.median(error) < 0.002 and error.max() < 0.1  # worst where colours clip beyond a triangle


def test_one_colour_becomes_the_base_colour() -> None:
    v, f, uv = sheet(2)
    colours = np.tile(np.array([255, 128, 0, 128], np.uint8), (len(v), 1))
    picture = smooth_picture()
    baked = bake_colours(Part(v, f, uv, colours, Material("m", (255, 128, 255, 255), picture)))
    assert baked.material is not None and baked.material.texture is picture and baked.colours is None
    green = round(linear_to_srgb(srgb_to_linear(np.array(128 / 255)) ** 2).item() * 255)
    assert baked.material.colour == (255, green, 0, 128) and baked.uv is uv


def test_a_texture_of_one_colour_leaves_vertex_colours() -> None:
    v, f, uv = sheet(1)
    colours = np.array([[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255], [255, 255, 255, 128]], np.uint8)
    plain = Material("m", texture=Pil.new("RGB", (9, 9), (128, 255, 255)))
    baked = bake_colours(Part(v, f, uv, colours, plain))
    assert baked.colours is not None and baked.uv is None and baked.colours[0].tolist() == [128, 0, 0, 255]
    assert baked.colours[3].tolist() == [128, 255, 255, 128] and baked.material is not None
    assert baked.material.texture is None and baked.material.colour == (255,) * 4


@pytest.mark.slow
def test_alpha_is_kept_and_sizes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    v, f, uv = sheet(4)
    colours = RNG.integers(0, 256, (len(v), 4)).astype(np.uint8)
    part = Part(v, f, uv, colours, Material("m", texture=smooth_picture(512)))
    baked = bake_colours(part)
    assert baked.material is not None and baked.material.texture is not None
    assert baked.material.texture.mode == "RGBA"
    monkeypatch.setattr(baking, "MAX_TEXELS", 1 << 12)
    small = bake_colours(part)
    assert small.material is not None and small.material.texture is not None
    assert np.prod(small.material.texture.size) < 4 << 12
    monkeypatch.setattr(baking, "MAX_TEXELS", 1)
    assert bake_colours(part).uv is uv and bake_colours(part).colours is None


def test_parts_without_vertex_colours_are_unchanged_and_white_is_neutral() -> None:
    v, f, uv = sheet(1)
    part = Part(v, f, uv, None, Material())
    assert bake_colours(part) is part
    assert multiply((255,) * 4, (1, 2, 3, 4)) == multiply((1, 2, 3, 4), (255,) * 4) == (1, 2, 3, 4)  # type: ignore[arg-type]
