"""STL: bytes of the format, welded corners, units, and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.io.mesh import stl
from lift3d.types import Part

BOX = trimesh.creation.box()
PART = Part(np.asarray(BOX.vertices), np.asarray(BOX.faces))


def test_header_count_and_records() -> None:
    data = stl.write(PART, "m")
    assert data[:26] == b"lift3d binary STL unit: mm" and not data.startswith(b"solid")
    assert struct.unpack_from("<I", data, 80) == (12,) and len(data) == 84 + 12 * 50


@pytest.mark.parametrize("unit", ["m", None])
def test_written_and_read_again(unit: str | None) -> None:
    model = stl.read(stl.write(PART, unit), Path("a.stl"))
    (part,) = model.parts
    assert model.unit == unit and len(part.vertices) == 8
    assert np.allclose(part.vertices[part.faces], PART.vertices[PART.faces], atol=1e-6)


def test_normals_have_unit_length_and_point_outward() -> None:
    records = np.frombuffer(stl.write(PART, None), stl._RECORD, 12, 84)
    centres = records["corners"].mean(1)
    assert (
        np.allclose(np.linalg.norm(records["normal"], axis=1), 1)
        and ((records["normal"] * centres).sum(1) > 0).all()
    )


def test_a_face_without_area_has_a_zero_normal() -> None:
    data = stl.write(Part(np.eye(3), np.array([[0, 0, 1]])), None)
    assert np.frombuffer(data, stl._RECORD, 1, 84)["normal"].tolist() == [[0, 0, 0]]


@given(
    st.lists(st.tuples(*[st.integers(-2, 2)] * 3), min_size=3, max_size=30).map(
        lambda x: x[: len(x) // 3 * 3]
    )
)
@settings(max_examples=40, deadline=None)
def test_welding_keeps_corners_and_merges_equal_ones(corners: list[tuple[int, int, int]]) -> None:
    array = np.array(corners, np.float64) * -0.5
    part = stl.weld_corners(array)
    assert np.array_equal(part.vertices[part.faces].reshape(-1, 3), array + 0.0)
    assert len(part.vertices) == len({tuple(row) for row in (array + 0.0).tolist()})


def test_text_with_any_spacing() -> None:
    text = "solid a\nfacet normal 0 0 1\n outer loop\n vertex 0 0 0\n\tvertex  1 0 0\n vertex 0 1e0 0\n endloop\nendfacet\n"
    (part,) = stl.read(text.encode(), Path("a.stl")).parts
    assert part.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an STL file"),
        (b"x" * 83, "not an STL file"),
        (bytes(84), "no triangles"),
        (bytes(80) + struct.pack("<I", 2) + bytes(50), "should hold 2 triangles"),
        (bytes(80) + struct.pack("<I", 2**32 - 1), "cut short"),
        (b"solid a\nvertex 0 0 0\nvertex 1 0 0\n", "fewer than three corners"),
    ],
)
def test_hostile_files(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stl.read(data, Path("a.stl"))
