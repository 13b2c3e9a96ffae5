"""Models to one mesh and back: geometry, colours, textures, units, axes and hostile input."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from PIL import Image

from lift3d.errors import InputError
from lift3d.geometry.parts import convert
from lift3d.types import GREY, Material, Model, Part


def triangle(offset: float = 0.0, **extra) -> Part:
    """One triangle at a height."""
    v = np.array([[0, 0, offset], [1, 0, offset], [0, 1, offset]], np.float64)
    return Part(v, np.array([[0, 1, 2]]), **extra)


def picture(colour: tuple[int, int, int]) -> Image.Image:
    """A texture of one colour."""
    return Image.new("RGB", (8, 8), colour)


UV = np.array([[0.2, 0.2], [0.8, 0.2], [0.2, 0.8]])


def test_axes_are_rotations_that_invert_each_other() -> None:
    v = np.random.default_rng(0).normal(size=(10, 3))
    assert np.array_equal(convert.z_up_to_y_up(convert.y_up_to_z_up(v)), v)
    assert np.array_equal(convert.y_up_to_z_up(np.array([[0, 1.0, 0]])), [[0, 0, 1]])
    basis = convert.y_up_to_z_up(np.eye(3))
    assert np.linalg.det(basis) == pytest.approx(1)
    assert np.array_equal(
        convert.y_up_to_z_up_parts([triangle()])[0].vertices, convert.y_up_to_z_up(triangle().vertices)
    )


@pytest.mark.parametrize(
    ("part", "phrase"),
    [
        (Part(np.zeros((3, 2)), np.zeros((1, 3), int)), "triangles"),
        (Part(np.zeros((3, 3)), np.zeros((1, 4), int)), "triangles"),
        (Part(np.full((3, 3), np.nan), np.zeros((1, 3), int)), "3 vertices with numbers that are not finite"),
        (Part(np.array([[0, 0, 1e31]]), np.zeros((1, 3), int)), "a vertex with numbers"),
        (Part(np.zeros((3, 3)), np.array([[0, 1, 3]])), "out of range"),
        (Part(np.zeros((3, 3)), np.array([[0, 1, -1]])), "out of range"),
        (Part(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.zeros((2, 2))), "texture coordinates"),
        (Part(np.zeros((3, 3)), np.array([[0, 1, 2]]), None, np.zeros((3, 3), np.uint8)), "colours"),
    ],
)
def test_invalid_parts_are_refused_by_name(part: Part, phrase: str) -> None:
    with pytest.raises(InputError, match=phrase) as error:
        convert.validate_part(part, "cup.obj")
    assert "cup.obj" in str(error.value)


def test_texture_coordinates_that_are_not_finite_become_zero() -> None:
    uv = np.array([[np.nan, 0.5], [1e9, 0], [0.3, -np.inf]])
    assert np.array_equal(convert.validate_part(triangle(uv=uv), "x").uv, [[0, 0.5], [0, 0], [0.3, 0]])


def test_parts_are_one_mesh_with_unit_and_warnings() -> None:
    model = Model([triangle(), triangle(1.0)], "mm", ["twice", "twice", "once"])
    mesh = convert.model_to_mesh(model, "x")
    assert mesh.units == "mm" and mesh.metadata["warnings"] == ["twice", "once"]
    assert np.asarray(mesh.faces).tolist() == [[0, 1, 2], [3, 4, 5]] and mesh.bounds[1, 2] == 1
    with pytest.raises(InputError, match="no triangles"):
        convert.model_to_mesh(Model([Part(np.zeros((3, 3)), np.zeros((0, 3), int))]), "x")


def test_one_texture_is_kept_and_two_are_packed() -> None:
    red, blue = (Material("m", (255,) * 4, picture(c)) for c in ((255, 0, 0), (0, 0, 255)))
    same = convert.model_to_mesh(
        Model([triangle(uv=UV, material=red), triangle(1, uv=UV, material=red)]), "x"
    )
    assert same.visual.material.baseColorTexture is red.texture and np.allclose(
        same.visual.uv, np.tile(UV, (2, 1))
    )
    both = convert.model_to_mesh(
        Model([triangle(uv=UV, material=red), triangle(1, uv=UV, material=blue)]), "x"
    )
    colours = convert.vertex_colours(convert.mesh_to_part(both))
    assert (colours[:3, :3] == [255, 0, 0]).all() and (colours[3:, :3] == [0, 0, 255]).all()


def test_colours_and_plain_materials_become_vertex_colours() -> None:
    own = np.array([[1, 2, 3, 255], [4, 5, 6, 255], [7, 8, 9, 255]], np.uint8)
    model = Model([triangle(colours=own), triangle(1, material=Material("m", (9, 9, 9, 255))), triangle(2)])
    found = np.asarray(convert.model_to_mesh(model, "x").visual.vertex_colors)
    assert (
        np.array_equal(found[:3], own) and (found[3:6] == [9, 9, 9, 255]).all() and (found[6:] == GREY).all()
    )


def test_a_mesh_comes_back_as_a_part() -> None:
    own = np.random.default_rng(0).integers(0, 255, (3, 4), np.uint8)
    mesh = convert.model_to_mesh(Model([triangle(colours=own)]), "x")
    back = convert.mesh_to_part(mesh)
    assert np.array_equal(back.vertices, triangle().vertices) and np.array_equal(back.colours, own)


def test_face_colours_split_the_vertices() -> None:
    box = trimesh.creation.box()
    box.visual.face_colors = np.arange(12)[:, None] * np.array([20, 1, 2, 0]) + [0, 0, 0, 255]
    part = convert.mesh_to_part(box)
    assert np.array_equal(part.vertices[part.faces], np.asarray(box.vertices)[np.asarray(box.faces)])
    assert (part.colours[part.faces] == np.asarray(box.visual.face_colors)[:, None]).all()


@pytest.mark.parametrize(("unit", "factor"), [("mm", 0.001), ("cm", 0.01), ("m", 1.0), ("inches", 0.0254)])
def test_units_have_exact_factors(unit: str, factor: float) -> None:
    box = trimesh.creation.box()
    assert convert.scale_to_metres(box) is None
    box.units = unit
    assert convert.scale_to_metres(box) == factor


def test_unknown_units_are_refused() -> None:
    box = trimesh.creation.box()
    box.units = "parsnips"
    with pytest.raises(InputError, match="parsnips"):
        convert.scale_to_metres(box)


def test_texels_are_read_where_the_coordinates_point_also_beyond_1() -> None:
    pixels = np.zeros((2, 2, 3), np.uint8)
    pixels[0, 0], pixels[0, 1], pixels[1, 0], pixels[1, 1] = [10] * 3, [20] * 3, [30] * 3, [40] * 3
    material = Material("m", (255, 255, 255, 255), Image.fromarray(pixels))
    uv = np.array([[0.25, 0.25], [0.75, 0.25], [1.25, 1.75]])  # v runs upward, rows run downward
    assert convert.vertex_colours(triangle(uv=uv, material=material))[:, 0].tolist() == [30, 40, 10]
    assert convert.vertex_colours(triangle()) is None
    v, f = convert.concatenate_parts([triangle(), triangle(1)])
    assert v.shape == (6, 3) and f.dtype == np.int32 and f.tolist() == [[0, 1, 2], [3, 4, 5]]
