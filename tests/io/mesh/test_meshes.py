"""Each format keeps shape, material, unit and axes through a round trip, with the same bytes each time."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from trimesh.visual.material import PBRMaterial, SimpleMaterial
from trimesh.visual.texture import TextureVisuals

from lift3d.errors import InputError
from lift3d.geometry.parts.convert import mesh_to_part, vertex_colours
from lift3d.io.mesh.meshes import FORMATS, convert_mesh, load_mesh, save_mesh
from lift3d.types import Mesh

ENDINGS = list(FORMATS)
TEXTURED = [".glb", ".obj", ".ply", ".3mf", ".usdz"]
MILLIMETRES = (".stl", ".3mf")


@pytest.fixture(autouse=True)
def _extra(request: pytest.FixtureRequest) -> None:
    values = getattr(request.node, "callspec", None)
    if values is not None and ".usdz" in values.params.values():
        pytest.importorskip("pxr")


def shape(unit: str | None = "m") -> Mesh:
    """A box of 1 x 2 x 3 with a corner pulled out: no symmetry, so an exchanged axis or a mirror shows."""
    mesh = trimesh.creation.box((1, 2, 3))
    v = mesh.vertices.copy()
    v[v.sum(1).argmax()] += (0.5, 0.25, 0.125)
    mesh = trimesh.Trimesh(v + (1, 2, 3), mesh.faces, process=False)
    if unit is not None:
        mesh.units = unit
    return mesh


def picture(seed: int = 0, size: tuple[int, int] = (32, 16)) -> Pil.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    return Pil.fromarray(pixels)


def textured(unit: str | None = "m", alpha: bool = False) -> Mesh:
    """Every face with its own corners, and a texture coordinate of its own for each."""
    base = shape(unit)
    v = base.vertices[base.faces].reshape(-1, 3)
    uv = np.random.default_rng(1).random((len(v), 2)).astype(np.float32).astype(np.float64)
    mesh = trimesh.Trimesh(v, np.arange(len(v)).reshape(-1, 3), process=False)
    image = picture()
    if alpha:
        image.putalpha(Pil.fromarray(np.linspace(0, 255, 32 * 16).reshape(16, 32).astype(np.uint8)))
    mesh.visual = TextureVisuals(uv=uv, material=PBRMaterial(name="clay", baseColorTexture=image))
    mesh.units = unit
    return mesh


def corners(mesh: Mesh) -> np.ndarray:
    """(F, 3, 3) triangles in an order of their own, each from its smallest corner on: orientation is kept."""
    t = np.round(np.asarray(mesh.vertices)[mesh.faces], 5) + 0.0
    rolled = []
    for face in t:
        first = min(range(3), key=lambda i: tuple(face[i]))
        rolled.append(np.roll(face, -first, axis=0))
    a = np.array(rolled)
    return a[np.lexsort(a.reshape(len(a), -1).T[::-1])]


def face_colours(mesh: Mesh) -> dict[tuple[float, ...], np.ndarray]:
    """Texture colour at the corners of each triangle, by the triangle's centre."""
    part = mesh_to_part(mesh)
    colours = vertex_colours(part)
    assert colours is not None
    return {
        tuple(np.round(part.vertices[f].mean(0), 3) + 0.0): np.sort(colours[f], axis=0) for f in part.faces
    }


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("unit", ["m", None])
def test_shape_axes_orientation_and_unit(tmp_path: Path, ending: str, unit: str | None) -> None:
    mesh = shape(unit)
    assert mesh.volume > 0
    save_mesh(mesh, tmp_path / f"a{ending}")
    back = load_mesh(tmp_path / f"a{ending}")
    assert back.units == unit
    assert np.allclose(corners(back), corners(mesh), atol=1e-5)
    assert (
        len(back.vertices) == 8 and back.is_watertight and back.volume == pytest.approx(mesh.volume, rel=1e-6)
    )


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("unit", "factor"), [("cm", 0.01), ("millimeters", 0.001), ("inches", 0.0254), ("m", 1.0)]
)
def test_other_units_become_metres(tmp_path: Path, ending: str, unit: str, factor: float) -> None:
    mesh = shape(unit)
    save_mesh(mesh, tmp_path / f"a{ending}")
    back = load_mesh(tmp_path / f"a{ending}")
    assert back.units == "m"
    assert np.allclose(back.bounds, mesh.bounds * factor, rtol=1e-6)
    assert mesh.units == unit and np.allclose(mesh.vertices, shape().vertices)


@pytest.mark.parametrize("ending", [".stl", ".obj", ".ply"])
@pytest.mark.parametrize("unit", ["mm", "m"])
def test_the_unit_of_the_numbers_and_the_frame_are_stated(tmp_path: Path, ending: str, unit: str) -> None:
    mesh = trimesh.creation.box((0.03, 0.02, 0.01))
    mesh.units = "m"
    save_mesh(mesh, tmp_path / f"box{ending}", unit=unit, frame="LPS")
    assert (
        b"frame: LPS" in (data := (tmp_path / f"box{ending}").read_bytes())
        and f"unit: {unit}".encode() in data
    )
    plain = trimesh.load(tmp_path / f"box{ending}", process=False)
    np.testing.assert_allclose(
        plain.extents, np.array([30, 20, 10]) * (1 if unit == "mm" else 1e-3), rtol=1e-6
    )
    again = load_mesh(tmp_path / f"box{ending}")
    assert again.units == "m"
    np.testing.assert_allclose(again.extents, [0.03, 0.02, 0.01], rtol=1e-6)


def test_an_unknown_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cubit"):
        save_mesh(shape("cubits"), tmp_path / "a.glb")


@pytest.mark.parametrize("ending", TEXTURED)
@pytest.mark.parametrize("alpha", [False, True])
def test_texture(tmp_path: Path, ending: str, alpha: bool) -> None:
    mesh = textured(alpha=alpha)
    save_mesh(mesh, tmp_path / f"a{ending}")
    back = load_mesh(tmp_path / f"a{ending}")
    assert isinstance(back.visual, TextureVisuals)
    image = back.visual.material.baseColorTexture
    assert image.mode == ("RGBA" if alpha else "RGB")
    assert (np.asarray(image) == np.asarray(mesh.visual.material.baseColorTexture)).all()
    assert np.allclose(corners(back), corners(mesh), atol=1e-5)
    want, got = face_colours(mesh), face_colours(back)
    assert want.keys() == got.keys() and all((want[k] == got[k]).all() for k in want)


@pytest.mark.parametrize("ending", TEXTURED)
def test_a_large_texture_becomes_a_jpeg_close_to_it(tmp_path: Path, ending: str) -> None:
    mesh = textured()
    smooth = picture(2, (12, 8)).resize((1536, 1024), Pil.Resampling.BICUBIC)
    mesh.visual.material.baseColorTexture = smooth
    save_mesh(mesh, tmp_path / f"a{ending}")
    image = load_mesh(tmp_path / f"a{ending}").visual.material.baseColorTexture
    assert image.size == (1536, 1024)
    assert np.abs(np.asarray(image).astype(int) - np.asarray(smooth)).mean() < 1.0


@pytest.mark.parametrize("ending", [".glb", ".ply", ".3mf", ".usdz", ".obj"])
def test_colours_by_vertex(tmp_path: Path, ending: str) -> None:
    mesh = shape()
    rgba = np.random.default_rng(3).integers(0, 256, (8, 4)).astype(np.uint8)
    if ending in (".usdz", ".obj"):
        rgba[:, 3] = 255  # these know no alpha by vertex
    mesh.visual.vertex_colors = rgba
    save_mesh(mesh, tmp_path / f"a{ending}")
    back = load_mesh(tmp_path / f"a{ending}")
    assert back.visual.kind == "vertex"
    want = {tuple(p): tuple(c) for p, c in zip(np.round(mesh.vertices, 4), rgba.tolist())}
    got = {tuple(p): tuple(c) for p, c in zip(np.round(back.vertices, 4), back.visual.vertex_colors.tolist())}
    assert want == got


@pytest.mark.parametrize("ending", TEXTURED)
def test_one_base_colour(tmp_path: Path, ending: str) -> None:
    mesh = shape()
    mesh.visual = TextureVisuals(material=PBRMaterial(name="paint", baseColorFactor=[200, 100, 30, 255]))
    save_mesh(mesh, tmp_path / f"a{ending}")
    colours = vertex_colours(mesh_to_part(load_mesh(tmp_path / f"a{ending}")))
    assert colours is not None and (np.abs(colours.astype(int) - [200, 100, 30, 255]) <= 1).all()


def test_colours_by_face_are_kept(tmp_path: Path) -> None:
    mesh = shape()
    mesh.visual.face_colors = np.random.default_rng(4).integers(0, 256, (12, 4)).astype(np.uint8)
    save_mesh(mesh, tmp_path / "a.ply")
    back = load_mesh(tmp_path / "a.ply")
    got = {
        tuple(np.round(t.mean(0), 4)): c
        for t, c in zip(back.triangles, back.visual.vertex_colors[back.faces])
    }
    for triangle, colour in zip(mesh.triangles, mesh.visual.face_colors):
        assert (got[tuple(np.round(triangle.mean(0), 4))] == colour).all()


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_same_mesh_gives_the_same_bytes(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time

    first = [p.read_bytes() for p in save_mesh(textured(), tmp_path / f"a{ending}", normals=True)]
    monkeypatch.setattr(time, "time", lambda: 2e9)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2e9))
    assert first == [p.read_bytes() for p in save_mesh(textured(), tmp_path / f"a{ending}", normals=True)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_normals_change_nothing_else(tmp_path: Path, ending: str) -> None:
    save_mesh(textured(), tmp_path / f"a{ending}", normals=True)
    back = load_mesh(tmp_path / f"a{ending}")
    assert np.allclose(corners(back), corners(textured()), atol=1e-5)


@pytest.mark.parametrize("source", ENDINGS)
@pytest.mark.parametrize("target", ENDINGS)
def test_conversion(tmp_path: Path, source: str, target: str) -> None:
    if ".usdz" in (source, target):
        pytest.importorskip("pxr")
    save_mesh(textured(), tmp_path / f"a{source}")
    convert_mesh(tmp_path / f"a{source}", tmp_path / f"b{target}")
    back = load_mesh(tmp_path / f"b{target}")
    assert back.units == "m" and np.allclose(corners(back), corners(textured()), atol=1e-5)
    if ".stl" not in (source, target):
        want, got = face_colours(textured()), face_colours(back)
        assert all((want[k] == got[k]).all() for k in want)


# --- what the files themselves message, read without lift3d ------------------------------------------------


def glb_json(path: Path) -> dict:
    data = path.read_bytes()
    return json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])


def test_glb_is_y_up_in_metres_for_everyone(tmp_path: Path) -> None:
    save_mesh(textured(), tmp_path / "a.glb")
    scene = trimesh.load(tmp_path / "a.glb", force="mesh", process=False)
    low, high = shape().bounds
    assert np.allclose(scene.bounds, [[low[0], low[2], -high[1]], [high[0], high[2], -low[1]]], atol=1e-6)
    assert (np.asarray(scene.visual.material.baseColorTexture) == np.asarray(picture())).all()
    assert np.allclose(scene.visual.uv, textured().visual.uv, atol=1e-6)  # trimesh has v up, too
    assert glb_json(tmp_path / "a.glb")["asset"]["extras"] == {"unit": "m"}
    save_mesh(shape(None), tmp_path / "b.glb")
    assert glb_json(tmp_path / "b.glb")["asset"]["extras"] == {"unit": None}


def test_stl_is_in_millimetres_for_everyone(tmp_path: Path) -> None:
    save_mesh(shape(), tmp_path / "a.stl")
    data = (tmp_path / "a.stl").read_bytes()
    assert not data.startswith(b"solid") and b"unit: mm" in data[:80] and len(data) == 84 + 50 * 12
    assert np.allclose(trimesh.load(tmp_path / "a.stl").bounds, shape().bounds * 1000)
    save_mesh(shape(None), tmp_path / "a.stl")
    assert b"unit: null" in (tmp_path / "a.stl").read_bytes()[:80]
    assert np.allclose(trimesh.load(tmp_path / "a.stl").bounds, shape().bounds)


def test_3mf_is_closed_by_its_indices_in_millimetres_for_everyone(tmp_path: Path) -> None:
    save_mesh(textured(), tmp_path / "a.3mf")
    with zipfile.ZipFile(tmp_path / "a.3mf") as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        targets = archive.read("_rels/.rels") + archive.read("3D/_rels/3dmodel.model.rels")
        assert b'"/3D/3dmodel.model"' in targets and b'"/3D/Textures/texture.png"' in targets
        root = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
        image = Pil.open(io.BytesIO(archive.read("3D/Textures/texture.png")))
    assert root.get("unit") == "millimeter" and (np.asarray(image) == np.asarray(picture())).all()
    points = [[float(e.get(a, "")) for a in "xyz"] for e in root.iter() if e.tag.endswith("}vertex")]
    triangles = [e for e in root.iter() if e.tag.endswith("}triangle")]
    faces = [[int(e.get(a, "")) for a in ("v1", "v2", "v3")] for e in triangles]
    mesh = trimesh.Trimesh(points, faces, process=False)
    assert len(points) == 8 and mesh.is_watertight and mesh.volume == pytest.approx(shape().volume * 1e9)
    assert np.allclose(
        corners(mesh), corners(trimesh.Trimesh(shape().vertices * 1000, shape().faces)), atol=1e-3
    )
    uv = np.array([[float(e.get(a, "")) for a in "uv"] for e in root.iter() if e.tag.endswith("}tex2coord")])
    pick = np.array([[int(e.get(a, "")) for a in ("p1", "p2", "p3")] for e in triangles])
    assert np.allclose(uv[pick].reshape(-1, 2), textured().visual.uv)
    save_mesh(shape(None), tmp_path / "b.3mf")
    text = zipfile.ZipFile(tmp_path / "b.3mf").read("3D/3dmodel.model")
    assert b'<metadata name="lift3d:unit">null</metadata>' in text


def test_obj_and_ply_for_everyone(tmp_path: Path) -> None:
    for ending in ("obj", "ply"):
        save_mesh(textured(), tmp_path / f"a.{ending}")
        mesh = trimesh.load(tmp_path / f"a.{ending}", force="mesh", process=False)
        assert np.allclose(corners(mesh), corners(shape()), atol=1e-5)
        if ending == "obj":
            assert np.allclose(np.sort(mesh.visual.uv, axis=0), np.sort(textured().visual.uv, axis=0))
    assert b"# unit: m\n" in (tmp_path / "a.obj").read_bytes()
    image = trimesh.load(tmp_path / "a.obj", force="mesh").visual.material.image
    assert (np.asarray(image) == np.asarray(picture())).all()


def test_usdz_passes_usd_s_own_check(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdUtils

    save_mesh(textured(), tmp_path / "a.usdz")
    data = (tmp_path / "a.usdz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.usdz") as archive:
        for entry in archive.infolist():
            name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
            assert (entry.header_offset + 30 + name + extra) % 64 == 0 and entry.compress_type == 0
        assert archive.namelist()[0] == "model.usdc"
    stage = Usd.Stage.Open(str(tmp_path / "a.usdz"))
    if hasattr(UsdUtils, "ComplianceChecker"):  # before OpenUSD 25
        checker = UsdUtils.ComplianceChecker(arkit=True)
        checker.CheckCompliance(str(tmp_path / "a.usdz"))
        assert checker.GetErrors() == [] and checker.GetFailedChecks() == []
    else:
        from pxr import UsdValidation

        validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
        found = UsdValidation.ValidationContext(validators).Validate(stage)
        assert [e.GetMessage() for e in found] == []
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1.0


# --- strangers' files ------------------------------------------------------------------------------


def test_a_scene_of_transforms_and_materials(tmp_path: Path) -> None:
    scene = trimesh.Scene()
    for i, colour in enumerate([(255, 0, 0), (0, 255, 0)]):
        box = trimesh.creation.box((1, 1, 1))
        uv = np.random.default_rng(i).random((8, 2)) * (1 + 2 * i)  # the second repeats its texture
        image = Pil.new("RGB", (40 + 30 * i, 20), colour)
        box.visual = TextureVisuals(uv=uv, material=PBRMaterial(baseColorTexture=image))
        scene.add_geometry(box, transform=trimesh.transformations.translation_matrix((3 * i, 0, 0)))
    plain = trimesh.creation.icosphere(1)
    plain.visual.vertex_colors = (0, 0, 255, 255)
    mirror = np.diag([-1.0, 1, 1, 1])
    mirror[0, 3] = 6
    scene.add_geometry(plain, transform=mirror)
    scene.export(tmp_path / "a.glb")
    mesh = load_mesh(tmp_path / "a.glb")
    assert mesh.units == "m" and np.allclose(mesh.bounds[:, 0], [-0.5, 7])
    closed = trimesh.Trimesh(mesh.vertices, mesh.faces)
    assert len(closed.split()) == 3 and all(piece.volume > 0 for piece in closed.split())
    colours = vertex_colours(mesh_to_part(mesh))
    assert colours is not None
    for low, high, want in ((-1, 1, (255, 0, 0)), (2, 4, (0, 255, 0)), (4.5, 8, (0, 0, 255))):
        inside = (mesh.vertices[:, 0] > low) & (mesh.vertices[:, 0] < high)
        assert inside.any() and (colours[inside, :3] == want).all()


def test_gltf_of_many_files(tmp_path: Path) -> None:
    for name, data in trimesh.exchange.gltf.export_gltf(trimesh.Scene(shape())).items():
        (tmp_path / name).write_bytes(data)
    mesh = load_mesh(tmp_path / "model.gltf")
    assert len(mesh.faces) == 12 and mesh.volume == pytest.approx(shape().volume)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ascii_", [False, True])
def test_ply_of_every_kind(tmp_path: Path, order: str, ascii_: bool) -> None:
    """Doubles, quads beside triangles, an unknown element and list before the faces."""
    v = [(0, 0, 0), (2, 0, 0), (2, 1, 0), (0, 1, 0), (1, 3, 0)]
    faces = [(0, 1, 2, 3), (3, 2, 4)]
    kind = "ascii" if ascii_ else {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    head = (
        f"ply\r\nformat {kind} 1.0\r\ncomment x\r\nelement vertex 5\r\nproperty double x\r\n"
        "property double y\r\nproperty double z\r\nelement odd 2\r\n"
        "property list uchar short a\r\nproperty int b\r\n"
        "element face 2\r\nproperty uchar flag\r\nproperty list uchar uint vertex_index\r\nend_header\r\n"
    )
    odd = [((7, 8, 9), 1), ((), 2)]
    if ascii_:
        body = "".join(f"{x} {y} {z}\n" for x, y, z in v)
        body += "".join(f"{len(a)} {' '.join(map(str, a))} {b}\n" for a, b in odd)
        body += "".join(f"1 {len(f)} {' '.join(map(str, f))}\n" for f in faces)
        data = body.encode()
    else:
        data = b"".join(struct.pack(order + "3d", *p) for p in v)
        data += b"".join(struct.pack(f"{order}B{len(a)}hi", len(a), *a, b) for a, b in odd)
        data += b"".join(struct.pack(f"{order}BB{len(f)}I", 1, len(f), *f) for f in faces)
    (tmp_path / "a.ply").write_bytes(head.encode() + data)
    mesh = load_mesh(tmp_path / "a.ply")
    assert len(mesh.faces) == 3 and mesh.area == pytest.approx(4.0) and mesh.units is None
    assert (mesh.face_normals[:, 2] > 0.99).all()


def test_obj_of_every_kind(tmp_path: Path) -> None:
    """Relative indices, polygons, a continued line, two materials, Windows paths, no final newline."""
    Pil.new("RGB", (8, 8), (10, 20, 30)).save(tmp_path / "wood.png")
    (tmp_path / "m.mtl").write_text(
        "newmtl wood\nKd 0 0 0\nmap_Kd -s 1 1 1 C:\\textures\\wood.png\n"
        "newmtl red\nKd 1 0 0\nmap_Kd none.png\n"
    )
    (tmp_path / "a.obj").write_text(
        "mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 0 0 1\n"
        "usemtl wood\nf 1/1/1 2/2/1 \\\n 3/3/1 4/4/1\nusemtl red\nv 0 0 1\nf -1 -5//-1 -4//-1"
    )
    mesh = load_mesh(tmp_path / "a.obj")
    assert len(mesh.faces) == 3 and mesh.units is None and mesh.area == pytest.approx(1.5)
    assert any("none.png" in w for w in mesh.metadata["warnings"])
    colours = vertex_colours(mesh_to_part(mesh))
    assert colours is not None and {tuple(c) for c in colours[:, :3].tolist()} == {(10, 20, 30), (255, 0, 0)}


def test_text_stl_is_welded_and_has_no_unit(tmp_path: Path) -> None:
    (tmp_path / "a.stl").write_bytes(trimesh.exchange.stl.export_stl_ascii(shape()).encode())
    mesh = load_mesh(tmp_path / "a.stl")
    assert mesh.units is None and mesh.is_watertight and len(mesh.vertices) == 8
    assert np.allclose(corners(mesh), corners(shape()), atol=1e-4)


@pytest.mark.parametrize(
    ("unit", "factor"), [("inch", 0.0254), ("meter", 1.0), ("micron", 1e-6), ("", 0.001)]
)
def test_3mf_units_components_and_transforms(tmp_path: Path, unit: str, factor: float) -> None:
    text = f"""<?xml version="1.0"?><model {f'unit="{unit}"' if unit else ""} xmlns="http://x/core">
      <resources><object id="1"><mesh><vertices><vertex x="0" y="0" z="0"/><vertex x="1" y="0" z="0"/>
      <vertex x="0" y="1" z="0"/><vertex x="0" y="0" z="1"/></vertices><triangles>
      <triangle v1="0" v2="2" v3="1"/><triangle v1="0" v2="1" v3="3"/>
      <triangle v1="1" v2="2" v3="3"/><triangle v1="0" v2="3" v3="2"/></triangles>
      </mesh></object><object id="2"><components><component objectid="1"/>
      <component objectid="1" transform="-1 0 0 0 1 0 0 0 1 10 0 0"/></components></object></resources>
      <build><item objectid="2" transform="2 0 0 0 2 0 0 0 2 0 0 5"/></build></model>"""
    with zipfile.ZipFile(tmp_path / "a.3mf", "w") as archive:
        archive.writestr("3D/3dmodel.model", text)
    mesh = load_mesh(tmp_path / "a.3mf")
    assert mesh.units == "m" and np.allclose(mesh.bounds / factor, [[0, 0, 5], [20, 2, 7]])
    assert mesh.volume / factor**3 == pytest.approx(2 * 8 / 6)  # the mirrored one is turned outside again


def test_usdz_in_centimetres_z_up_left_handed_with_subsets(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdShade

    stage = Usd.Stage.CreateNew(str(tmp_path / "a.usda"))
    UsdGeom.SetStageUpAxis(stage, "Z")
    mesh = UsdGeom.Mesh.Define(stage, "/a/b")
    UsdGeom.Xformable(stage.DefinePrim("/a", "Xform")).AddTranslateOp().Set((0, 0, 100))
    mesh.CreatePointsAttr([(0, 0, 0), (100, 0, 0), (100, 100, 0), (0, 100, 0), (0, 200, 0)])
    mesh.CreateFaceVertexCountsAttr([4, 3])
    mesh.CreateFaceVertexIndicesAttr([3, 2, 1, 0, 4, 2, 3])
    mesh.CreateOrientationAttr("leftHanded")
    material = UsdShade.Material.Define(stage, "/red")
    shader = UsdShade.Shader.Define(stage, "/red/s")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", __import__("pxr").Sdf.ValueTypeNames.Color3f).Set((1, 0, 0))
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    subset = UsdGeom.Subset.CreateGeomSubset(mesh, "one", "face", [1], "materialBind")
    UsdShade.MaterialBindingAPI.Apply(subset.GetPrim()).Bind(material)
    stage.Save()
    with zipfile.ZipFile(tmp_path / "a.usdz", "w") as archive:
        archive.write(tmp_path / "a.usda", "a.usda")
    back = load_mesh(tmp_path / "a.usdz")
    assert back.units == "m" and np.allclose(back.bounds, [[0, 0, 1], [1, 2, 1]])
    assert len(back.faces) == 3 and (back.face_normals[:, 2] > 0.99).all()
    red = (back.visual.vertex_colors == (255, 0, 0, 255)).all(1)
    assert red.sum() > 0 and (~red).sum() > 0


def test_companions_are_named_after_the_model(tmp_path: Path) -> None:
    names = [p.name for p in save_mesh(textured(), tmp_path / "my statue.obj")]
    assert names == ["my statue.obj", "my_statue.mtl", "my_statue.obj.texture.png"]
    assert load_mesh(tmp_path / "my statue.obj").visual.material.baseColorTexture is not None
    (tmp_path / "my_statue.obj.texture.png").unlink()
    bare = load_mesh(tmp_path / "my statue.obj")
    assert "texture.png is missing" in bare.metadata["warnings"][0]


@pytest.mark.parametrize(
    "make", [lambda m: SimpleMaterial(image=m), lambda m: PBRMaterial(baseColorTexture=m)]
)
def test_both_of_trimesh_s_materials_are_understood(
    tmp_path: Path, make: Callable[[Pil.Image], object]
) -> None:
    mesh = textured()
    mesh.visual = TextureVisuals(uv=mesh.visual.uv, material=make(picture()))
    save_mesh(mesh, tmp_path / "a.glb")
    out = io.BytesIO((tmp_path / "a.glb").read_bytes())
    assert b"PNG" in out.getvalue()
    assert glb_json(tmp_path / "a.glb")["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] == [
        1,
        1,
        1,
        1,
    ]


def test_nothing_is_written_for_an_empty_mesh_or_an_unknown_ending(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no faces"):
        save_mesh(trimesh.Trimesh(np.zeros((3, 3)), np.zeros((0, 3), int)), tmp_path / "a.glb")
    for name in ("a.xyz", "a", "a.gltf"):
        with pytest.raises(InputError, match="not a format"):
            save_mesh(shape(), tmp_path / name)
        with pytest.raises(InputError):
            convert_mesh(tmp_path / "missing.glb", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_coordinates_of_a_survey_keep_their_size_in_every_format(tmp_path: Path, ending: str) -> None:
    if ending == ".usdz":
        pytest.importorskip("pxr")
    mesh = trimesh.creation.box((0.2, 0.4, 0.6))
    mesh.vertices = np.asarray(mesh.vertices) + [500000.2, 4649776.4, 100.3]
    save_mesh(mesh, tmp_path / "a.obj")
    source = load_mesh(tmp_path / "a.obj")
    assert (
        np.allclose(source.bounds, mesh.bounds, atol=1e-9)
        and "far from the origin" in source.metadata["warnings"][0]
    )
    save_mesh(source, tmp_path / f"b{ending}")
    back = load_mesh(tmp_path / f"b{ending}")
    assert np.allclose(np.ptp(back.vertices, axis=0), (0.2, 0.4, 0.6), atol=1e-6)
    kept = ending in (".obj", ".ply", ".3mf")
    assert np.allclose(back.bounds, mesh.bounds, atol=1e-6) == kept
    assert ("warnings" in back.metadata) == kept
