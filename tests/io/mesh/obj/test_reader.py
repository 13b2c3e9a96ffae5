"""OBJ and MTL: indices of every form, materials, lenient reading, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh.obj import reader, writer
from lift3d.types import Material, Model, Part

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def read(text: str, folder: Path = Path("."), **more: object) -> Model:
    return reader.read(text.encode(), folder / "a.obj", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "face", ["1 2 3", "-3 -2 -1", "1/1 2/2 3/3", "1//1 2//2 3//3", "1/1/1 2/2/2 3/3/3", "1 -2 3"]
)
def test_corners_of_every_form(face: str) -> None:
    (part,) = read(TRIANGLE + "vt 0 0\nvt 1 0\nvt 0 1\nvn 0 0 1\nf " + face + "\n").parts
    assert part.vertices[part.faces[0]].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]] and part.uv is None


def test_polygons_become_fans_and_lines_may_continue() -> None:
    (part,) = read("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 \\\n3 4\n").parts
    assert part.vertices[part.faces].reshape(2, 3, 3)[:, :, :2].tolist() == [
        [[0, 0], [1, 0], [1, 1]],
        [[0, 0], [1, 1], [0, 1]],
    ]


def test_colours_of_vertices() -> None:
    (part,) = read("v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 0.5\nf 1 2 3\n").parts
    assert part.colours is not None and part.colours.tolist() == [
        [255, 0, 0, 255],
        [0, 255, 0, 255],
        [0, 0, 128, 255],
    ]


def test_materials_split_parts_and_share_textures(tmp_path: Path) -> None:
    Pil.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "t.png")
    (tmp_path / "a.mtl").write_text(
        "newmtl red\nKd 1 0 0\nd 0.5\nnewmtl wood\nKd 0 0 0\nmap_Kd -s 1 1 t.png\nnewmtl oak\nmap_Kd t.png\n"
    )
    text = (
        "mtllib a.mtl\n"
        + TRIANGLE
        + "vt 0 0\nvt 1 0\nvt 0 1\nusemtl red\nf 1 2 3\nusemtl wood\nf 1/1 2/2 3/3\nusemtl oak\nf 1/1 2/2 3/3\n"
    )
    red, wood, oak = read(text, tmp_path).parts
    assert red.material is not None and red.material.colour == (255, 0, 0, 128) and red.uv is None
    assert (
        wood.material is not None
        and oak.material is not None
        and wood.material.colour == (255, 255, 255, 255)
    )
    assert (
        wood.material.texture is oak.material.texture
        and wood.uv is not None
        and wood.uv.tolist() == [[0, 0], [1, 0], [0, 1]]
    )


def test_transparency_may_be_given_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl a\nTr 0.75\n")
    (part,) = read("mtllib a.mtl\nusemtl a\n" + TRIANGLE + "f 1 2 3\n", tmp_path).parts
    assert part.material is not None and part.material.colour[3] == 64


def test_missing_and_damaged_files_are_warnings(tmp_path: Path) -> None:
    assert read("mtllib none.mtl\n" + TRIANGLE + "f 1 2 3\n", tmp_path).warnings == [
        "the material file none.mtl is missing"
    ]
    (tmp_path / "a.mtl").write_text("newmtl a\nmap_Kd broken.png\n")
    (tmp_path / "broken.png").write_bytes(b"x")
    text = "mtllib a.mtl\nusemtl a\n" + TRIANGLE + "f 1 2 3\n"
    (warning,) = read(text, tmp_path).warnings
    assert warning.startswith("the texture broken.png is left out (the texture broken.png is not a picture")


def test_given_materials_override_those_of_the_file() -> None:
    given = Material("b", (1, 2, 3, 255))
    (part,) = read("usemtl a\n" + TRIANGLE + "f 1 2 3\n", materials={"a": given}).parts
    assert part.material is given


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no faces"),
        (TRIANGLE, "holds no faces"),
        ("f 1 2 3\n", "holds no faces"),
        (TRIANGLE + "f 1 2 4\n", "refers to vertex 4"),
        (TRIANGLE + "f 0 1 2\n", "refers to vertex 0"),
        (TRIANGLE + "f -4 1 2\n", "refers to vertex 0"),
        ("v 0 0\nf 1 1 1\n", "fewer than 3 numbers"),
    ],
)
def test_hostile_indices(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text)


@pytest.mark.parametrize("unit", ["m", None])
@pytest.mark.parametrize("normals", [None, np.tile([0.0, 0, 1], (3, 1))])
def test_what_is_written_is_read_again(unit: str | None, normals: np.ndarray | None) -> None:
    part = Part(
        np.array([[0, 0, 0], [1.1, 0, 0], [0, 1 / 3, 0]]),
        np.array([[0, 1, 2]]),
        np.eye(3)[:, :2],
        None,
        Material("my wood"),
    )
    text = writer.write(part, unit, "a.mtl", normals).decode()
    assert "usemtl my_wood" in text and ("1/1/1" in text) == (normals is not None)
    model = read(text.replace("mtllib a.mtl\n", ""))
    assert model.unit == unit and np.allclose(model.parts[0].vertices, part.vertices, atol=1e-7)


def test_the_library_holds_colour_and_texture(tmp_path: Path) -> None:
    data = writer.write_library(Material("my wood", (255, 0, 51, 128)), "t.png").decode()
    assert "newmtl my_wood\nKd 1.000000 0.000000 0.200000" in data and data.endswith(
        "d 0.501961\nillum 1\nmap_Kd t.png\n"
    )


BOX = trimesh.creation.box((1, 2, 3))
QUADS = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def box(v: str = "", f: str = "", vt: bool = False, head: str = "", more: str = "") -> str:
    """A box of six quads with text behind every vertex and face."""
    lines = [head] if head else []
    lines += [f"v {x} {y} {z}{v}" for x, y, z in BOX.vertices.tolist()]
    lines += ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"] if vt else []
    lines += [more] if more else []
    corner = (lambda i, k: f"{i + 1}/{k + 1}") if vt else (lambda i, k: f"{i + 1}")
    lines += ["f " + " ".join(corner(i, k) for k, i in enumerate(quad)) + f for quad in QUADS]
    return "\n".join(lines) + "\n"


def volume(model: Model) -> float:
    return float(sum(trimesh.Trimesh(p.vertices, p.faces, process=False).volume for p in model.parts))


@pytest.mark.parametrize(
    "text",
    [
        box(" # corner", " # side"),
        box("#corner", "#side"),
        box("\t", "   "),
        box().replace(" ", "\t"),
        box().replace(" ", "  ").replace("v", " v").replace("f", "\tf"),
        box().replace("\n", "\r\n"),
        box().replace("\n", "\r"),
        box().replace("v", "V").replace("f", "F"),
        box(head="# a comment\n#\n  # another \\"),
        box().replace(" ", " \\\n "),
        box().replace(" ", " \\ \r\n"),
        box(head="# C:\\models\\"),
        box(head="g a b\no name\ns off\ns 1\nlod 3\nmg 1 2", more="vn 0 0 1\ng other"),
        box().replace("f ", "fo "),
        box() + "\x00".replace("\x00", "\n\n   \n"),
        box().replace(".", ","),
    ],
)
def test_white_space_comments_and_groups(text: str) -> None:
    model = read(text)
    assert volume(model) == pytest.approx(6) and model.warnings == [] and len(model.parts) == 1


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_encodings(encoding: str, line_end: str, tmp_path: Path) -> None:
    (tmp_path / "böx.mtl").write_bytes(
        "newmtl röt\nKd 0.8 0.1 0.1\n".replace("\n", line_end).encode(encoding)
    )
    text = box(head="mtllib böx.mtl\nusemtl röt").replace("\n", line_end)
    model = reader.read(text.encode(encoding), tmp_path / "a.obj")
    assert volume(model) == pytest.approx(6) and model.warnings == []
    assert model.parts[0].material is not None and model.parts[0].material.colour == (204, 26, 26, 255)


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (" 0.8 0.4 0.2", (204, 102, 51, 255)),
        (" 204 102 51", (204, 102, 51, 255)),
        (" 204.0 102.0 51.0", (204, 102, 51, 255)),
        (" 1 0 1", (255, 0, 255, 255)),
        (" 1.0 0.4 1.2", (255, 102, 255, 255)),
        (" 52428 26214 13107", (204, 102, 51, 255)),
        (" 1 0.8 0.4 0.2", (204, 102, 51, 255)),
        (" 1.0 204 102 51", (204, 102, 51, 255)),
        (" 0.8 0.4 0.2 1", (204, 102, 51, 255)),
        (" 204 102 51 255", (204, 102, 51, 255)),
        (" 1.0 0.8 0.4 0.2 0.5", (204, 102, 51, 128)),
        (" 1", None),
        (" 1.0 # 7 7", None),
    ],
)
def test_numbers_behind_a_vertex(behind: str, expected: tuple[int, ...] | None) -> None:
    model = read(box(behind))
    (part,) = model.parts
    assert volume(model) == pytest.approx(6) and model.warnings == []
    assert part.colours is None if expected is None else (part.colours == expected).all()


def test_what_is_not_read_is_said() -> None:
    assert "weights" in read(box(" 0.5")).warnings[0]
    assert "five numbers" in read(box(" 1 2")).warnings[0]
    lines = "l 1 2 3\nl 3 4\np 1\ncall other.obj\ncstype bezier\ndeg 3\ncurv 0 1 1 2 3 4\nend\nfoo bar\n"
    warnings = read(box() + lines).warnings
    assert warnings == [
        "lines are not read (2)",
        "points are not read (1)",
        "files that are called are not read (1)",
        "statements of free-form curves and surfaces are not read (4)",
        "lines that are not part of OBJ are not read (1: foo)",
    ]
    assert "fewer than three corners are left out (2)" in read(box() + "f 1 2\nf 1\n").warnings[0]
    with pytest.raises(InputError, match="holds no faces, only lines and points, which lift3d does not read"):
        read("v 0 0 0\nv 1 0 0\nl 1 2\np 1\n")
    with pytest.raises(InputError, match="free-form"):
        read("v 0 0 0\nv 1 0 0\ncstype bezier\nsurf 0 1 0 1 1 2\nend\n")


def test_some_vertices_without_a_colour_are_grey() -> None:
    text = box(" 1 0 0").replace(" 1 0 0\n", "\n", 1)
    model = read(text)
    assert model.parts[0].colours is not None and model.parts[0].colours[0].tolist() == [200, 200, 200, 255]
    assert "no colour" in model.warnings[0]


def test_faces_that_name_a_vertex_twice_lose_their_empty_triangles() -> None:
    model = read(box() + "f 1 1 2\nf 3 3 3\nf 1 2 1\nf 1/1 1/2 2/3\n")
    (part,) = model.parts
    a, b, c = part.faces.T
    assert len(part.faces) == 12 and not ((a == b) | (b == c) | (c == a)).any()
    assert model.warnings == ["faces that name a vertex twice lose the triangle without area (4)"]


def test_one_vertex_that_is_not_finite_costs_its_faces_only() -> None:
    model = read(box() + "v nan 0 0\nv 1e300 0 0\nf 1 2 9\nf 1 3 -1\n")
    assert len(model.parts[0].faces) == 12 and "2 triangles" in model.warnings[0]
    assert volume(read(box() + "v nan 0 0\n")) == pytest.approx(6)


def test_faces_without_texture_coordinates_are_a_part_of_their_own(tmp_path: Path) -> None:
    Pil.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "t.png")
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 0.8 0.1 0.1\nmap_Kd t.png\n")
    text = box(vt=True, head="mtllib a.mtl\nusemtl m")
    model = read(text.replace("f 1/1 2/2 4/3 3/4", "f 1 2 4 3"), tmp_path)
    drawn, plain = model.parts
    assert len(drawn.faces) == 10 and drawn.uv is not None and len(plain.faces) == 2 and plain.uv is None
    assert plain.material is not None and plain.material.colour == (204, 26, 26, 255)
    assert volume(model) == pytest.approx(6) and "2 triangles of the textured material m" in model.warnings[0]
    model = read(text.replace("f 1/1 2/2 4/3 3/4", "f 1/1 2/7 4/3 3/4"), tmp_path)
    assert [len(p.faces) for p in model.parts] == [10, 2] and "not there" in model.warnings[0]
    (whole,) = read(text.replace("1/1 2/2 4/3 3/4", "-8/-4 -7/-3 -5/-2 -6/-1"), tmp_path).parts
    assert whole.uv is not None and len(whole.faces) == 12


def test_concave_polygons() -> None:
    flat = [(2, 1), (1, 1), (1, 2), (0, 2), (0, 0), (2, 0)]
    text = "".join(f"v {x} {y} {z}\n" for z in (0, 1) for x, y in flat) + "f 6 5 4 3 2 1\nf 7 8 9 10 11 12\n"
    text += "".join(f"f {i + 1} {(i + 1) % 6 + 1} {(i + 1) % 6 + 7} {i + 7}\n" for i in range(6))
    (part,) = read(text).parts
    mesh = trimesh.Trimesh(part.vertices, part.faces, process=False)
    assert mesh.is_watertight and mesh.volume == pytest.approx(3) and mesh.area == pytest.approx(14)


def test_coordinates_far_from_the_origin_are_read_and_written_in_double_precision() -> None:
    vertices = np.asarray(BOX.vertices) * 0.2 + [500000.1, 4649776.2, 100.3]
    part = Part(vertices, np.asarray(BOX.faces))
    (back,) = reader.read(writer.write(part, None, None), Path("a.obj")).parts
    assert np.array_equal(back.vertices[back.faces], vertices[part.faces])
    near = writer.write(Part(np.asarray(BOX.vertices) / 3, part.faces), None, None)
    assert len(near.splitlines()[3].split()[1]) <= 13  # as single precision


@pytest.mark.parametrize("face", ["a b c", "1 2 x", "1/x 2 3", "1.5 2 3", "99999999999999999999 1 2"])
def test_corners_that_are_not_numbers(face: str) -> None:
    with pytest.raises(InputError, match=r"not whole numbers|refers to vertex"):
        read(TRIANGLE + f"f {face}\n")


def test_colours_in_comments_of_zbrush(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\n#MRGB FFC86432FF0000FF\n#MRGB 00FFFFFF\nf 1 2 3\n"
    model = reader.read(text.encode(), tmp_path / "a.obj")
    expected = [[200, 100, 50, 255], [0, 0, 255, 255], [255, 255, 255, 255]]
    assert model.parts[0].colours is not None and model.parts[0].colours.tolist() == expected
    for wrong in ("#MRGB FFC86432", "#MRGB xyz"):
        model = reader.read((text.split("#")[0] + wrong + "\nf 1 2 3\n").encode(), tmp_path / "a.obj")
        assert model.parts[0].colours is None and "#MRGB" in model.warnings[0]
