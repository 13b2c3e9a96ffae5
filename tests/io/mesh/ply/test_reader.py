"""PLY: one table in every encoding, lists of equal and mixed lengths, units, colours, and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import load_mesh
from lift3d.io.mesh.ply import reader, writer
from lift3d.io.mesh.ply.tables import read_tables
from lift3d.io.mesh.points import read_points
from lift3d.types import Part

XYZ = [[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]


def header(order: str, faces: int, more: str = "") -> str:
    return (
        f"ply\nformat {order} 1.0\n{more}element vertex 4\nproperty float x\nproperty double y\nproperty float z\n"
        f"property uchar red\nproperty uchar green\nproperty uchar blue\n"
        f"element face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
    )


def encode(order: str, faces: list[list[int]], more: str = "") -> bytes:
    head = header(order, len(faces), more).encode()
    if order == "ascii":
        rows = [f"{x} {y} {z} 10 20 30" for x, y, z in XYZ] + [
            " ".join(map(str, [len(f), *f])) for f in faces
        ]
        return head + "\n".join(rows).encode() + b"\n"
    mark = "<" if order == "binary_little_endian" else ">"
    body = b"".join(struct.pack(mark + "fdf3B", *v, 10, 20, 30) for v in XYZ)
    return head + body + b"".join(struct.pack(f"{mark}B{len(f)}i", len(f), *f) for f in faces)


ORDERS = ["ascii", "binary_little_endian", "binary_big_endian"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "faces", [[[0, 1, 2], [0, 2, 3]], [[0, 1, 2, 3]], [[0, 1, 2, 3], [0, 1, 2]], [[0, 1], [0, 1, 2]]]
)
def test_every_encoding_gives_the_same_part(order: str, faces: list[list[int]]) -> None:
    model = reader.read(encode(order, faces), Path("a.ply"))
    (part,) = model.parts
    assert (
        np.array_equal(part.vertices, XYZ)
        and part.colours is not None
        and (part.colours == [10, 20, 30, 255]).all()
    )
    assert part.faces.tolist() == [[f[0], f[i], f[i + 1]] for f in faces for i in range(1, len(f) - 1)]


@pytest.mark.parametrize(
    ("more", "unit"), [("comment unit: m\n", "m"), ("comment unit: null\n", None), ("", None)]
)
def test_the_unit_is_a_comment(more: str, unit: str | None) -> None:
    assert reader.read(encode("ascii", [[0, 1, 2]], more), Path("a.ply")).unit == unit


def test_a_missing_texture_is_a_warning(tmp_path: Path) -> None:
    data = encode("ascii", [[0, 1, 2]], "comment TextureFile none.png\n")
    assert reader.read(data, tmp_path / "a.ply").warnings == ["the texture none.png is missing"]


@given(st.integers(3, 40), st.integers(0, 2**16), st.booleans(), st.sampled_from(["m", None]))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_again(count: int, seed: int, coloured: bool, unit: str | None) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(count, 3)).astype(np.float32).astype(float)
    colours = rng.integers(0, 256, (count, 4)).astype(np.uint8) if coloured else None
    faces = np.array([rng.permutation(count)[:3] for _ in range(7)])
    part = Part(vertices, faces, None, colours)
    model = reader.read(writer.write(part, unit, None), Path("a.ply"))
    (back,) = model.parts
    assert (
        model.unit == unit
        and np.array_equal(back.vertices, vertices)
        and np.array_equal(back.faces, part.faces)
    )
    assert (back.colours is None) == (colours is None) and (
        colours is None or np.array_equal(back.colours, colours)
    )


def test_normals_are_columns_of_the_vertices() -> None:
    normals = np.tile(np.float32([0, 0, 1]), (4, 1))
    data = writer.write(Part(np.array(XYZ), np.array([[0, 1, 2]])), None, None, normals)
    columns = read_tables(data, "a")[0]["vertex"].columns
    assert columns["nz"].tolist() == [1, 1, 1, 1] and list(columns) == ["x", "y", "z", "nx", "ny", "nz"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cut", [4, 30, 200, -8, -12, -20])
def test_a_file_cut_anywhere_is_one_sentence(tmp_path: Path, order: str, cut: int) -> None:
    (tmp_path / "a.ply").write_bytes(encode(order, [[0, 1, 2, 3], [0, 1, 2]])[:cut])
    with pytest.raises(InputError, match=r"a\.ply"):
        load_mesh(tmp_path / "a.ply")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("format ascii", "format latin", "unknown PLY format 'latin'"),
        ("vertex 4", "vertex 999999999999", "out of range"),
        ("vertex 4", "vertex -1", "out of range"),
        ("face 1", "face 2", "should hold 2 face entries"),
        ("property float x", "property float a", "holds no vertices"),
        ("face 1", "face 0", "points but no faces"),
    ],
)
def test_hostile_headers(old: str, new: str, message: str) -> None:
    text = encode("ascii", [[0, 1, 2]]).decode().replace(old, new, 1)
    with pytest.raises(InputError, match=message):
        reader.read(text.encode(), Path("a.ply"))


def test_an_endless_list_is_refused() -> None:
    data = encode("binary_little_endian", [[0, 1, 2]]).replace(b"list uchar int", b"list uint int")
    with pytest.raises(InputError, match="list of|cut short"):
        reader.read(data, Path("a.ply"))


def test_points_without_faces_leave_out_what_is_not_finite() -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 3\n" + "".join(f"property float {a}\n" for a in "xyz")
    text = head + "end_header\n0 0 0\nnan 0 0\n1 2 3\n"
    points = read_points(text.encode(), "a.ply")
    assert points is not None and points.xyz.tolist() == [[0, 0, 0], [1, 2, 3]] and points.unit is None
    assert read_points(encode("ascii", [[0, 1, 2]]), "a.ply") is None


def box_ply(
    vertex: str = "",
    values: str = "",
    face: str = "",
    of_face: str = "",
    head: str = "",
    order: str = "ascii",
) -> bytes:
    """A box as text, with more properties and their values for vertices and faces."""
    box = trimesh.creation.box()
    lines = ["ply", f"format {order} 1.0", *head.splitlines(), "element vertex 8"]
    lines += [f"property float {a}" for a in "xyz"] + vertex.splitlines()
    lines += ["element face 12", "property list uchar int vertex_indices", *face.splitlines(), "end_header"]
    lines += [" ".join(map(str, v)) + " " + values for v in box.vertices.tolist()]
    lines += ["3 " + " ".join(map(str, f)) + " " + of_face for f in box.faces.tolist()]
    return "\n".join(lines).encode() + b"\n"


def properties(kind: str, names: str) -> str:
    return "\n".join(f"property {kind} {n}" for n in names.split())


@pytest.mark.parametrize(
    ("kind", "names", "values", "expected"),
    [
        ("uchar", "red green blue", "204 102 51", (204, 102, 51, 255)),
        ("uint8", "red green blue alpha", "204 102 51 128", (204, 102, 51, 128)),
        ("uchar", "Red Green Blue", "204 102 51", (204, 102, 51, 255)),
        ("uchar", "r g b a", "1 1 0 255", (1, 1, 0, 255)),
        ("uchar", "diffuse_red diffuse_green diffuse_blue", "204 102 51", (204, 102, 51, 255)),
        ("float", "red green blue", "0.8 0.4 0.2", (204, 102, 51, 255)),
        ("double", "red green blue alpha", "1 0.4 0 0.5", (255, 102, 0, 128)),
        ("float", "red green blue", "204 102 51", (204, 102, 51, 255)),
        ("float", "r g b", "1 0 1", (255, 0, 255, 255)),
        ("ushort", "red green blue", "52428 26214 13107", (204, 102, 51, 255)),
        ("ushort", "red green blue", "204 102 51", (204, 102, 51, 255)),
        ("int", "red green blue", "204 102 51", (204, 102, 51, 255)),
        ("uchar", "intensity", "77", (77, 77, 77, 255)),
        ("float", "red green blue opacity", "0.8 0.4 0.2 0.5", (204, 102, 51, 128)),
    ],
)
@pytest.mark.parametrize("where", ["vertex", "face"])
def test_colours_of_every_name_and_type(
    kind: str, names: str, values: str, expected: tuple[int, ...], where: str
) -> None:
    text = properties(kind, names)
    data = box_ply(text, values) if where == "vertex" else box_ply(face=text, of_face=values)
    (part,) = reader.read(data, Path("a.ply")).parts
    if where == "vertex":
        assert part.colours is not None and (part.colours == expected).all()
    else:
        assert part.material is not None and part.material.colour == expected


def test_different_colours_of_faces_split_vertices() -> None:
    data = box_ply(face=properties("uchar", "red green blue"), of_face="1 2 3")
    data = data[: data.rindex(b"1 2 3")] + b"9 9 9\n"
    (part,) = reader.read(data, Path("a.ply")).parts
    assert part.colours is not None and len(part.faces) == 12
    assert (part.colours[part.faces[:-1]] == [1, 2, 3, 255]).all()
    assert (part.colours[part.faces[-1]] == [9, 9, 9, 255]).all() and len(part.vertices) == 11


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("order", ORDERS)
def test_line_ends_of_the_header(order: str, end: bytes) -> None:
    data = encode(order, [[0, 1, 2, 3]], "comment end_header of a file\nobj_info x\n")
    at = data.index(b"end_header\n") + len(b"end_header\n")
    body = data[at:].replace(b"\n", end) if order == "ascii" else data[at:]
    model = reader.read(data[:at].replace(b"\n", end) + body, Path("a.ply"))
    assert np.array_equal(model.parts[0].vertices, XYZ) and len(model.parts[0].faces) == 2


def test_a_body_that_begins_with_the_byte_of_a_line_end() -> None:
    head = b"ply\rformat binary_little_endian 1.0\relement vertex 3\rproperty uchar x\rproperty uchar y\rproperty uchar z\r"
    head += b"element face 1\rproperty list uchar uchar vertex_index\rend_header\r"
    body = bytes([10, 0, 0, 11, 0, 0, 10, 1, 0, 3, 0, 1, 2])
    (part,) = reader.read(head + body, Path("a.ply")).parts
    assert part.vertices.tolist() == [[10, 0, 0], [11, 0, 0], [10, 1, 0]]


@pytest.mark.parametrize("kind", ["int", "uint", "short", "uchar", "float"])
@pytest.mark.parametrize("name", ["vertex_index", "vertex_indices", "Vertex_Indices"])
def test_names_and_types_of_lists(kind: str, name: str) -> None:
    text = encode("ascii", [[0, 1, 2], [0, 1, 2, 3]]).replace(
        b"uchar int vertex_indices", f"int {kind} {name}".encode()
    )
    assert len(reader.read(text, Path("a.ply")).parts[0].faces) == 3


STRIP = "0 1 2 3 6 7 4 5 0 1 -1 1 5 3 7 -1 0 2 4 6"
CORNERS = "0 0 0\n0 0 3\n0 2 0\n0 2 3\n1 0 0\n1 0 3\n1 2 0\n1 2 3\n"


@pytest.mark.parametrize(
    ("count", "lists"),
    [(1, f"20 {STRIP}"), (3, "\n".join(f"{len(s.split())} {s}" for s in STRIP.split(" -1 ")))],
)
def test_strips(count: int, lists: str) -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 8\n" + properties("float", "x y z")
    text = f"{head}\nelement tristrips {count}\nproperty list int int vertex_indices\nend_header\n{CORNERS}{lists}\n"
    (part,) = reader.read(text.encode(), Path("a.ply")).parts
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert len(part.faces) == 12 and mesh.is_watertight and mesh.volume == pytest.approx(6)
    assert read_points(text.encode(), "a.ply") is None
    with pytest.raises(InputError, match="out of range"):
        reader.read(text.replace("1 5 3 7", "1 5 3 8").encode(), Path("a.ply"))


def test_long_strips_in_binary_are_read_and_impossible_ones_refused() -> None:
    head = b"ply\nformat binary_big_endian 1.0\nelement vertex 2000\n" + properties("float", "x y z").encode()
    head += b"\nelement tristrips 1\nproperty list int int vertex_indices\nend_header\n"
    body = np.random.default_rng(0).normal(size=(2000, 3)).astype(">f4").tobytes()
    strip = np.r_[2000, np.arange(2000)].astype(">i4").tobytes()
    assert len(reader.read(head + body + strip, Path("a.ply")).parts[0].faces) == 1998
    with pytest.raises(InputError, match="list of 2000 entries"):
        reader.read(head + body + strip[:-8], Path("a.ply"))


def test_other_elements_are_said() -> None:
    data = box_ply().replace(b"element face", b"element camera 1\nproperty float f\nelement face")
    at = data.index(b"3 ", data.index(b"end_header") + 8 * 12)
    lines = data.split(b"\n")
    start = lines.index(b"end_header") + 9
    data = b"\n".join([*lines[:start], b"0.5", *lines[start:]])
    model = reader.read(data, Path("a.ply"))
    assert (
        model.warnings == ["entries called camera are not read (1)"]
        and len(model.parts[0].faces) == 12
        and at
    )


def test_entries_on_any_lines() -> None:
    data = box_ply()
    at = data.index(b"end_header\n") + 11
    whole = reader.read(data, Path("a.ply")).parts[0]
    for body in (b" ".join(data[at:].split()), b"\n".join(data[at:].split())):
        model = reader.read(data[:at] + body, Path("a.ply"))
        (part,) = model.parts
        assert (
            model.warnings == []
            and np.array_equal(part.vertices, whole.vertices)
            and np.array_equal(part.faces, whole.faces)
        )


@pytest.mark.parametrize("order", ORDERS)
def test_data_behind_the_last_entry_are_said(order: str) -> None:
    data = encode(order, [[0, 1, 2], [0, 2, 3]])
    assert reader.read(data + b"\r\n\0", Path("a.ply")).warnings == []
    model = reader.read(data.replace(b"face 2", b"face 1"), Path("a.ply"))
    assert len(model.parts[0].faces) == 1 and "behind the last entry" in model.warnings[0]


@pytest.mark.parametrize("names", ["s t", "u v", "texture_u texture_v", "S T"])
def test_textures_with_coordinates_of_vertices(tmp_path: Path, names: str) -> None:
    Pil.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "my wood.png")
    data = box_ply(properties("float", names), "0.25 0.75", head="comment TextureFile my wood.png")
    (part,) = reader.read(data, tmp_path / "a.ply").parts
    assert part.uv is not None and (part.uv == [0.25, 0.75]).all() and len(part.vertices) == 8
    assert part.material is not None and part.material.texture is not None


def test_textures_per_corner_and_several_of_them(tmp_path: Path) -> None:
    for k in range(2):
        Pil.new("RGB", (4, 4), (k, 9, 9)).save(tmp_path / f"{k}.png")
    head = "comment TextureFile 0.png\ncomment TextureFile 1.png"
    face = "property list uchar float texcoord\nproperty int texnumber"
    data = box_ply(face=face, of_face="6 0 0 1 0 0 1 1", head=head)
    lines = data.strip().split(b"\n")
    lines[-1] = lines[-1].replace(b"6 0 0 1 0 0 1 1", b"6 0 0 1 0 0 1 0")
    lines[-2] = lines[-2].replace(b"6 0 0 1 0 0 1 1", b"0 0")
    model = reader.read(b"\n".join(lines), tmp_path / "a.ply")
    first, second, plain = model.parts
    assert [len(p.faces) for p in model.parts] == [1, 10, 1] and plain.uv is None
    assert first.material is not None and first.material.texture is not None
    assert first.material.texture.getpixel((0, 0)) == (0, 9, 9)
    assert second.uv is not None and second.uv[second.faces[0]].tolist() == [[0, 0], [1, 0], [0, 1]]
    assert model.warnings == ["1 triangles have no texture coordinates or no texture"]


def test_one_vertex_that_is_not_finite_costs_its_faces_only() -> None:
    text = box_ply().decode().replace("0.5 0.5 0.5", "nan 0.5 0.5", 1)
    model = reader.read(text.encode(), Path("a.ply"))
    assert 0 < len(model.parts[0].faces) < 12 and np.isfinite(model.parts[0].vertices).all()
    assert "not finite" in model.warnings[0]


@pytest.mark.parametrize(
    "bad", ["property list float", "property complex q", "property list uchar int int int"]
)
def test_properties_that_are_not_ply(bad: str) -> None:
    with pytest.raises(InputError, match="property that is not PLY"):
        reader.read(box_ply(vertex=bad, values="0"), Path("a.ply"))


def test_coordinates_far_from_the_origin_are_written_in_double_precision() -> None:
    vertices = np.array(XYZ) * 0.1 + [500000.1, 4649776.2, 100]
    part = Part(vertices, np.array([[0, 1, 2]]))
    (back,) = reader.read(writer.write(part, None, None), Path("a.ply")).parts
    assert np.array_equal(back.vertices, vertices)
