"""OBJ and MTL: indices of every form, materials, lenient reading, and what is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh import obj
from lift3d.types import Material, Part

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


def read(text: str, folder: Path = Path("."), **more: object) -> obj.Model:
    return obj.read(text.encode(), folder / "a.obj", **more)  # type: ignore[arg-type]


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


def test_missing_files_are_warnings_and_damaged_ones_errors_unless_lenient(tmp_path: Path) -> None:
    assert read("mtllib none.mtl\n" + TRIANGLE + "f 1 2 3\n", tmp_path).warnings == [
        "the material file none.mtl is missing"
    ]
    (tmp_path / "a.mtl").write_text("newmtl a\nmap_Kd broken.png\n")
    (tmp_path / "broken.png").write_bytes(b"x")
    text = "mtllib a.mtl\nusemtl a\n" + TRIANGLE + "f 1 2 3\n"
    with pytest.raises(InputError, match=r"broken\.png"):
        read(text, tmp_path)
    assert read(text, tmp_path, lenient=True).warnings == ["the texture broken.png is missing"]


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
    text = obj.write(part, unit, "a.mtl", normals).decode()
    assert "usemtl my_wood" in text and ("1/1/1" in text) == (normals is not None)
    model = read(text.replace("mtllib a.mtl\n", ""))
    assert model.unit == unit and np.allclose(model.parts[0].vertices, part.vertices, atol=1e-7)


def test_the_library_holds_colour_and_texture(tmp_path: Path) -> None:
    data = obj.write_library(Material("my wood", (255, 0, 51, 128)), "t.png").decode()
    assert "newmtl my_wood\nKd 1.000000 0.000000 0.200000" in data and data.endswith(
        "d 0.501961\nillum 1\nmap_Kd t.png\n"
    )
