"""OFF: headers of every form, polygons, and hostile files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.io.mesh import off
from lift3d.io.mesh.meshes import load_mesh
from lift3d.types import Part

CUBE = """8 6 12
0 0 0
1 0 0
1 1 0
0 1 0
0 0 1
1 0 1
1 1 1
0 1 1
4 3 2 1 0
4 4 5 6 7
4 0 1 5 4
4 1 2 6 5
4 2 3 7 6
4 3 0 4 7
"""


@pytest.mark.parametrize("head", ["OFF\n", "off\n", "OFF ", "OFF", "# comment\n\nOFF\n# another\n"])
def test_every_form_of_the_header(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.off").write_text(head + CUBE)
    mesh = load_mesh(tmp_path / "a.off")
    assert mesh.volume == pytest.approx(1) and len(mesh.faces) == 12 and mesh.units is None


def test_comments_are_ignored() -> None:
    (part,) = off.read(b"OFF\n3 1 0\n0 0 0 # origin\n1 0 0\n0 1 0\n3 0 1 2 255 0 0\n", Path("a.off")).parts
    assert part.faces.tolist() == [[0, 1, 2]] and np.allclose(part.vertices[1], [1, 0, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("PLY\n", "not an OFF file"),
        ("", "not an OFF file"),
        ("OFF\nmany vertices\n", "does not state how many"),
        ("OFF\n", "does not state how many"),
        ("OFF\n3 1 0\n0 0 0\n", "cut short"),
        ("OFF\n-1 1 0\n0 0 0\n", "cut short"),
        ("OFF\n99999999999 1 0\n0 0 0\n", "cut short"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n4 0 1 2\n", "missing corners"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n-3 0 1 2\n", "missing corners"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "out of range"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 nan 0\n3 0 1 2\n", "not finite"),
    ],
)
def test_hostile_files(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        off.read(text.encode(), Path("a.off"))


@pytest.mark.parametrize("length", range(0, len(CUBE), 7))
def test_a_file_cut_anywhere_is_read_or_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "a.off").write_text(("OFF\n" + CUBE)[:length])
    try:
        assert len(load_mesh(tmp_path / "a.off").faces)
    except InputError as error:
        assert "\n" not in str(error)


def cube(head: str, vertex: str = "", face: str = "", counts: str = "8 6 12") -> bytes:
    """The cube with more numbers behind each vertex and each face."""
    lines = CUBE.splitlines()
    rows = [head, counts] + [f"{v} {vertex}" for v in lines[1:9]] + [f"{f} {face}" for f in lines[9:]]
    return "\n".join(rows).encode() + b"\n"


def volume(part: Part) -> float:
    return float(trimesh.Trimesh(part.vertices, part.faces, process=False).volume)


@pytest.mark.parametrize(
    ("head", "numbers", "colour"),
    [
        ("COFF", "204 102 51 255", (204, 102, 51, 255)),
        ("COFF", "204 102 51", (204, 102, 51, 255)),
        ("COFF", "0.8 0.4 0.2 1.0", (204, 102, 51, 255)),
        ("COFF", "1 0.4 0 0.5", (255, 102, 0, 128)),
        ("coff", "0.8 0.4 0.2", (204, 102, 51, 255)),
        ("NOFF", "0 0 1", None),
        ("CNOFF", "0 0 1 204 102 51 255", (204, 102, 51, 255)),
        ("NCOFF", "0 0 1 204 102 51", (204, 102, 51, 255)),
        ("STOFF", "0.5 0.5", None),
        ("STCNOFF", "0 0 1 204 102 51 255 0.5 0.5", (204, 102, 51, 255)),
        ("STCOFF", "0.8 0.4 0.2 1 0.5 0.5", (204, 102, 51, 255)),
        ("OFF", "204 102 51", (204, 102, 51, 255)),
        ("OFF", "-1 0 0", None),
        ("4OFF", "1", None),
        ("C4OFF", "1 204 102 51 255", (204, 102, 51, 255)),
        ("nOFF\n3", "", None),
        ("nOFF 5", "7 7", None),
        ("4nOFF\n3", "1", None),
        ("CnOFF\n3", "204 102 51 255", (204, 102, 51, 255)),
    ],
)
def test_every_letter_of_the_header(head: str, numbers: str, colour: tuple[int, ...] | None) -> None:
    (part,) = off.read(cube(head, numbers), Path("a.off")).parts
    assert volume(part) == pytest.approx(1) and len(part.faces) == 12
    assert (part.colours is None) if colour is None else (part.colours == colour).all()


def test_homogeneous_coordinates_are_divided() -> None:
    (part,) = off.read(cube("4OFF", "0.5"), Path("a.off")).parts
    assert volume(part) == pytest.approx(8)


def test_other_dimensions() -> None:
    flat = b"nOFF 2\n4 1 0\n0 0\n2 0\n2 1\n0 1\n4 0 1 2 3\n"
    (part,) = off.read(flat, Path("a.off")).parts
    assert part.vertices.tolist() == [[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]] and len(part.faces) == 2
    assert "first three" in off.read(cube("nOFF 4", "7"), Path("a.off")).warnings[0]


@pytest.mark.parametrize(
    ("numbers", "colour"),
    [
        ("204 102 51", (204, 102, 51, 255)),
        ("204 102 51 128", (204, 102, 51, 128)),
        ("0.8 0.4 0.2", (204, 102, 51, 255)),
        ("0.8 0.4 0.2 0.5", (204, 102, 51, 128)),
        ("1 0 0", (255, 0, 0, 255)),
        ("204 102 51 # blue", (204, 102, 51, 255)),
    ],
)
def test_colours_of_faces(numbers: str, colour: tuple[int, ...]) -> None:
    (part,) = off.read(cube("OFF", "", numbers), Path("a.off")).parts
    assert part.material is not None and part.material.colour == colour and volume(part) == pytest.approx(1)


def test_colours_of_some_faces_and_of_vertices() -> None:
    data = cube("COFF", "1 2 3 255", "9 8 7")
    data = data[: data.rindex(b"9 8 7")] + b"\n"
    (part,) = off.read(data, Path("a.off")).parts
    assert part.colours is not None
    found = part.colours[part.faces][:, :, :3]
    assert (found[:10] == [9, 8, 7]).all() and (found[10:] == [1, 2, 3]).all()
    plain = off.read(data.replace(b"COFF", b"OFF").replace(b" 1 2 3 255", b""), Path("a.off")).parts[0]
    assert plain.colours is not None and (plain.colours[plain.faces][10:, :, 0] == 200).all()


def test_an_index_of_a_colour_map_is_said() -> None:
    model = off.read(cube("OFF", "", "3"), Path("a.off"))
    assert model.parts[0].material is None and "colour map" in model.warnings[0]


@pytest.mark.parametrize("counts", ["8 6", "8 6 0", "8\n6\n12", "8 6\n12", " 8 6 12 # edges"])
@pytest.mark.parametrize("head", ["OFF", ""])
def test_counts_of_every_form(counts: str, head: str) -> None:
    (part,) = off.read(cube(head, counts=counts), Path("a.off")).parts
    assert volume(part) == pytest.approx(1)


@pytest.mark.parametrize("end", ["\r", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_marks(end: str, mark: bytes) -> None:
    assert volume(
        off.read(mark + cube("OFF").replace(b"\n", end.encode()), Path("a.off")).parts[0]
    ) == pytest.approx(1)


def test_vertices_on_any_lines() -> None:
    words = CUBE.split()
    text = "OFF\n8 6 12\n" + " ".join(words[3:27]) + "\n" + "\n".join(CUBE.splitlines()[9:])
    assert volume(off.read(text.encode(), Path("a.off")).parts[0]) == pytest.approx(1)


def binary(letters: str, vertex: list[float], face: list[float], size: int | None = None) -> bytes:
    lines = [line.split() for line in CUBE.splitlines()]
    out = f"{letters}OFF BINARY\n".encode() + struct.pack(">3i", 8, 6, 12)
    if size is not None:
        out = f"{letters}OFF BINARY\n".encode() + struct.pack(">4i", size, 8, 6, 12)
    for row in lines[1:9]:
        out += struct.pack(f">{3 + len(vertex)}f", *map(float, row), *vertex)
    for row in lines[9:]:
        out += (
            struct.pack(">5i", *map(int, row))
            + struct.pack(">i", len(face))
            + struct.pack(f">{len(face)}f", *face)
        )
    return out


@pytest.mark.parametrize(
    ("letters", "vertex", "face", "size"),
    [
        ("", [], [], None),
        ("", [], [0.8, 0.4, 0.2], None),
        ("", [], [0.8, 0.4, 0.2, 1.0], None),
        ("C", [0.8, 0.4, 0.2, 1.0], [], None),
        ("N", [0.0, 0.0, 1.0], [], None),
        ("STCN4", [1.0, 0.0, 0.0, 1.0, 0.8, 0.4, 0.2, 1.0, 0.5, 0.5], [], None),
        ("n", [7.0], [], 4),
    ],
)
def test_binary_files(letters: str, vertex: list[float], face: list[float], size: int | None) -> None:
    data = binary(letters, vertex, face, size)
    (part,) = off.read(data, Path("a.off")).parts
    assert volume(part) == pytest.approx(1) and len(part.faces) == 12
    if face:
        assert part.material is not None and part.material.colour == (204, 102, 51, 255)
    elif "C" in letters:
        assert part.colours is not None and (part.colours == [204, 102, 51, 255]).all()
    for cut in range(14, len(data), 17):
        with pytest.raises(InputError, match=r"a\.off"):
            off.read(data[:cut], Path("a.off"))


def test_concave_polygons() -> None:
    text = b"OFF\n4 1 0\n0 0 0\n2 1 0\n0 2 0\n1 1 0\n4 0 1 2 3\n"
    (part,) = off.read(text, Path("a.off")).parts
    corners = part.vertices[part.faces]
    assert np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2].tolist() == [1, 1]


def test_lines_behind_the_last_face_are_said() -> None:
    assert "(2)" in off.read(cube("OFF", counts="8 4 12"), Path("a.off")).warnings[0]
    assert off.read(cube("OFF") + b"# end\n\n", Path("a.off")).warnings == []
