"""Colours and textures arrive at the repaired mesh where they belong."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import trimesh
from trimesh.visual import TextureVisuals

from lift3d.geometry.repair.transfer_visuals import transfer_visuals
from lift3d.geometry.repair.working_mesh import Soup


def soup(mesh: trimesh.Trimesh) -> Soup:
    """The mesh as a soup whose faces come from themselves."""
    f = np.asarray(mesh.faces, np.int32)
    return Soup(np.asarray(mesh.vertices, np.float64), f, np.arange(len(f), dtype=np.int32))


def coloured() -> trimesh.Trimesh:
    """A ball whose colour is a linear function of position."""
    ball = trimesh.creation.icosphere(3)
    rgb = np.rint((np.asarray(ball.vertices) + 1) * 127.5).astype(np.uint8)
    ball.visual.vertex_colors = np.column_stack([rgb, np.full(len(rgb), 255, np.uint8)])
    return ball


def test_without_colours_there_is_nothing_to_transfer() -> None:
    ball = trimesh.creation.icosphere(1)
    mesh, phrase = transfer_visuals(ball, soup(ball))
    assert phrase == "no colours or texture" and len(mesh.faces) == 80


def test_colours_are_interpolated_at_the_closest_points() -> None:
    ball = coloured()
    ball.units = "m"
    other = trimesh.creation.icosphere(2)
    new = Soup(
        np.asarray(other.vertices) * 0.98, np.asarray(other.faces, np.int32), np.full(320, -1, np.int32)
    )
    mesh, phrase = transfer_visuals(ball, new)
    expected = (np.asarray(other.vertices) + 1) * 127.5
    assert phrase == "colours kept" and mesh.units == "m"
    assert np.abs(np.asarray(mesh.visual.vertex_colors)[:, :3] - expected).max() < 3


def textured() -> trimesh.Trimesh:
    """A box with a seam: every face has its own texture coordinates."""
    box = trimesh.creation.box()
    corners = np.asarray(box.vertices)[np.asarray(box.faces)].reshape(-1, 3)
    mesh = trimesh.Trimesh(corners, np.arange(36).reshape(-1, 3), process=False)
    uv = np.random.default_rng(0).random((36, 2))
    picture = PIL.Image.fromarray(np.random.default_rng(1).integers(0, 255, (8, 8, 3), np.uint8))
    mesh.visual = TextureVisuals(uv=uv, image=picture)
    return mesh


def test_texture_coordinates_survive_welding_and_flipped_faces() -> None:
    mesh = textured()
    box = trimesh.creation.box()
    welded = soup(box).flip_faces(np.arange(12) % 2 == 0)
    out, phrase = transfer_visuals(mesh, welded)
    assert phrase == "texture kept"
    source = {
        (tuple(np.round(p, 6)), i): uv
        for i, face in enumerate(np.asarray(mesh.faces))
        for p, uv in zip(np.asarray(mesh.vertices)[face], np.asarray(mesh.visual.uv)[face])
    }
    for i, face in enumerate(np.asarray(out.faces)):
        for p, uv in zip(np.asarray(out.vertices)[face], np.asarray(out.visual.uv)[face]):
            assert np.allclose(source[tuple(np.round(p, 6)), i], uv)


def test_a_texture_becomes_vertex_colours_where_faces_are_new() -> None:
    mesh = textured()
    box = trimesh.creation.box().subdivide()
    new = Soup(
        np.asarray(box.vertices), np.asarray(box.faces, np.int32), np.full(len(box.faces), -1, np.int32)
    )
    out, phrase = transfer_visuals(mesh, new)
    assert phrase.startswith("texture became vertex colours")
    assert np.asarray(out.visual.vertex_colors).shape == (len(box.vertices), 4)


@pytest.mark.parametrize("faces", [5, 12])
def test_unused_vertices_are_dropped(faces: int) -> None:
    ball = coloured()
    out, _ = transfer_visuals(ball, soup(ball).select(np.arange(len(ball.faces)) < faces))
    assert len(out.vertices) == len(np.unique(np.asarray(ball.faces)[:faces]))
