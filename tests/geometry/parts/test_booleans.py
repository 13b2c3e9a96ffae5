"""Boolean operations on bodies: exact volumes, and properties that stay with the surface they belong to."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.parts.booleans import body_of_parts
from lift3d.types import Material, Part


def box(size: tuple[float, ...], at: tuple[float, ...], material: Material | None = None) -> list[Part]:
    mesh = trimesh.creation.box(size)
    mesh.apply_translation(np.array(size) / 2 + at)
    return [Part(np.asarray(mesh.vertices), np.asarray(mesh.faces, np.int64), None, None, material)]


def volume(parts: list[Part]) -> float:
    return float(sum(np.linalg.det(p.vertices[p.faces]).sum() / 6 for p in parts))


@pytest.mark.parametrize(("operation", "expected"), [("union", 15), ("difference", 3), ("intersection", 3)])
def test_volumes_are_exact(operation: str, expected: float) -> None:
    a, b = body_of_parts(box((1, 2, 3), (0, 0, 0))), body_of_parts(box((2, 4, 1.5), (-0.5, -1, 1.5)))
    assert a is not None and b is not None
    assert volume(a.combined(operation, [b]).parts()) == pytest.approx(expected)


def test_the_wall_of_a_hole_has_the_material_of_what_was_cut_away() -> None:
    red, blue = Material("red", (255, 0, 0, 255)), Material("blue", (0, 0, 255, 255))
    a, b = body_of_parts(box((1, 2, 3), (0, 0, 0), red)), body_of_parts(box((2, 4, 2), (-0.5, -1, 1.5), blue))
    assert a is not None and b is not None
    parts = {p.material.name: p for p in a.combined("difference", [b]).parts() if p.material}
    assert set(parts) == {"red", "blue"}
    assert np.allclose(parts["blue"].vertices[parts["blue"].faces][..., 2], 1.5)


def test_texture_coordinates_and_colours_are_interpolated() -> None:
    (plain,) = box((1, 1, 1), (0, 0, 0))
    rgba = np.column_stack([plain.vertices * 200, np.full(8, 255)]).astype(np.uint8)
    uv = np.ascontiguousarray(plain.vertices[:, :2])
    cut = body_of_parts(box((2, 2, 2), (0.5, -0.5, -0.5)))
    for part in (Part(plain.vertices, plain.faces, uv), Part(plain.vertices, plain.faces, None, rgba)):
        body = body_of_parts([part])
        assert body is not None and cut is not None
        kept = max(body.combined("difference", [cut]).parts(), key=lambda p: len(p.faces))
        if kept.uv is not None:
            assert np.allclose(kept.uv, kept.vertices[:, :2])
        else:
            assert kept.colours is not None
            assert np.abs(kept.colours[:, :3] - kept.vertices * 200.0).max() <= 1


def test_a_body_of_several_parts_is_joined_by_position() -> None:
    (whole,) = box((1, 2, 3), (0, 0, 0))
    halves = [
        Part(whole.vertices[whole.faces[rows]].reshape(-1, 3), np.arange(18).reshape(6, 3), None, None, m)
        for rows, m in ((slice(0, 6), Material("a")), (slice(6, 12), Material("b")))
    ]
    body = body_of_parts(halves)
    assert body is not None and volume(body.parts()) == pytest.approx(6)
    assert sorted(len(p.faces) for p in body.parts()) == [6, 6]


def test_what_is_inside_out_is_turned_and_what_is_open_is_none() -> None:
    (part,) = box((1, 2, 3), (0, 0, 0))
    turned = body_of_parts([Part(part.vertices, part.faces[:, ::-1])])
    assert turned is not None and volume(turned.parts()) == pytest.approx(6)
    assert body_of_parts([Part(part.vertices, part.faces[:-1])]) is None
    assert body_of_parts([]) is None
