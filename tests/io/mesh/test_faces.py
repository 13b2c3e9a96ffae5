"""Faces with colours, and faces that are not finite."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.io.mesh.faces import finite_parts, paint_faces, rgba_bytes
from lift3d.types import Part

XYZ = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def test_one_colour_is_a_material_and_several_split_vertices() -> None:
    one = paint_faces(XYZ, FACES, np.array([[1, 2, 3, 4]] * 2, np.uint8))
    assert one.material is not None and one.material.colour == (1, 2, 3, 4) and len(one.vertices) == 4
    two = paint_faces(XYZ, FACES, np.array([[1, 2, 3, 4], [255, 254, 253, 252]], np.uint8))
    assert len(two.vertices) == 6 and two.colours is not None
    assert two.colours[two.faces].tolist() == [[[1, 2, 3, 4]] * 3, [[255, 254, 253, 252]] * 3]
    assert np.array_equal(two.vertices[two.faces], XYZ[FACES])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e31])
def test_faces_that_are_not_finite_are_left_out(bad: float) -> None:
    xyz, notes = XYZ.copy(), list[str]()
    xyz[3, 1] = bad
    (part,) = finite_parts([Part(xyz, FACES, XYZ[:, :2], np.zeros((4, 4), np.uint8))], notes)
    assert part.faces.tolist() == [[0, 1, 2]] and len(part.vertices) == 3 and len(notes) == 1
    assert part.uv is not None and part.colours is not None and len(part.uv) == len(part.colours) == 3
    whole = Part(np.full((3, 3), bad), np.array([[0, 1, 2]]))
    assert finite_parts([whole], notes)[0] is whole and len(notes) == 1


def test_fractions_bytes_and_missing_values() -> None:
    assert rgba_bytes(np.array([[0.8, 0.4, 0.2], [1, 0, np.nan]])).tolist() == [
        [204, 102, 51, 255],
        [200, 200, 200, 255],
    ]
    assert rgba_bytes(np.array([[204, 102, 51, 1.0], [9, 9, 9, 0.5]])).tolist() == [
        [204, 102, 51, 255],
        [9, 9, 9, 128],
    ]
    assert rgba_bytes(np.array([[1, 1, 0.0]]), whole=True).tolist() == [[1, 1, 0, 255]]
