"""Scenes of quads, boxes, cylinders and placed drawables: equal to the same scene built as one mesh."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.geometry.render.assembly import SceneBuilder, Texture
from lift3d.geometry.render.drawable import drawable
from lift3d.geometry.render.renderer import render
from lift3d.types import Material, Part


def outward(builder: SceneBuilder, centre: np.ndarray) -> float:
    """The least of n . (corner - centre) over all faces, n by the right-hand rule."""
    made = builder.build()
    v = made.v[made.f]
    n = np.cross(v[:, 1] - v[:, 0], v[:, 2] - v[:, 0])
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    assert np.allclose((n[:, None] * made.normals).sum(-1), 1, atol=0.05), (
        "the normals disagree with the winding"
    )
    return float((n * (v.mean(1) - centre)).sum(1).min())


def test_boxes_are_closed_with_normals_outward() -> None:
    b = SceneBuilder()
    b.box((1, 2, 3), (1, 2, 0.5), 0.7)
    made = b.build()
    assert outward(b, np.array([1, 2, 3])) == pytest.approx(0.25)
    mesh = trimesh.Trimesh(made.v, made.f)
    assert mesh.is_watertight and mesh.volume == pytest.approx(1.0)


def test_cylinders_are_closed_with_normals_outward() -> None:
    b = SceneBuilder()
    b.cylinder((1, 0, -1), 0.3, 0.3, 2.0, sides=40)
    made = b.build()
    assert outward(b, np.array([1, 0, 0])) > 0.29
    mesh = trimesh.Trimesh(made.v, made.f)
    mesh.merge_vertices()
    assert mesh.is_watertight and mesh.volume == pytest.approx(np.pi * 0.09 * 2, rel=0.01)


def test_a_texture_repeats_at_its_length() -> None:
    rng = np.random.default_rng(0)
    texture = Texture.of(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    b = SceneBuilder()
    b.quad((0, 0, 0), (3, 0, 0), (0, 2, 0), texture, repeat=0.5)
    uv = b.build().uv.reshape(-1, 2)
    assert np.ptp(uv, axis=0).tolist() == [6, 4]
    b.box((0, 0, 0), (1, 2, 3), 0.0, texture, repeat=0.5)
    spans = {tuple(np.ptp(x.reshape(-1, 2), axis=0)) for x in b.build().uv[2:].reshape(6, 6, 2)}
    assert spans == {(4, 2), (2, 4), (2, 6), (6, 2), (6, 4), (4, 6)}


def test_a_placed_drawable_equals_the_transformed_mesh() -> None:
    rng = np.random.default_rng(1)
    from PIL import Image as Pil

    picture = Pil.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8))
    ball = trimesh.creation.icosphere(3)
    uv = np.asarray(ball.vertices)[:, :2]
    part = Part(
        np.asarray(ball.vertices, np.float64), np.asarray(ball.faces), uv, None, Material(texture=picture)
    )
    plain = Part(part.vertices + [2.0, 0, 0], part.faces)
    matrix = np.array([[0, -0.5, 0, 1], [0.5, 0, 0, -2], [0, 0, 0.5, 3], [0, 0, 0, 1.0]])
    builder = SceneBuilder()
    builder.place(drawable([part, plain]), matrix)
    made = builder.build()
    moved = [
        Part(p.vertices @ matrix[:3, :3].T + matrix[:3, 3], p.faces, p.uv, None, p.material)
        for p in (part, plain)
    ]
    expected = drawable(moved)
    for camera in orbit_cameras(made.v, 2, 60, 40):
        a, b = render(made, camera), render(expected, camera)
        assert np.array_equal(a.mask, b.mask) and np.allclose(a.depth.z, b.depth.z, rtol=1e-5)
        assert np.abs(a.rgb.astype(int) - b.rgb.astype(int)).max() <= 1


def test_equal_textures_are_stored_once() -> None:
    texture = Texture.of(np.full((4, 4, 3), 200, np.uint8))
    b = SceneBuilder()
    for k in range(3):
        b.quad((k, 0, 0), (1, 0, 0), (0, 1, 0), texture)
    assert len(b.build().texels) == len(texture.texels)


def test_an_empty_scene_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        SceneBuilder().build()
