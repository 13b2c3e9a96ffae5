"""Drawables: colours, textures and alpha modes of meshes and parts become the arrays of the renderer."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import ALPHA_MODE, COLOURS, FLAT, LEVELS, NORMALS, UV, drawable
from lift3d.geometry.render.texture_sampling import BLENDED, MASKED, OPAQUE
from lift3d.types import Material, Part

V = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
F = np.array([[0, 1, 2], [0, 2, 3]])
UV_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])


def picture(seed: int = 0, alpha: int | None = None) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3 if alpha is None else 4)).astype(np.uint8)
    if alpha is not None:
        pixels[..., 3] = alpha
    return Image.fromarray(pixels)


def test_a_mesh_without_colours_is_grey() -> None:
    ready = drawable(trimesh.creation.box())
    assert np.ptp(ready.colours) == 0 and len(ready.texels) == 0
    assert not ready.has_blended and not ready.has_masked
    centre, radius = ready.bounding_sphere
    np.testing.assert_allclose(centre, 0, atol=1e-12)
    assert radius == pytest.approx(np.sqrt(3) / 2)


def test_vertex_and_face_colours_are_linear_at_the_corners() -> None:
    box = trimesh.creation.box()
    rng = np.random.default_rng(1)
    by_vertex, by_face = box.copy(), box.copy()
    colours = np.c_[rng.integers(0, 256, (8, 3)), np.full(8, 255)].astype(np.uint8)
    by_vertex.visual.vertex_colors = colours
    np.testing.assert_allclose(drawable(by_vertex).colours, srgb8_to_linear(colours[box.faces][..., :3]))
    colours = np.c_[rng.integers(0, 256, (12, 3)), np.full(12, 255)].astype(np.uint8)
    by_face.visual.face_colors = colours
    expected = np.repeat(srgb8_to_linear(colours[:, None, :3]), 3, 1)
    np.testing.assert_allclose(drawable(by_face).colours, expected)


def test_columns_of_the_kernel_arrays() -> None:
    ready = drawable([Part(V, F, UV_SQUARE, None, Material("m", (255, 128, 0, 255), picture()))])
    face = ready.surface.face
    np.testing.assert_allclose(face[:, FLAT:NORMALS], [[0, 0, 1]] * 2)
    np.testing.assert_allclose(face[:, NORMALS:COLOURS].reshape(2, 3, 3), ready.normals)
    expected = [*srgb8_to_linear(np.array([255, 128, 0])), 1]
    np.testing.assert_allclose(face[:, COLOURS:UV].reshape(6, 4), [expected] * 6, rtol=1e-6)
    np.testing.assert_allclose(face[:, UV:LEVELS].reshape(2, 3, 2), UV_SQUARE[F])
    np.testing.assert_array_equal(face[:, LEVELS : LEVELS + 2], [[0, 4]] * 2)  # 8, 4, 2, 1 texels a side
    assert (face[:, ALPHA_MODE] == OPAQUE).all()
    np.testing.assert_array_equal(ready.surface.corners, V[F])


def test_parts_keep_their_textures_apart_and_share_equal_ones() -> None:
    first, second = picture(0), picture(1)
    parts = [Part(V, F, UV_SQUARE, None, Material("m", (255,) * 4, p)) for p in (first, second, first, None)]
    ready = drawable(parts)
    assert ready.texture_index is not None and ready.first_level is not None
    np.testing.assert_array_equal(ready.texture_index, [0, 0, 1, 1, 0, 0, -1, -1])
    np.testing.assert_array_equal(ready.first_level, [0, 4, 8])
    np.testing.assert_array_equal(ready.f[2:4], F + 4)
    for k, image in enumerate((first, second)):
        offset, height, width = ready.levels[ready.first_level[k]]
        stored = ready.texels[offset : offset + height * width].reshape(height, width, 4)
        np.testing.assert_array_equal(stored[..., :3], np.asarray(image))
    assert (ready.surface.face[6:, LEVELS] == -1).all()


@pytest.mark.slow
def test_alpha_modes_of_materials_and_textures() -> None:
    holes = np.asarray(picture(2, 255)).copy()
    holes[::2, :, 3] = 0
    cases = [
        (Material("m", (255, 255, 255, 255), picture(2, 255)), OPAQUE),
        (Material("m", (255, 255, 255, 255), Image.fromarray(holes)), MASKED),
        (Material("m", (255, 255, 255, 255), picture(2, 120)), BLENDED),
        (Material("m", (255, 255, 255, 100), None), BLENDED),
    ]
    ready = drawable([Part(V, F, UV_SQUARE, None, material) for material, _ in cases])
    assert ready.alpha_modes is not None
    np.testing.assert_array_equal(ready.alpha_modes[::2], [mode for _, mode in cases])
    assert ready.has_masked and ready.has_blended


def test_an_invisible_object_is_drawn_opaque() -> None:
    ready = drawable([Part(V, F, None, None, Material("m", (200, 0, 0, 0), None))])
    assert ready.alpha is not None and (ready.alpha == 1).all() and not ready.has_blended


def test_texture_coordinates_are_wrapped_by_whole_numbers() -> None:
    shifted = UV_SQUARE * 0.5 + [7, -3]
    ready = drawable([Part(V, F, shifted, None, Material("m", (255,) * 4, picture()))])
    np.testing.assert_allclose(ready.uv, UV_SQUARE[F] * 0.5, atol=1e-6)


def test_meshes_that_cannot_be_drawn_are_refused() -> None:
    with pytest.raises(InputError, match="no faces"):
        drawable(trimesh.Trimesh())
    broken = V.copy()
    broken[2] = np.nan
    with pytest.raises(InputError, match="not finite"):
        drawable([Part(broken, F, None, None, None)])
    unused = np.concatenate([V, [[np.inf] * 3]])
    assert len(drawable([Part(unused, F, None, None, None)]).f) == 2
