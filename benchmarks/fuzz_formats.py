"""The inputs of `fuzz.py`: for each format undamaged files, and the function by which lift3d reads them."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import io
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image as Pil
from trimesh.visual.texture import TextureVisuals

from lift3d.corpus.packages.deb import list_files, unpack
from lift3d.corpus.packages.licences import Copyright, licence_in_text
from lift3d.corpus.packages.unzip import unzip
from lift3d.corpus.readers import ac3d, g3d, md2, obj, pmd, spm, vrml
from lift3d.corpus.readers.texture_lookup import Textures
from lift3d.corpus.sources.glest import parse_authors
from lift3d.corpus.sources.homedecor import parse_definitions
from lift3d.corpus.sources.supertuxkart import parse_kart
from lift3d.corpus.sources.sweethome3d import parse_catalogue, size_in_metres
from lift3d.corpus.sources.zeroad import parse_actor
from lift3d.errors import InputError
from lift3d.geometry.parts.clean import NoShapeError, clean_parts
from lift3d.io.mesh.meshes import load_parts, save_mesh
from lift3d.io.mesh.zip_archive import pack
from lift3d.types import Part

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "helpers"))
import game_files as files  # noqa: E402

import fuzz_models as models  # noqa: E402
import fuzz_photos as photos  # noqa: E402

USD = importlib.util.find_spec("pxr") is not None
Read = Callable[[bytes, Path], int]


@dataclass(frozen=True)
class Format:
    """seeds: undamaged files; read: function from a damaged file and an empty folder to the number of shapes, rows or files read;
    wrap: adds the container of the damaged bytes (the zip of a 3MF's XML); real: a pattern of files of this format in unpacked
    packages."""

    seeds: list[bytes]
    read: Read
    wrap: Callable[[bytes], bytes] = field(default=bytes)
    real: str = ""


def formats(folder: Path) -> dict[str, Format]:
    """All formats by name. folder: for temporary files of the seeds."""
    mesh = _seeds(folder)
    wrapped_3mf = [b for name, b in _members(mesh[".3mf"]) if name.endswith(".model")]
    usd = [
        b for name, b in (_members(mesh[".usdz"]) if USD else []) if name.endswith((".usdc", ".usda", ".usd"))
    ]
    zipped = pack([("models/a.obj", files.OBJ), ("models/deep/b.md2", files.md2()), ("c.txt", b"c" * 3000)])
    held = {
        "./usr/share/doc/thing/copyright": files.DEP5,
        "./usr/a.obj": files.OBJ,
        "./usr/deep/b": b"b" * 900,
    }
    deb = files.deb(held, {"./usr/link": "a.obj"})
    tar = files.tar(held, {"./usr/link": "a.obj"}, "w")
    all_spm = [
        files.spm(flags, kind, second) for flags in (0, 1, 3, 7) for kind in (1, 2) for second in (b"", b"b")
    ]
    old = [files.g3d_old(2), files.g3d_old(3), files.g3d_old(3, textured=False)]
    every = {
        "AC3D": Format([files.ac3d()], partial(_parts, ac3d.read), real="*.ac"),
        "PMD": Format([files.pmd(), files.pmd(3), files.pmd_with_points()], _pmd, real="*.pmd"),
        "actor XML": Format(
            [files.ACTOR], lambda data, _: 1 + len(parse_actor(data).props), real="actors/*/*.xml"
        ),
        "MD2": Format([files.md2()], partial(_parts, md2.read), real="*.md2"),
        "G3D": Format([files.g3d(), files.g3d(1, False), *old], partial(_parts, g3d.read), real="*.g3d"),
        "SPM": Format(all_spm, partial(_parts, spm.read), real="*.spm"),
        "VRML": Format([files.vrml()], partial(_parts, vrml.read), real="*.wrl"),
        "OBJ": Format([files.OBJ, mesh[".obj"], models.OBJ], partial(_obj, "x.obj"), real="*.obj"),
        "MTL": Format([files.MTL, models.MTL], partial(_obj, "thing.mtl"), real="*.mtl"),
        "GLB": Format([mesh[".glb"]], partial(_model, ".glb"), real="*.glb"),
        "GLB, its JSON": Format([_json(mesh[".glb"])], partial(_model, ".glb"), partial(_glb, mesh[".glb"])),
        "glTF": Format([_gltf(mesh[".glb"]), *models.gltf_scenes()], partial(_model, ".gltf"), real="*.gltf"),
        "STL": Format([mesh[".stl"], files.STL, *models.STL], partial(_model, ".stl"), real="*.stl"),
        "PLY": Format([mesh[".ply"], files.PLY, *models.PLY], partial(_model, ".ply"), real="*.ply"),
        "OFF": Format([files.OFF, *models.OFF], partial(_model, ".off"), real="*.off"),
        "3MF": Format([mesh[".3mf"]], partial(_model, ".3mf"), real="*.3mf"),
        "3MF, its XML": Format(
            [*wrapped_3mf, *models.threemf_models()],
            partial(_model, ".3mf"),
            partial(_rezip, mesh[".3mf"], ".model"),
        ),
        "USDZ": Format([mesh[".usdz"]] if USD else [], partial(_model, ".usdz"), real="*.usdz"),
        "USD as text": Format(models.usd_scenes() if USD else [], partial(_model, ".usdz"), _usda),
        "USDZ, its scene": Format(
            usd, partial(_model, ".usdz"), partial(_rezip, mesh.get(".usdz", b""), ".usd")
        ),
        "catalogue": Format([files.CATALOGUE], _catalogue, real="PluginFurnitureCatalog.properties"),
        "Lua": Format(
            [files.LUA], lambda data, _: len(parse_definitions(data.decode("utf-8", "replace"))), real="*.lua"
        ),
        "kart XML": Format([files.KART], lambda data, _: 1 + len(parse_kart(data)[1]), real="kart.xml"),
        "zip": Format([zipped], _zip),
        "deb": Format([deb], _deb),
        "deb, its tar": Format([tar], _deb, files.deb_around),
        "DEP-5": Format([files.DEP5], _rights, real="copyright"),
        "pictures": Format(_pictures(), _picture),
    }
    every |= {name: Format(seeds, read) for name, (seeds, read) in photos.known_formats().items()}
    return {name: kind for name, kind in every.items() if kind.seeds}


def _parts(read: Callable[[bytes, str], list[Part]], data: bytes, folder: Path) -> int:
    parts = read(data, "damaged file")
    for part in parts:
        assert np.isfinite(part.vertices).all()
        assert not part.faces.size or 0 <= part.faces.min() <= part.faces.max() < len(part.vertices)
    with contextlib.suppress(NoShapeError):  # as the corpus does: the file holds no shape
        clean_parts(parts)
    return len(parts)


def _pmd(data: bytes, folder: Path) -> int:
    parts = _parts(pmd.read, data, folder)
    with contextlib.suppress(InputError):  # as in the source: without points there are no props
        parts += len(pmd.attachment_points(data, "damaged file"))
    return parts


def _obj(name: str, data: bytes, folder: Path) -> int:
    whole = {"x.obj": files.OBJ, "thing.mtl": files.MTL, "thing.png": _pictures()[0]} | {name: data}
    for file, content in whole.items():
        (folder / file).write_bytes(content)
    return _parts(lambda data, _: obj.read(data, folder / "x.obj"), whole["x.obj"], folder)


def _model(ending: str, data: bytes, folder: Path) -> int:
    (folder / f"x{ending}").write_bytes(data)
    return _parts(lambda *_: load_parts(folder / f"x{ending}").parts, data, folder)


def _catalogue(data: bytes, folder: Path) -> int:
    rows = parse_catalogue(data)
    return len([size_in_metres(row) for row in rows])


def _zip(data: bytes, folder: Path) -> int:
    (folder / "x.zip").write_bytes(data)
    return _inside(unzip(folder / "x.zip", lambda name: not name.endswith(".txt")), folder)


def _deb(data: bytes, folder: Path) -> int:
    (folder / "x.deb").write_bytes(data)
    list_files(folder / "x.deb")
    unpack(folder / "x.deb", folder / "out", lambda name: True)
    return _inside(folder / "out", folder)


def _inside(root: Path, folder: Path) -> int:
    """The number of files below root, after a check that no file was written outside of it."""
    got = list(root.rglob("*"))
    assert all(f.resolve().is_relative_to(root.resolve()) for f in got)
    assert {f.name for f in folder.iterdir()} <= {"x.zip", "x.deb", root.name}
    return len(got)


def _rights(data: bytes, folder: Path) -> int:
    text = data.decode("utf-8", "replace")
    licence_in_text(text), parse_authors(text)
    return len(Copyright(text).terms_of("data/chairs/a.obj").author("them"))


def _picture(data: bytes, folder: Path) -> int:
    (folder / "a.png").write_bytes(data)
    return int(Textures(folder).open("a") is not None)


def _pictures() -> list[bytes]:
    picture = Pil.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    out = []
    for kind in ("PNG", "JPEG", "TGA", "DDS", "SGI", "BMP", "GIF"):
        picture.save(buffer := io.BytesIO(), kind)
        out.append(buffer.getvalue())
    return out


def _seeds(folder: Path) -> dict[str, bytes]:
    """A textured box in every format that lift3d writes."""
    box = trimesh.creation.box()
    uv = np.random.default_rng(0).random((len(box.vertices), 2))
    picture = Pil.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    box.visual = TextureVisuals(uv=uv, material=trimesh.visual.material.PBRMaterial(baseColorTexture=picture))
    box.units = "m"
    endings = [".glb", ".obj", ".ply", ".stl", ".3mf"] + [".usdz"] * USD
    return {ending: save_mesh(box, folder / f"seed{ending}")[0].read_bytes() for ending in endings}


def _members(data: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _rezip(around: bytes, ending: str, data: bytes) -> bytes:
    """The archive with the file of this name extension replaced."""
    align = 64 if ending == ".usd" else 0
    return pack([(name, data if ending in name else held) for name, held in _members(around)], align=align)


def _usda(data: bytes) -> bytes:
    """A USDZ with this layer and a texture."""
    picture = io.BytesIO()
    models.PICTURE.save(picture, "PNG")
    return pack([("a.usda", data), ("t.png", picture.getvalue())], align=64)


def _json(glb: bytes) -> bytes:
    return glb[20 : 20 + int.from_bytes(glb[12:16], "little")]


def _gltf(glb: bytes) -> bytes:
    """The GLB as a single JSON with embedded buffers."""
    tree, binary = json.loads(_json(glb)), glb[28 + len(_json(glb)) :]
    tree["buffers"][0]["uri"] = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    return json.dumps(tree).encode()


def _glb(around: bytes, data: bytes) -> bytes:
    """The GLB with another JSON and corrected sizes."""
    rest, text = around[20 + len(_json(around)) :], data + b" " * (-len(data) % 4)
    total = 20 + len(text) + len(rest)
    return around[:8] + total.to_bytes(4, "little") + len(text).to_bytes(4, "little") + b"JSON" + text + rest
