"""The HTML file of `lift3d view`: self-contained, the same bytes every time, small beside its model, whole or not at all."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh

import lift3d
from lift3d.errors import InputError, Lift3dWarning
from lift3d.io.mesh.meshes import glb_bytes, save_mesh
from lift3d.viewer import html, view

VIEWER = Path(html.__file__).parent
ORBIT_CONTROLS_OF_NPM = "b97879c748170baadeb3fb84cea1ffdf4674e283dc06042f34e2acb95a76042c"


@pytest.fixture
def cube() -> trimesh.Trimesh:
    mesh = trimesh.creation.box((0.05, 0.05, 0.05))
    mesh.units = "m"
    return mesh


def packed(page: bytes, what: str) -> dict[str, bytes]:
    """Name -> content of the template elements of one sort, in their order."""
    found = re.findall(rf'<template data-{what}="([^"]+)">([^<]*)</template>', page.decode())
    return {name: gzip.decompress(base64.b64decode(text, validate=True)) for name, text in found}


def test_the_files_of_three_are_those_of_npm() -> None:
    vendor = VIEWER / "vendor"
    listed = dict(line.split()[::-1] for line in (vendor / "CHECKSUMS").read_text("utf-8").splitlines())
    assert set(listed) == {path.name for path in vendor.iterdir()} - {"CHECKSUMS", "README.md"}
    for name, digest in listed.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest, name
    orbit = (vendor / "OrbitControls.js").read_bytes()
    original = orbit.replace(b"from './three.module.min.js'", b"from 'three'")
    assert original != orbit and hashlib.sha256(original).hexdigest() == ORBIT_CONTROLS_OF_NPM
    assert ORBIT_CONTROLS_OF_NPM in (vendor / "README.md").read_text("utf-8")


def test_the_page_holds_the_model_and_the_modules_in_the_order_of_their_imports(
    cube: trimesh.Trimesh,
) -> None:
    data = glb_bytes(cube)
    page = html.viewer_html(data, "cube.glb")
    assert packed(page, "model") == {"model": data}
    modules = packed(page, "module")
    assert {"viewer.js", "controls.js", "glb.js", "normals.js", "vendor/three.core.min.js"} <= set(modules)
    known: set[str] = set()
    for name, content in modules.items():
        text = content.decode()
        assert not html._IMPORT.search(text) and not re.search(r"\bfrom\s*['\"]three['\"]", text), name
        assert set(re.findall(r'"module:([^"]+)"', text)) <= known, name
        known.add(name)


def test_the_page_is_small_beside_its_model(cube: trimesh.Trimesh) -> None:
    assert len(html.viewer_html(glb_bytes(cube), "cube.glb")) < 450_000


def test_the_policy_allows_no_other_script_and_no_connection(cube: trimesh.Trimesh) -> None:
    page = html.viewer_html(glb_bytes(cube), "cube.glb").decode()
    policy = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert len(policy) == 1 and policy[0].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[0] and "connect-src" not in policy[0] and "http" not in policy[0]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy[0]
    outside = re.sub(r"<template[^>]*>[^<]*</template>", "", page)
    assert not re.search(
        r"\b(src|srcset)=|https?:|//\w", outside.replace("<!doctype html>", "").split("<script>")[0]
    )
    assert len(re.findall("<script", page)) == 1


def test_the_same_model_gives_the_same_bytes(cube: trimesh.Trimesh, tmp_path: Path) -> None:
    first = lift3d.view(cube, tmp_path / "a.html", open_browser=False)
    second = lift3d.view(cube, tmp_path / "b.html", open_browser=False)
    assert first.read_bytes() == second.read_bytes() and sorted(tmp_path.iterdir()) == [first, second]


def test_the_title_is_text(cube: trimesh.Trimesh, tmp_path: Path) -> None:
    name = '<img src=x onerror="alert(1)"> & {0}.glb'
    save_mesh(cube, tmp_path / name)
    page = lift3d.view(tmp_path / name, tmp_path / "page.html", open_browser=False).read_text("utf-8")
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; {0}.glb") == 3


@pytest.mark.parametrize("ending", ["glb", "obj", "ply", "stl", "3mf"])
def test_every_format_becomes_a_glb(cube: trimesh.Trimesh, tmp_path: Path, ending: str) -> None:
    save_mesh(cube, tmp_path / f"cube.{ending}")
    path = lift3d.view(tmp_path / f"cube.{ending}", tmp_path / "page.html", open_browser=False)
    (tmp_path / "model.glb").write_bytes(packed(path.read_bytes(), "model")["model"])
    mesh = lift3d.load(tmp_path / "model.glb")
    assert len(mesh.faces) == 12 and np.allclose(
        mesh.extents, lift3d.load(tmp_path / f"cube.{ending}").extents
    )


def test_the_upright_axis(tmp_path: Path) -> None:
    tower = trimesh.creation.box((1, 3, 2))
    save_mesh(tower, tmp_path / "tower.stl")
    save_mesh(tower, tmp_path / "tower.glb")
    for name, extents in (("tower.stl", (1, 2, 3)), ("tower.glb", (1, 3, 2))):
        path = lift3d.view(tmp_path / name, tmp_path / "page.html", up="y", open_browser=False)
        (tmp_path / "model.glb").write_bytes(packed(path.read_bytes(), "model")["model"])
        assert np.allclose(lift3d.load(tmp_path / "model.glb").extents, extents), name
    with pytest.raises(InputError, match="'x' is not an upright axis"):
        lift3d.view(tower, tmp_path / "other.html", up="x", open_browser=False)


def test_the_uncertainty_beside_a_model_is_in_the_page(cube: trimesh.Trimesh, tmp_path: Path) -> None:
    save_mesh(cube, tmp_path / "cube.glb")
    coloured = cube.copy()
    coloured.visual.vertex_colors = np.tile([255, 0, 0, 255], (8, 1))
    save_mesh(coloured, tmp_path / "cube.uncertainty.ply")
    page = lift3d.view(tmp_path / "cube.glb", tmp_path / "page.html", open_browser=False).read_bytes()
    assert set(packed(page, "model")) == {"model", "confidence"}
    assert b"COLOR_0" in packed(page, "model")["confidence"]


def test_without_output_it_lies_in_a_folder_of_the_user(
    cube: trimesh.Trimesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    save_mesh(cube, tmp_path / "a cube, of 5 cm.glb")
    path = lift3d.view(tmp_path / "a cube, of 5 cm.glb")
    assert path.name == "a_cube_of_5_cm.html" and path.parent.parent == tmp_path
    assert opened == [path.as_uri()] and path.parent.stat().st_mode & 0o077 == 0
    assert lift3d.view(cube).name == "model.html" and len(opened) == 2


def test_what_could_not_be_used_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "flat.obj").write_text(
        "mtllib none.mtl\nusemtl a\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"
    )
    with pytest.warns(Lift3dWarning, match="flat.obj: "):
        lift3d.view(tmp_path / "flat.obj", tmp_path / "flat.html", open_browser=False)
    sentences: list[str] = []
    lift3d.view(tmp_path / "flat.obj", tmp_path / "flat.html", open_browser=False, message=sentences.append)
    assert len(sentences) == 1


def test_a_model_over_the_limit_is_refused(
    cube: trimesh.Trimesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "LARGEST", 500)
    with pytest.raises(InputError, match="browsers show at most .* --faces 500000"):
        lift3d.view(cube, tmp_path / "cube.html", open_browser=False)
    assert not list(tmp_path.iterdir())


def test_view_is_the_function_of_the_api() -> None:
    assert lift3d.view is view.view
