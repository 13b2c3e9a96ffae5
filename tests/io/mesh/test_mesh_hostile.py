"""Files from strangers: whatever is wrong with one is an InputError of one sentence, soon, within memory."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.mesh import meshes
from lift3d.io.mesh import zip_archive as archives
from lift3d.io.mesh.meshes import FORMATS, load_mesh, save_mesh

FUZZ = 200


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load_mesh(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def glb_of(document: dict, binary: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def triangle_glb(**changes: object) -> bytes:
    """One triangle as a glTF whose tables may be replaced."""
    points = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    document: dict = {
        "asset": {"version": "2.0"},
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    }
    return glb_of({**document, **changes}, points)


def accessor(**changes: object) -> dict:
    return {"accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", **changes}]}


PLY = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
PLY_FACE = "element face 1\nproperty list uchar int vertex_indices\nend_header\n"

BAD: list[tuple[str, bytes, str]] = [
    ("empty.glb", b"", "is empty"),
    ("text.glb", b"hello", "is not a GLB file"),
    ("obj_named.glb", b"v 0 0 0\nf 1 1 1\n", "is not a GLB file"),
    ("old.glb", struct.pack("<4sII", b"glTF", 1, 100) + bytes(100), "version 2"),
    ("short.glb", triangle_glb()[:200], "cut short"),
    ("count.glb", triangle_glb(**accessor(count=10**12)), "impossible length"),
    ("count2.glb", triangle_glb(**accessor(count=15_000_000)), "cut short"),
    ("view.glb", triangle_glb(bufferViews=[{"buffer": 0, "byteLength": 10**9}]), "cut short"),
    (
        "zeros.glb",
        triangle_glb(accessors=[{"componentType": 5126, "count": 15_000_000, "type": "VEC3"}]),
        "accessor without data",
    ),
    ("negative.glb", triangle_glb(**accessor(byteOffset=-8)), "cut short"),
    ("nodes.glb", triangle_glb(nodes=[{"mesh": 0, "children": [0]}], scenes=[{"nodes": [0]}]), "two parents"),
    ("nomesh.glb", triangle_glb(nodes=[{"mesh": 7}]), "does not hold"),
    ("none.glb", triangle_glb(meshes=[]), "does not hold"),
    (
        "deep.glb",
        struct.pack("<4sII", b"glTF", 2, 0) + struct.pack("<I4s", 200_000, b"JSON") + b"[" * 200_000,
        "damaged",
    ),
    (
        "draco.glb",
        triangle_glb(extensionsRequired=["KHR_draco_mesh_compression"]),
        "KHR_draco_mesh_compression",
    ),
    (
        "outside.glb",
        triangle_glb(buffers=[{"byteLength": 36, "uri": "../../etc/passwd"}]),
        "outside its folder",
    ),
    ("absolute.glb", triangle_glb(buffers=[{"byteLength": 36, "uri": "/etc/passwd"}]), "outside its folder"),
    ("network.glb", triangle_glb(buffers=[{"byteLength": 36, "uri": "http://x.org/a.bin"}]), "network"),
    ("missing.glb", triangle_glb(buffers=[{"byteLength": 36, "uri": "a.bin"}]), "not beside it"),
    ("nan.glb", glb_of(json.loads(triangle_glb()[20:-44]), struct.pack("<9f", *[np.nan] * 9)), "not finite"),
    ("range.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n", "refers to vertex 4, but there are 3"),
    ("zero.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n", "refers to vertex 0"),
    ("back.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -9 1 2\n", "refers to vertex -5"),
    (
        "nan.obj",
        b"v 0 0 0\nv nan 0 0\nv 0 inf 0\nf 1 2 3\n",
        r"2 vertices with numbers that are not finite, or over 1e30 \(first: 2\)",
    ),
    ("huge.obj", b"v 0 0 0\nv 1e300 0 0\nv 0 1 0\nf 1 2 3\n", "not finite"),
    ("word.obj", b"v 0 0 zero\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "damaged"),
    ("short.obj", b"v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "fewer than 3"),
    ("points.obj", b"v 0 0 0\n", "no faces"),
    ("png.obj", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "no faces"),
    ("header.ply", b"ply\nformat ascii 1.0\n", "is not a PLY"),
    ("count.ply", (PLY.replace("vertex 3", "vertex 99999999999") + PLY_FACE).encode(), "out of range"),
    ("count2.ply", (PLY.replace("vertex 3", "vertex 15000000") + PLY_FACE).encode(), "cut short"),
    ("faces.ply", (PLY + PLY_FACE + "0 0 0\n1 0 0\n0 1 0\n3 0 1 3\n").encode(), "out of range"),
    ("nan.ply", (PLY + PLY_FACE + "0 0 0\nnan 0 0\n0 1 0\n3 0 1 2\n").encode(), "not finite"),
    ("cloud.ply", (PLY + "end_header\n0 0 0\n1 0 0\n0 1 0\n").encode(), "points but no faces"),
    (
        "list.ply",
        PLY.replace("ascii", "binary_little_endian").encode()
        + PLY_FACE.replace("uchar", "uint").encode()
        + bytes(36)
        + struct.pack("<I", 2**31),
        "list of",
    ),
    ("short.stl", bytes(80) + struct.pack("<I", 1000) + bytes(60), "should hold 1000 triangles"),
    ("tiny.stl", b"abc", "is not an STL"),
    (
        "text.stl",
        b"solid x\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n",
        "fewer than three corners",
    ),
    ("none.stl", bytes(84), "no triangles"),
    (
        "nan.stl",
        bytes(80) + struct.pack("<I", 1) + struct.pack("<12f", *[np.nan] * 12) + b"\0\0",
        "not finite",
    ),
    ("text.3mf", b"hello", "not a zip archive"),
    ("text.usdz", b"hello", "not a zip archive"),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD, ids=[b[0] for b in BAD])
def test_one_sentence(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    if name.endswith("usdz"):
        pytest.importorskip("pxr")
    (tmp_path / name).write_bytes(data)
    refused(tmp_path / name, message)


def test_missing_unreadable_and_unknown_files(tmp_path: Path) -> None:
    refused(tmp_path / "a.glb", "does not exist")
    (tmp_path / "b.glb").mkdir()
    refused(tmp_path / "b.glb", "is a folder")
    (tmp_path / "a.dae").write_text("x")
    refused(tmp_path / "a.dae", "not a format")
    (tmp_path / "c.stl").symlink_to("/dev/zero")
    refused(tmp_path / "c.stl", "not a regular file")


def test_a_file_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meshes, "MAX_FILE", 1 << 20)
    (tmp_path / "a.stl").write_bytes(bytes((1 << 20) + 1))
    refused(tmp_path / "a.stl", "larger than 1 MB")


def zipped(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


@pytest.mark.slow
def test_zip_bomb(tmp_path: Path) -> None:
    bomb = b"<model>" + b" " * (64 << 20) + b"</model>"
    refused(zipped(tmp_path / "a.3mf", {"3D/3dmodel.model": bomb}), "zip bomb")
    many = {f"3D/{i}.model": bytes(1 << 20) for i in range(40)}
    refused(zipped(tmp_path / "b.3mf", many), "zip bomb")
    if pytest.importorskip("pxr"):
        refused(zipped(tmp_path / "a.usdz", {"a.usda": bomb}), "zip bomb")


def test_a_zip_that_lies_about_its_sizes(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.3mf", {"3D/3dmodel.model": b" " * (32 << 20)})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")
    data[at + 24 : at + 28] = struct.pack("<I", 1000)
    path.write_bytes(data)
    refused(path, "damaged")


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 10)
    refused(zipped(tmp_path / "a.3mf", {str(i): b"" for i in range(11)}), "holds 11 files")


@pytest.mark.parametrize(
    "name", ["../evil.model", "/evil.model", "a/../../evil.model", "..\\evil.model", "C:/evil.model"]
)
def test_zip_paths_that_lead_outside(tmp_path: Path, name: str) -> None:
    refused(zipped(tmp_path / "a.3mf", {name: b"<model/>"}), "leads outside")


MODEL = (
    "<model><resources><object id='1'><mesh><vertices><vertex x='0' y='0' z='0'/><vertex x='1' y='0' z='0'/>"
    "<vertex x='0' y='1' z='0'/></vertices><triangles><triangle v1='0' v2='1' v3='2'/></triangles></mesh>"
    "</object></resources><build><item objectid='1'/></build></model>"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<!DOCTYPE m [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]><model>&b;</model>", "entities"),
        ("<!DOCTYPE m [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><model>&a;</model>", "entities"),
        (MODEL.replace("v3='2'", "v3='9'"), "refers to vertex 9"),
        (MODEL.replace("v3='2'", "v3='-1'"), "refers to vertex"),
        (MODEL.replace("x='1'", "x='nan'"), "not finite"),
        (MODEL.replace("objectid='1'", "objectid='2'"), "does not hold"),
        (MODEL.replace("<model>", "<model unit='cubit'>"), "cubit"),
        (MODEL[:150], "damaged"),
        ("", "damaged"),
        ("<model/>", "no triangles"),
        (
            "<model><resources><object id='1'><components><component objectid='1'/><component objectid='1'/>"
            "</components>"
            "</object></resources><build><item objectid='1'/></build></model>",
            "contain themselves",
        ),
    ],
)
def test_3mf_models(tmp_path: Path, text: str, message: str) -> None:
    refused(zipped(tmp_path / "a.3mf", {"3D/3dmodel.model": text.encode()}), message)
    wide = "<?xml version='1.0' encoding='utf-16'?>" + text
    refused(zipped(tmp_path / "b.3mf", {"3D/3dmodel.model": wide.encode("utf-16")}), message)


@pytest.mark.slow
def test_3mf_components_that_multiply(tmp_path: Path) -> None:
    """A billion triangles from a few lines: refused by count, not by running out of memory."""
    levels = ""
    for i in range(2, 11):
        ten = f"<component objectid='{i - 1}'/>" * 10
        levels += f"<object id='{i}'><components>{ten}</components></object>"
    text = MODEL.replace("</resources>", levels + "</resources>")
    text = text.replace("objectid='1'/></build>", "objectid='10'/></build>")
    import lift3d.io.mesh.threemf.objects as threemf

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threemf, "MAX_ELEMENTS", 20_000)
        refused(
            zipped(tmp_path / "a.3mf", {"3D/3dmodel.model": text.encode()}),
            "more than 20000 vertices and triangles",
        )


def test_the_material_file_and_its_pictures_stay_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    Pil.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    body = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nusemtl a\nf 1/1 2/1 3/1\n"
    (folder / "a.obj").write_text("mtllib a.mtl\n" + body)

    def left_out(message: str) -> None:
        mesh = load_mesh(folder / "a.obj")
        (warning,) = mesh.metadata["warnings"]
        assert message in warning and "\n" not in warning and len(warning) < 400
        assert getattr(mesh.visual, "uv", None) is None or mesh.visual.material.baseColorTexture is None

    for reference in ("../secret.png", str(tmp_path / "secret.png"), "..\\secret.png"):
        (folder / "a.mtl").write_text(f"newmtl a\nmap_Kd {reference}\n")
        left_out("outside its folder")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "a.mtl").write_text("newmtl a\nmap_Kd link.png\n")
    left_out("outside its folder")
    (folder / "a.mtl").write_text("newmtl a\nmap_Kd a.mtl\n")
    left_out("the texture a.mtl is not a picture")
    (tmp_path / "secret.mtl").write_text("newmtl a\nKd 1 0 0\n")
    (folder / "a.obj").write_text("mtllib ../secret.mtl\n" + body)
    left_out("outside its folder")
    head = PLY.replace("element", "comment TextureFile ../secret.png\nelement", 1) + PLY_FACE
    (folder / "a.obj").unlink()
    (folder / "a.ply").write_text(head + "0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n")
    (warning,) = load_mesh(folder / "a.ply").metadata["warnings"]
    assert "outside its folder" in warning


def test_usdz_refers_to_nothing_outside(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    (tmp_path / "outside.usda").write_text('#usda 1.0\ndef Mesh "m" {}\n')
    for reference in (str(tmp_path / "outside.usda"), "../outside.usda"):
        layer = f"#usda 1.0\n(\n subLayers = [@{reference}@]\n)\n"
        refused(zipped(tmp_path / "a.usdz", {"a.usda": layer.encode()}, zipfile.ZIP_STORED), "outside it")
    refused(zipped(tmp_path / "b.usdz", {"a.usda": b"#usda 1.0\nnonsense"}, zipfile.ZIP_STORED), "damaged")
    refused(zipped(tmp_path / "c.usdz", {"a.txt": b"x"}, zipfile.ZIP_STORED), "without a USD layer")
    refused(zipped(tmp_path / "d.usdz", {"a.usda": b"#usda 1.0\n"}, zipfile.ZIP_STORED), "no triangles")


def sample(ending: str, folder: Path, rich: bool) -> bytes:
    """A small good file: with a texture, or with colours by vertex."""
    mesh = trimesh.creation.box()
    mesh.units = "m"
    if rich:
        uv = np.random.default_rng(0).random((8, 2))
        picture = Pil.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3)).astype(np.uint8))
        mesh.visual = trimesh.visual.TextureVisuals(uv=uv, image=picture)
    else:
        mesh.visual.vertex_colors = np.random.default_rng(0).integers(0, 255, (8, 4)).astype(np.uint8)
    return save_mesh(mesh, folder / f"good{ending}")[0].read_bytes()


def text_ply() -> bytes:
    box = trimesh.creation.box()
    return trimesh.exchange.ply.export_ply(box, encoding="ascii")


def text_stl() -> bytes:
    return trimesh.exchange.stl.export_stl_ascii(trimesh.creation.box()).encode()


def repacked(data: bytes, rng: np.random.Generator) -> bytes:
    """A zip whose entries are damaged inside, so that checksums do not save the reader."""
    source = zipfile.ZipFile(io.BytesIO(data))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            archive.writestr(
                name, mutated(source.read(name), rng) if rng.random() < 0.8 else source.read(name)
            )
    return out.getvalue()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, removed, doubled or cut off; digits become other digits often."""
    new = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(0, len(new)))
        kind = rng.random()
        if kind < 0.35:
            new[at] = rng.integers(0, 256)
        elif kind < 0.7:
            digits = [i for i in range(at, min(at + 300, len(new))) if 48 <= new[i] <= 57]
            if digits:
                new[digits[0]] = rng.choice(np.frombuffer(b"0123456789-.e", np.uint8))
        elif kind < 0.8:
            del new[at : at + int(rng.integers(1, 40))]
        elif kind < 0.9:
            new[at:at] = new[at : at + int(rng.integers(1, 40))]
        elif kind < 0.95 and len(new) > 8:
            at = min(at, len(new) - 4)
            new[at : at + 4] = struct.pack("<I", int(rng.choice([0, 1, 2**31, 2**32 - 1, 10**6])))
        elif rng.random() < 0.5:
            del new[max(1, at) :]
        if not new:
            return b"x"
    return bytes(new)


CASES: list[tuple[str, Callable[[Path], bytes], bool]] = [
    *[(e, lambda folder, e=e: sample(e, folder, True), False) for e in FORMATS if e != ".usdz"],
    *[(e, lambda folder, e=e: sample(e, folder, False), False) for e in (".glb", ".obj", ".ply", ".3mf")],
    (".ply", lambda folder: text_ply(), False),
    (".stl", lambda folder: text_stl(), False),
    (".3mf", lambda folder: sample(".3mf", folder, True), True),
    (".3mf", lambda folder: sample(".3mf", folder, False), True),
]


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0]}-{i}")
@pytest.mark.slow
def test_fuzz(tmp_path: Path, case: int) -> None:
    """Result or InputError: no other exception, no hang, no unbounded memory."""
    ending, make, inside = CASES[case]
    good = make(tmp_path)
    rng = np.random.default_rng(case)
    outcomes = {"read": 0, "refused": 0}
    path = tmp_path / f"bad{ending}"
    for _ in range(FUZZ):
        path.write_bytes(repacked(good, rng) if inside else mutated(good, rng))
        try:
            mesh = load_mesh(path)
        except InputError as error:
            assert "\n" not in str(error)
            outcomes["refused"] += 1
        else:
            assert np.isfinite(mesh.vertices).all() and mesh.faces.max() < len(mesh.vertices)
            outcomes["read"] += 1
    assert outcomes["refused"] > 0


@pytest.mark.slow
def test_fuzz_usdz(tmp_path: Path) -> None:
    """Checksums are verified before OpenUSD sees the file, so what reaches it is what was written."""
    pytest.importorskip("pxr")
    good = sample(".usdz", tmp_path, True)
    rng = np.random.default_rng(11)
    for _ in range(FUZZ):
        (tmp_path / "bad.usdz").write_bytes(mutated(good, rng))
        try:
            load_mesh(tmp_path / "bad.usdz")
        except InputError as error:
            assert "\n" not in str(error)


@pytest.mark.slow
def test_companions_are_fuzzed_too(tmp_path: Path) -> None:
    mesh = trimesh.creation.box()
    mesh.visual = trimesh.visual.TextureVisuals(uv=np.zeros((8, 2)), image=Pil.new("RGB", (8, 8), (1, 2, 3)))
    files = save_mesh(mesh, tmp_path / "a.obj")
    rng = np.random.default_rng(5)
    for path in files[1:]:
        good = path.read_bytes()
        for _ in range(150):
            path.write_bytes(mutated(good, rng))
            try:
                load_mesh(files[0])
            except InputError as error:
                assert "\n" not in str(error)
        path.write_bytes(good)
    assert load_mesh(files[0]).visual.material.baseColorTexture is not None
