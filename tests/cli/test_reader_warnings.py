"""What a reader could not use reaches the user once on stderr, the report as JSON, and Python."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image as Pil
from typer.testing import Result

import lift3d
from lift3d.errors import InputError, Lift3dWarning
from lift3d.types import Part

SENTENCE = "box.obj: the material file gone.mtl is missing."


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A closed box whose material library is missing."""
    mesh = trimesh.creation.box((1, 2, 3))
    lines = ["mtllib gone.mtl", "mtllib gone.mtl", "usemtl red"]
    lines += ["v {} {} {}".format(*v) for v in mesh.vertices.tolist()] + [
        "f {} {} {}".format(*(f + 1)) for f in mesh.faces
    ]
    (tmp_path / "box.obj").write_text("\n".join(lines) + "\n")
    return tmp_path / "box.obj"


def warned(result: Result) -> None:
    assert result.exit_code == 0, result.output
    assert result.stderr.count(SENTENCE) == 1 and SENTENCE not in result.stdout
    assert f"warning  {SENTENCE}" in result.stderr.splitlines()


def test_check_repair_convert_render(run: Callable[..., Result], box: Path, tmp_path: Path) -> None:
    warned(run("check", box))
    result = run("check", box, "--json")
    assert result.exit_code == 0 and result.stderr.count(SENTENCE) == 1
    assert json.loads(result.stdout)["warnings"] == [SENTENCE]
    warned(run("repair", box, "-o", tmp_path / "solid.stl"))
    warned(run("convert", box, tmp_path / "copy.ply"))
    warned(run("render", box, "-o", tmp_path / "views", "--views", 1, "--size", 32))
    assert run("render", box, "-o", tmp_path / "quiet", "--views", 1, "--size", 32, "-q").output == ""


def test_python(box: Path, tmp_path: Path) -> None:
    assert lift3d.check(box).warnings == (SENTENCE,) == lift3d.render(box, views=1, size=32).warnings
    solid, report = lift3d.repair(box, return_report=True)
    assert report.warnings == (SENTENCE,) and solid.metadata["warnings"] == [
        "the material file gone.mtl is missing"
    ]
    with pytest.warns(Lift3dWarning, match="gone.mtl is missing") as caught:
        lift3d.convert(box, tmp_path / "a.stl")
    assert len(caught) == 1 and caught[0].filename == __file__
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lift3d.convert(box, tmp_path / "b.stl", message=said.append)
        lift3d.save(lift3d.load(box), tmp_path / "c.stl")
        assert lift3d.check(trimesh.creation.box()).warnings == ()
    assert said == [SENTENCE]


@pytest.mark.slow
def test_an_index_and_a_query_say_what_is_missing(
    box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., Result]
) -> None:
    pytest.importorskip("torch")
    from lift3d.inference.embedding import EmbeddingNetwork
    from lift3d.types import Embedding

    real = EmbeddingNetwork.embed_parts
    answers: list[Embedding] = []

    def embed_parts(self: Any, parts: list[Part]) -> Embedding:
        answers[:] = answers or [real(self, parts)]
        return answers[0]

    monkeypatch.setattr(EmbeddingNetwork, "embed_parts", embed_parts)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "box.obj").write_bytes(box.read_bytes())
    assert lift3d.index(folder).warnings == [SENTENCE] and lift3d.index(folder).warnings == []
    result = lift3d.search(box, index=folder)
    assert result.warnings == (SENTENCE,) and json.loads(result.to_json("q"))["warnings"] == [SENTENCE]


def test_photos(run: Callable[..., Result], tmp_path: Path) -> None:
    """A picture of 12 bits with a mask: `mask` says that it is stretched."""
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48] = 90, 80, 70, 100
    Pil.fromarray(rgba).save(tmp_path / "cup.png")
    result = run("mask", tmp_path / "cup.png", "-o", tmp_path / "cut.png")
    assert result.exit_code == 0 and "warning  cup.png: its opacity is at most 39 %" in result.stderr
    assert lift3d.mask(tmp_path / "cup.png").warnings[0].startswith("its opacity is at most 39 %")


@pytest.mark.parametrize("name", ["box.obj", "./box.obj", "sub/../box.obj"])
def test_a_file_is_not_overwritten_by_what_is_made_from_it(
    refused: Callable[..., str], box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    before = box.read_bytes()
    assert "would overwrite box.obj" in refused("convert", box, name)
    assert "would overwrite box.obj" in refused("repair", "box.obj", "-o", name)
    with pytest.raises(InputError, match="would overwrite"):
        lift3d.save(box, name)
    assert box.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == ["box.obj", "sub"]


def test_a_link_to_the_source_is_the_source(box: Path, tmp_path: Path) -> None:
    link = tmp_path / "other.obj"
    try:
        link.hardlink_to(box)
    except OSError:
        pytest.skip("no hard links here")
    with pytest.raises(InputError, match="would overwrite"):
        lift3d.convert(box, link)
