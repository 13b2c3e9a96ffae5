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
from lift3d.types import Model, Part

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
        (bytes(80) + struct.pack("<I", 2) + bytes(60), "should hold 2 triangles"),
        (bytes(80) + struct.pack("<I", 2**32 - 1), "cut short"),
        (b"solid a\nvertex 0 0 0\nvertex 1 0 0\n", "fewer than three corners"),
    ],
)
def test_hostile_files(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stl.read(data, Path("a.stl"))


def text_box(**changes: str) -> str:
    """A box of 1 x 2 x 3 as a text STL, with replacements."""
    box = trimesh.creation.box((1, 2, 3))
    text = trimesh.exchange.stl.export_stl_ascii(box).replace("solid \n", "solid box\n")
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def binary_box(
    count: int | None = None, attribute: int = 0, head: bytes = b"box", more: bytes = b""
) -> bytes:
    records = np.frombuffer(stl.write(PART, None), stl._RECORD, 12, 84).copy()
    records["attribute"] = attribute
    return head.ljust(80) + struct.pack("<I", 12 if count is None else count) + records.tobytes() + more


def is_box(model: Model) -> bool:
    (part,) = model.parts
    return len(part.faces) == 12 and len(part.vertices) == 8


@pytest.mark.parametrize(
    "data",
    [
        text_box().encode(),
        text_box().upper().encode(),
        b"\xef\xbb\xbf" + text_box().encode(),
        text_box().encode("utf-16"),
        text_box().encode("utf-16-be"),
        b"\n  " + text_box().encode(),
        text_box().replace("\n", "\r\n").encode(),
        text_box().replace("\n", "\r").encode(),
        text_box().replace("solid box", "solid vertex group facet cube v2 endloop").encode(),
        text_box().replace("solid box", "solid").encode(),
        text_box().replace("endsolid", "end solid").encode(),
        " ".join(text_box().split()).encode(),
        text_box().partition("\n")[2].encode(),
        b"solid w\xfcrfel\n" + text_box().partition("\n")[2].encode(),
        text_box().replace(".0", ",0").replace(".5", ",5").encode(),
    ],
)
def test_forms_of_the_text(data: bytes) -> None:
    model = stl.read(data, Path("a.stl"))
    assert is_box(model) and model.warnings == []


def test_several_solids_are_one_part_and_a_missing_end_is_said() -> None:
    other = text_box().replace(" 0.5", " 7.5")
    model = stl.read((text_box() + other).encode(), Path("a.stl"))
    assert len(model.parts) == 1 and len(model.parts[0].faces) == 24 and not model.warnings
    open_end = text_box().partition("endsolid")[0]
    assert is_box(stl.read(open_end.encode(), Path("a.stl")))
    assert "endsolid" in stl.read(open_end.encode(), Path("a.stl")).warnings[0]


def test_loops_of_more_corners_are_cut() -> None:
    loop = "".join(f"vertex {x} {y} 0\n" for x, y in [(0, 0), (2, 1), (0, 2), (1, 1)])
    text = f"solid a\nfacet normal 0 0 1\nouter loop\n{loop}endloop\nendfacet\nendsolid a\n"
    model = stl.read(text.encode(), Path("a.stl"))
    corners = model.parts[0].vertices[model.parts[0].faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    assert area.tolist() == [0.5, 0.5]
    assert "more than three corners" in model.warnings[0]


@pytest.mark.parametrize("count", [0, 3, 13, 5000, 2**31, 2**32 - 1])
def test_wrong_numbers_in_the_header(count: int) -> None:
    model = stl.read(binary_box(count), Path("a.stl"))
    assert is_box(model) and f"states {count} triangles, but the file holds 12" in model.warnings[0]


def test_what_follows_the_triangles() -> None:
    assert stl.read(binary_box(more=b"x" * 49), Path("a.stl")).warnings == []
    model = stl.read(binary_box(more=b"\xff" * 150), Path("a.stl"))
    assert is_box(model) and model.warnings == ["150 bytes behind the last triangle are not read"]


@pytest.mark.parametrize(
    "head", [b"solid", b"solid facet normal vertex 0 0 0", b"SOLID endsolid", b"\xef\xbb\xbfsolid"]
)
@pytest.mark.parametrize("count", [None, 0])
def test_binary_files_that_begin_with_solid(head: bytes, count: int | None) -> None:
    assert is_box(stl.read(binary_box(count, head=head), Path("a.stl")))


@pytest.mark.parametrize("word", ["nan", "-nan(ind)", "1.#QNAN", "-1.#IND", "inf", "1e39"])
def test_a_triangle_that_is_not_finite_is_left_out_and_said(word: str) -> None:
    bad = (
        f"facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex {word} 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    )
    model = stl.read(text_box().replace("endsolid", bad + "endsolid").encode(), Path("a.stl"))
    assert is_box(model) and model.warnings[0].startswith("one triangle with coordinates that are not finite")
    record = struct.pack("<12fH", *[0] * 3, *[np.nan] * 3, *[0] * 6, 0)
    model = stl.read(binary_box(13, more=record), Path("a.stl"))
    assert is_box(model) and len(model.warnings) == 1


def test_triangles_with_two_equal_corners_are_left_out_and_said() -> None:
    record = struct.pack("<12fH", *[0] * 3, 1, 2, 3, 1, 2, 3, 4, 5, 6, 0)
    model = stl.read(binary_box(13, more=record), Path("a.stl"))
    assert len(model.parts[0].faces) == 12 and model.warnings == [
        "triangles with two equal corners are left out (1)"
    ]


RED_5, GREEN_5 = 31, 31 << 5


@pytest.mark.parametrize(
    ("head", "attribute", "expected"),
    [
        (b"box", 1 << 15 | RED_5 << 10, (255, 0, 0, 255)),  # VisCAM, SolidView
        (b"box", 1 << 15 | GREEN_5, (0, 255, 0, 255)),
        (b"box", RED_5 << 10, None),
        (b"box", 0, None),
        (b"COLOR=\xc8\x64\x32\xff box", 1 << 15, (200, 100, 50, 255)),  # Magics
        (b"COLOR=\xc8\x64\x32\xff,MATERIAL=", RED_5, (255, 0, 0, 255)),
        (b"x COLOR=\xc8\x64\x32\x00", 1 << 15 | RED_5, (200, 100, 50, 255)),
        (b"COLOR=\xc8\x64\x32\xff", 16 | 8 << 5 | 4 << 10, (132, 66, 33, 255)),
    ],
)
def test_colours_of_both_forms(head: bytes, attribute: int, expected: tuple[int, ...] | None) -> None:
    (part,) = stl.read(binary_box(attribute=attribute, head=head), Path("a.stl")).parts
    assert part.colours is None and (part.material.colour if part.material else None) == expected


def test_faces_of_different_colours() -> None:
    data = bytearray(binary_box(attribute=1 << 15 | RED_5 << 10))
    data[84 + 48 : 84 + 50] = struct.pack("<H", 1 << 15 | GREEN_5)
    data[84 + 98 : 84 + 100] = struct.pack("<H", 0)
    (part,) = stl.read(bytes(data), Path("a.stl")).parts
    assert part.colours is not None
    found = part.colours[part.faces][:, :, :3].tolist()
    assert found[:3] == [[[0, 255, 0]] * 3, [[200, 200, 200]] * 3, [[255, 0, 0]] * 3]
