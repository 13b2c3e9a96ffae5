"""Simplified parts keep their shape, their texture where it was, and where they meet."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import trimesh

from lift3d.geometry.mesh.distances import closest_points
from lift3d.geometry.parts.sampling import sample_parts
from lift3d.geometry.parts.simplify import simplify_parts
from lift3d.types import Material, Part

GRADIENT = PIL.Image.fromarray(
    np.stack(
        [*np.meshgrid(np.linspace(0, 255, 256), np.linspace(255, 0, 256)), np.full((256, 256), 90.0)], -1
    )
    .round()
    .astype(np.uint8)
)
"""Red grows to the right, green upwards: a colour says where on the picture it is."""


def wavy(n: int = 60, uv: bool = True) -> Part:
    """A sheet of 2 n^2 faces over the unit square, textured from above."""
    x, y = np.meshgrid(np.linspace(0, 1, n + 1), np.linspace(0, 1, n + 1), indexing="ij")
    v = np.stack([x, y, 0.05 * np.sin(7 * x) * np.cos(5 * y)], -1).reshape(-1, 3)
    at = np.arange((n + 1) ** 2).reshape(n + 1, n + 1)
    a, b, c, d = (q.ravel() for q in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    f = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Part(v, f, v[:, :2].copy() if uv else None, None, Material("m", texture=GRADIENT))


@pytest.mark.slow
def test_the_texture_stays_where_it_was() -> None:
    part = wavy()
    (simple,) = simplify_parts([part], 600)
    assert 200 < len(simple.faces) <= 1200 < len(part.faces)
    s = sample_parts([simple], 3000)
    assert np.abs(s.colours[:, 0] / 255 - s.points[:, 0]).max() < 0.03
    assert np.abs(s.colours[:, 1] / 255 - s.points[:, 1]).max() < 0.03
    assert closest_points(part.vertices, part.faces, s.points)[1].max() < 0.01


def test_no_face_reaches_over_a_seam() -> None:
    """Two halves of a ball lie on two far corners of the picture; no colour between them may appear."""
    ball = trimesh.creation.icosphere(5)
    v, f = np.asarray(ball.vertices), np.asarray(ball.faces)
    upper = v[f].mean(1)[:, 2] > 0
    corners = v[f].reshape(-1, 3)
    uv = np.where(np.repeat(upper, 3)[:, None], 0.95, 0.05) * np.ones((1, 2))
    part = Part(corners, np.arange(len(corners)).reshape(-1, 3), uv, None, Material("m", texture=GRADIENT))
    (simple,) = simplify_parts([part], 800)
    assert len(simple.faces) < 1000
    red = sample_parts([simple], 4000).colours[:, 0] / 255
    assert (np.minimum(np.abs(red - 0.05), np.abs(red - 0.95)) < 0.02).all()


def test_borders_of_parts_keep_meeting_and_small_parts_are_unchanged() -> None:
    part = wavy(uv=False)
    right = part.vertices[part.faces].mean(1)[:, 0] > 0.5
    halves = [Part(part.vertices, part.faces[m], material=part.material) for m in (right, ~right)]
    tiny = Part(part.vertices[:3] + 5, np.array([[0, 1, 2]]))
    out = simplify_parts([*halves, tiny], 900)
    assert out[2] is tiny and sum(len(p.faces) for p in out) < 2500
    edge = part.vertices[np.isclose(part.vertices[:, 0], 0.5)]
    for half in out[:2]:
        assert closest_points(half.vertices, half.faces, edge)[1].max() < 2e-3


def test_few_faces_are_left_alone() -> None:
    parts = [wavy(4)]
    assert simplify_parts(parts, 100) is parts
