"""Each reader of a game format on damaged headers, counts and indices: one clear error that names the file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import game_files as files
import numpy as np
import pytest

from lift3d.corpus.readers import ac3d, g3d, md2, obj, pmd, spm, vrml
from lift3d.errors import InputError


def patched(data: bytes, at: int, pattern: str, *values: object) -> bytes:
    out = bytearray(data)
    struct.pack_into(pattern, out, at, *values)
    return bytes(out)


Case = tuple[Callable[[bytes, str], object], bytes, str]
CASES: dict[str, Case] = {
    "md2 magic": (md2.read, b"IDP3" + files.md2()[4:], "not an MD2 model"),
    "md2 frames": (md2.read, patched(files.md2(), 40, "<i", 0), "holds no frame"),
    "md2 points": (md2.read, patched(files.md2(), 24, "<i", -1), "out of range"),
    "md2 offset": (md2.read, patched(files.md2(), 56, "<i", -5), "cut short"),
    "md2 empty": (md2.read, b"", "cut short"),
    "pmd magic": (pmd.read, b"PSMX" + files.pmd()[4:], "not a PMD mesh"),
    "pmd version": (pmd.read, patched(files.pmd(), 4, "<I", 9), "version 9, but only 1 to 4"),
    "pmd pairs": (pmd.read, patched(files.pmd(), 16, "<I", 9), "states 9 texture coordinates"),
    "pmd count": (pmd.read, patched(files.pmd(), 12, "<I", 2**31), "out of range"),
    "g3d magic": (g3d.read, b"G3X\4" + files.g3d()[4:], "not a G3D model"),
    "g3d version": (g3d.read, b"G3D\5" + files.g3d()[4:], "not a G3D model"),
    "g3d frames": (g3d.read, patched(files.g3d(), 71, "<I", 0), "without frames"),
    "spm magic": (spm.read, b"XX" + files.spm()[2:], "not an SPM mesh"),
    "spm version": (spm.read, files.spm()[:2] + b"\xff" + files.spm()[3:], "version 1"),
    "vrml head": (vrml.read, b"#VRML V1.0 ascii\n", "not a VRML97 file"),
    "vrml points": (
        vrml.read,
        b"#VRML V2.0\nShape { coordIndex [0 1 2 -1] point [0 0] }",
        "without three coordinates",
    ),
    "vrml index": (
        vrml.read,
        b"#VRML V2.0\nShape { coordIndex [0 1 9 -1] point [0 0 0 1 0 0] }",
        "out of range",
    ),
    "vrml words": (vrml.read, b"#VRML V2.0\nShape { coordIndex [a] point [0 0 0] }", "text where numbers"),
    "ac3d head": (ac3d.read, b"OBJECT world\n", "not an AC3D file"),
    "ac3d cut": (ac3d.read, b"AC3Db\nOBJECT poly\nnumvert 4\n0 0 0\n", "cut short or has text"),
    "ac3d words": (ac3d.read, b"AC3Db\nOBJECT poly\nnumvert x\n", "cut short or has text"),
    "ac3d index": (
        ac3d.read,
        b"AC3Db\nOBJECT poly\nnumvert 1\n0 0 0\nnumsurf 1\nSURF 0\nmat 0\nrefs 3\n0 0 0\n0 0 0\n5 0 0\nkids 0\n",
        "out of range",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_one_error_that_names_the_file(name: str) -> None:
    read, data, message = CASES[name]
    with pytest.raises(InputError, match=f"model.x.*{message}") as caught:
        read(data, "model.x")
    assert "\n" not in str(caught.value)


def test_objects_nested_too_deep_end() -> None:
    text = "AC3Db\n" + "OBJECT group\nkids 1\n" * 500 + "OBJECT poly\nkids 0\n"
    assert ac3d.read(text.encode(), "a.ac") == []


def test_effects_are_left_out() -> None:
    body = "numvert 3\n0 0 0\n1 0 0\n0 1 0\nnumsurf 1\nSURF 0\nmat 0\nrefs 3\n0 0 0\n1 0 0\n2 0 0\nkids 0\n"
    text = 'AC3Db\nOBJECT poly\nname "light_cone"\n' + body + 'OBJECT poly\nname "hull"\n' + body
    assert len(ac3d.read(text.encode(), "a.ac")) == 1


def test_attachment_points_hang_on_no_bone() -> None:
    points = pmd.attachment_points(files.pmd_with_points(), "a.pmd")
    assert points and all(p.shape == (4, 4) and np.allclose(p[3], [0, 0, 0, 1]) for p in points.values())
    for pose in points.values():
        assert np.allclose(pose[:3, :3] @ pose[:3, :3].T, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("textured", [True, False])
def test_old_g3d_versions(version: int, textured: bool) -> None:
    parts = g3d.read(files.g3d_old(version, 2, textured), "a.g3d")
    assert parts and all((part.uv is not None) == textured and len(part.faces) == 4 for part in parts)


@pytest.mark.parametrize(
    "text", [b"v 0 0 x\nf 1 1 1\n", b"v 0 0 0\nf a b c\n", b"v 0 0 0\nv 1 0 0\nf 1 2 1e9\n", b""]
)
def test_damaged_objs_of_packages(text: bytes) -> None:
    with pytest.raises(InputError, match=r"a\.obj"):
        obj.read(text, Path("a.obj"))
