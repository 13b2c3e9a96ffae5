"""PLY: one table in every encoding, lists of equal and mixed lengths, units, colours, and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.errors import InputError
from lift3d.io.mesh import ply_reader, ply_writer
from lift3d.io.mesh.meshes import load_mesh
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
    model = ply_reader.read(encode(order, faces), Path("a.ply"))
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
    assert ply_reader.read(encode("ascii", [[0, 1, 2]], more), Path("a.ply")).unit == unit


def test_a_missing_texture_is_a_warning(tmp_path: Path) -> None:
    data = encode("ascii", [[0, 1, 2]], "comment TextureFile none.png\n")
    assert ply_reader.read(data, tmp_path / "a.ply").warnings == ["the texture none.png is missing"]


@given(st.integers(3, 40), st.integers(0, 2**16), st.booleans(), st.sampled_from(["m", None]))
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_read_again(count: int, seed: int, coloured: bool, unit: str | None) -> None:
    rng = np.random.default_rng(seed)
    vertices = rng.normal(size=(count, 3)).astype(np.float32).astype(float)
    colours = rng.integers(0, 256, (count, 4)).astype(np.uint8) if coloured else None
    part = Part(vertices, rng.integers(0, count, (7, 3)), None, colours)
    model = ply_reader.read(ply_writer.write(part, unit, None), Path("a.ply"))
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
    data = ply_writer.write(Part(np.array(XYZ), np.array([[0, 1, 2]])), None, None, normals)
    columns = ply_reader.read_tables(data, "a")[0]["vertex"][0]
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
        ply_reader.read(text.encode(), Path("a.ply"))


def test_an_endless_list_is_refused() -> None:
    data = encode("binary_little_endian", [[0, 1, 2]]).replace(b"list uchar int", b"list uint int")
    with pytest.raises(InputError, match="list of|cut short"):
        ply_reader.read(data, Path("a.ply"))


def test_points_without_faces_leave_out_what_is_not_finite() -> None:
    head = "ply\nformat ascii 1.0\nelement vertex 3\n" + "".join(f"property float {a}\n" for a in "xyz")
    text = head + "end_header\n0 0 0\nnan 0 0\n1 2 3\n"
    points = read_points(text.encode(), "a.ply")
    assert points is not None and points.xyz.tolist() == [[0, 0, 0], [1, 2, 3]] and points.unit is None
    assert read_points(encode("ascii", [[0, 1, 2]]), "a.ply") is None
