"""MTL: where libraries and textures are looked for, colours, opacity, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from lift3d.io.mesh.obj import reader, writer
from lift3d.types import Bytes4, Material, Model

BODY = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n"
FACE = "f 1/1 2/2 3/3\n"


def read(folder: Path, text: str, name: str = "a.obj") -> Model:
    return reader.read(text.encode(), folder / name)


def material(folder: Path, mtl: str, **files: Pil.Image) -> tuple[Material, Model]:
    """The material m of a library."""
    (folder / "a.mtl").write_text("newmtl m\n" + mtl)
    model = read(folder, "mtllib a.mtl\nusemtl m\n" + BODY + FACE)
    found = model.parts[0].material
    assert found is not None
    return found, model


def picture(path: Path, colour: tuple[int, ...] = (9, 8, 7)) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Pil.new("RGB" if len(colour) == 3 else "RGBA", (4, 4), colour).save(path)


@pytest.mark.parametrize(
    ("statement", "files"),
    [
        ("a.mtl b.mtl", ["a.mtl", "b.mtl"]),
        ("b.mtl\nmtllib a.mtl", ["a.mtl", "b.mtl"]),
        ("my own.mtl", ["my own.mtl"]),
        ("my own.mtl b.mtl", ["my own.mtl", "b.mtl"]),
        ("b.mtl my own.mtl", ["my own.mtl", "b.mtl"]),
        ('"my own.mtl"', ["my own.mtl"]),
        ("a.mtl # the colours", ["a.mtl"]),
        ("a#1.mtl", ["a#1.mtl"]),
        ("A.MTL", ["a.mtl"]),
        ("MATERIALS", ["materials"]),
        ("C:\\x\\a.mtl", ["a.mtl"]),
        ("./sub/a.mtl", ["sub/a.mtl"]),
        ("sub\\a.mtl", ["sub/a.mtl"]),
        ("/home/someone/sub/a.mtl", ["sub/a.mtl"]),
        ("a%20b.mtl", ["a b.mtl"]),
    ],
)
def test_libraries_of_one_statement(tmp_path: Path, statement: str, files: list[str]) -> None:
    for k, name in enumerate(files):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"newmtl {'red' if k == 0 else 'blue'}\nKd 0.8 0.1 0.1\n")
    model = read(tmp_path, f"mtllib {statement}\n{BODY}usemtl red\n{FACE}")
    assert model.warnings == [] and model.parts[0].material is not None
    assert model.parts[0].material.colour == (204, 26, 26, 255)


def test_missing_libraries_are_said_and_the_model_is_read(tmp_path: Path) -> None:
    text = f"mtllib one two.mtl three.mtl\n{BODY}usemtl red\n{FACE}"
    model = read(tmp_path, text)
    assert len(model.parts[0].faces) == 1
    assert model.warnings == [f"the material file {n} is missing" for n in ("one two.mtl", "three.mtl")]
    (tmp_path / "chair.mtl").write_text("newmtl red\nKd 1 0 0\n")
    model = read(tmp_path, text.replace("one two.mtl ", ""), "chair.obj")
    assert model.warnings == ["the material file three.mtl is missing: chair.mtl is read instead"]
    assert model.parts[0].material is not None and model.parts[0].material.colour == (255, 0, 0, 255)


@pytest.mark.parametrize(
    ("label", "used", "known"),
    [
        ("red", "red", True), ("my red", "my red", True), ("red", "red # a comment", True), ("red#1", "red#1", True),
        ("red # 1", "red # 1", True), ("Red", "red", True), ("my  red", "my red", True), ("red", "blue", False),
    ],
)  # fmt: skip
def test_names_of_materials(tmp_path: Path, label: str, used: str, known: bool) -> None:
    (tmp_path / "a.mtl").write_text(f"newmtl {label}\t\nKd 1 0 0\n")
    model = read(tmp_path, f"mtllib a.mtl\n{BODY}usemtl\t{used} \n{FACE}")
    assert (model.parts[0].material is not None) == known
    assert model.warnings == ([] if known else [f"the material {used} is not in the material files"])


def test_a_file_without_usemtl_gets_its_only_material(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 0 0\n")
    model = read(tmp_path, f"mtllib a.mtl\n{BODY}{FACE}")
    assert model.parts[0].material is not None and "only one" in model.warnings[0]
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 0 0\nnewmtl n\nKd 0 1 0\n")
    model = read(tmp_path, f"mtllib a.mtl\n{BODY}{FACE}")
    assert model.parts[0].material is None and "usemtl" in model.warnings[0]
    assert "names no material file" in read(tmp_path, f"usemtl m\n{BODY}{FACE}").warnings[0]


@pytest.mark.parametrize(
    ("mtl", "colour"),
    [
        ("Kd 0.8 0.4 0.2", (204, 102, 51, 255)),
        ("kd\t0.8\t0.4\t0.2\t# brown", (204, 102, 51, 255)),
        ("  KD  0.8 0.4 0.2", (204, 102, 51, 255)),
        ("Kd 0.4", (102, 102, 102, 255)),
        ("Kd 204 102 51", (204, 102, 51, 255)),
        ("Kd xyz 0.95047 1.0 1.08883", (255, 255, 255, 255)),
        ("Kd xyz 0.4124 0.2126 0.0193", (255, 0, 0, 255)),
        ("Kd -1 2 0.5\nKd 1 0 0", (255, 0, 0, 255)),
        ("Kd 1 0 0\nd 0.5", (255, 0, 0, 128)),
        ("Kd 1 0 0\nd -halo 0.5", (255, 0, 0, 128)),
        ("Kd 1 0 0\nTr 0.25", (255, 0, 0, 191)),
        ("Kd 1 0 0\ntr 0.25 # clear", (255, 0, 0, 191)),
        ("Tr 1.0\nd 1.0\nKd 1 0 0", (255, 0, 0, 255)),
        ("d 0.5\nTr 0.9\nKd 1 0 0", (255, 0, 0, 128)),
        ("Kd 1 \\\n 0 0", (255, 0, 0, 255)),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_colour_and_opacity(tmp_path: Path, mtl: str, colour: Bytes4, line_end: str) -> None:
    (tmp_path / "a.mtl").write_bytes(("newmtl m\n" + mtl + "\n").replace("\n", line_end).encode())
    model = read(tmp_path, "mtllib a.mtl\nusemtl m\n" + BODY + FACE)
    assert (
        model.parts[0].material is not None
        and model.parts[0].material.colour == colour
        and model.warnings == []
    )


@pytest.mark.parametrize("mtl", ["Kd spectral red.rfl 1", "Kd", "Kd nan 0 0", "d x", "Tr nan"])
def test_what_cannot_be_read_is_said(tmp_path: Path, mtl: str) -> None:
    found, model = material(tmp_path, mtl)
    assert found.colour == (255, 255, 255, 255) and model.warnings[0].startswith("the material m: ")


def test_maps_that_are_not_read_are_said_once(tmp_path: Path) -> None:
    _, model = material(tmp_path, "map_Bump -bm 1 a.png\nmap_Pr a.png\nmap_Pm a.png\nnorm a.png\ndisp a.png")
    assert model.warnings == [
        "of materials only the base colour is read, not bump maps, normal maps, maps of metal and roughness, displacement maps "
        "(1: m)"
    ]


def test_comments_behind_names_of_materials(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl m # one\nKd 1 0 0 # red\n")
    model = read(tmp_path, "mtllib a.mtl # file\nusemtl m # another\n" + BODY + FACE)
    assert model.parts[0].material is not None and model.parts[0].material.colour == (255, 0, 0, 255)
    assert model.warnings == []


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("t.png", "t.png"), ("T.PNG", "t.png"), ("my own wood.png", "my own wood.png"), ('"my wood.png"', "my wood.png"),
        ("textures\\t.png", "textures/t.png"), ("TEXTURES/T.png", "textures/t.png"), ("./t.png", "t.png"),
        ("C:\\Users\\a b\\textures\\t.png", "textures/t.png"), ("/home/a/t.png", "t.png"), ("../t.png", "t.png"),
        ("../textures/t.png", "textures/t.png"), ("my%20wood.png", "my wood.png"), ("t#1.png", "t#1.png"),
        ("t.png # wood", "t.png"), ("file:///C:/x/t.png", "t.png"), ("w\u00fcrfel.png", "wu\u0308rfel.png"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["map_Kd ", "map_kd\t", "MAP_KD "])
def test_names_of_textures(tmp_path: Path, key: str, name: str, file: str) -> None:
    picture(tmp_path / file)
    (tmp_path / "a.mtl").write_text(f"newmtl m\n{key}{name}\n", "utf-8")
    model = read(tmp_path, "mtllib a.mtl\nusemtl m\n" + BODY + FACE)
    assert model.warnings == [] and model.parts[0].uv is not None
    assert model.parts[0].material is not None and model.parts[0].material.texture is not None


@pytest.mark.parametrize("name", ["../t.png", "../other/t.png", "..\\t.png", "/ABSOLUTE"])
def test_a_texture_outside_the_folder_is_a_warning(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "t.png")
    picture(tmp_path / "other" / "t.png")
    (tmp_path / "model").mkdir()
    found, model = material(
        tmp_path / "model", f"map_Kd {name.replace('/ABSOLUTE', str(tmp_path / 't.png'))}\nKd 1 0 0\n"
    )
    assert found.texture is None and found.colour == (255, 0, 0, 255) and len(model.parts[0].faces) == 1
    assert "outside its folder" in model.warnings[0] and "beside the model" in model.warnings[0]


def test_the_texture_replaces_kd_but_not_the_opacity(tmp_path: Path) -> None:
    picture(tmp_path / "t.png")
    found, _ = material(tmp_path, "Kd 0 0 0\nd 0.5\nmap_Kd t.png\n")
    assert found.colour == (255, 255, 255, 128) and found.texture is not None


@pytest.mark.parametrize(
    ("mtl", "said"),
    [
        ("map_Ka t.png", True), ("Kd 0 0 0\nmap_Ke t.png", True), ("Kd 1 1 1\nmap_Ke t.png", None),
        ("map_Kd t.png\nmap_Ka x.png\nmap_Ke y.png", False),
    ],
)  # fmt: skip
def test_other_maps_take_the_place_of_a_missing_one(tmp_path: Path, mtl: str, said: bool | None) -> None:
    picture(tmp_path / "t.png")
    found, model = material(tmp_path, mtl)
    assert (found.texture is None) == (said is None) and bool(model.warnings) == bool(said)


def test_opacity_from_a_map(tmp_path: Path) -> None:
    picture(tmp_path / "t.png", (9, 8, 7))
    picture(tmp_path / "half.png", (128, 128, 128))
    picture(tmp_path / "clear.png", (50, 60, 70, 40))
    assert material(tmp_path, "map_Kd t.png\nmap_d half.png")[0].texture.getpixel((0, 0)) == (9, 8, 7, 128)  # type: ignore[union-attr]
    assert material(tmp_path, "Kd 1 0 0\nmap_d half.png")[0].texture.getpixel((0, 0)) == (255, 0, 0, 128)  # type: ignore[union-attr]
    assert material(tmp_path, "map_Kd clear.png\nmap_d clear.png")[0].texture.getpixel((0, 0)) == (
        50,
        60,
        70,
        40,
    )  # type: ignore[union-attr]
    found = material(tmp_path, "map_Kd t.png\nmap_d -imfchan r clear.png")[0]
    assert found.texture is not None and found.texture.getpixel((0, 0)) == (9, 8, 7, 50)
    found, model = material(tmp_path, "map_Kd t.png\nmap_d -s 2 2 2 half.png")
    assert (
        found.texture is not None
        and found.texture.mode == "RGB"
        and "placed differently" in model.warnings[0]
    )


@pytest.mark.parametrize("alpha", [0, 100])
def test_a_texture_that_is_transparent_throughout_is_opaque_without_map_d(tmp_path: Path, alpha: int) -> None:
    picture(tmp_path / "t.png", (9, 8, 7, alpha))
    found, model = material(tmp_path, "map_Kd t.png")
    assert found.texture is not None and found.texture.mode == "RGB" and "map_d" in model.warnings[0]
    found, model = material(tmp_path, "map_Kd t.png\nmap_d t.png")
    assert (
        found.texture is not None
        and found.texture.getpixel((0, 0)) == (9, 8, 7, alpha)
        and not model.warnings
    )
    written = writer.write_library(found, "t.png").decode()
    assert written.endswith("map_Kd t.png\nmap_d t.png\n")
    cut = Pil.new("RGBA", (4, 4), (9, 8, 7, 255))
    cut.putpixel((0, 0), (0, 0, 0, 0))
    cut.save(tmp_path / "t.png")
    assert material(tmp_path, "map_Kd t.png")[0].texture.mode == "RGBA"  # type: ignore[union-attr]


def test_scale_offset_and_range_of_a_map(tmp_path: Path) -> None:
    picture(tmp_path / "t.png", (100, 200, 0))
    found, model = material(tmp_path, "map_Kd -s 0.5 2 1 -o 0.25 0 0 -mm 0.2 0.5 t.png")
    assert found.texture is not None and found.texture.getpixel((0, 0)) == (101, 151, 51)
    uv = model.parts[0].uv
    assert uv is not None and np.allclose(uv, np.array([[0, 0], [1, 0], [0, 1]]) * [0.5, 2] + [0.25, 0])
    found, model = material(tmp_path, "map_Kd -s 3 3 -clamp on t.png")
    assert found.texture is not None and found.texture.size == (12, 12)
    assert model.parts[0].uv is not None and np.allclose(model.parts[0].uv, [[0, 0], [1, 0], [0, 1]])
    assert "turbulence" in material(tmp_path, "map_Kd -t 0.1 t.png")[1].warnings[0]


def test_only_materials_that_are_used_are_made(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl other\nmap_Kd missing.png\nnewmtl m\nKd 1 0 0\n")
    assert read(tmp_path, "mtllib a.mtl\nusemtl m\n" + BODY + FACE).warnings == []


def test_many_names_are_bounded(tmp_path: Path) -> None:
    faces = "".join(f"usemtl m{k}\n{FACE}" for k in range(60))
    (tmp_path / "a.mtl").write_text("".join(f"newmtl m{k}\nmap_Kd t{k}.png\n" for k in range(40)))
    model = read(tmp_path, "mtllib a.mtl " + "b c " * 200 + "\n" + BODY + faces)
    assert len(model.parts) == 60 and len(model.warnings) == 21 and "more warnings" in model.warnings[-1]


@pytest.mark.parametrize("file", ["sub/t.png", "t.png", "sub/deep/t.png", "textures/t.png"])
def test_textures_are_looked_for_from_the_library_and_from_the_model(tmp_path: Path, file: str) -> None:
    picture(tmp_path / file)
    (tmp_path / "sub").mkdir(exist_ok=True)
    name = {"sub/deep/t.png": "deep/t.png", "textures/t.png": "../textures/t.png"}.get(file, "t.png")
    (tmp_path / "sub" / "a.mtl").write_text(f"newmtl m\nmap_Kd {name}\n")
    model = read(tmp_path, "mtllib sub/a.mtl\nusemtl m\n" + BODY + FACE)
    assert model.warnings == [] and model.parts[0].uv is not None
    (tmp_path / "sub" / "a.mtl").write_text("newmtl m\nmap_Kd ../../x.png\nnewmtl n\nmap_Kd x.png\n")
    model = read(tmp_path, f"mtllib sub/a.mtl\nusemtl m\n{BODY}{FACE}usemtl n\n{FACE}")
    assert "outside its folder" in model.warnings[0] and model.warnings[1] == "the texture x.png is missing"
