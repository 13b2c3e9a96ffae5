"""`render`, `classify`, `mask`, `index`, `search`, `models`, `train` and `evaluate`: success, bad input, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from typer.testing import Result

from lift3d import api
from lift3d.cli.render import parse_angles
from lift3d.errors import InputError
from lift3d.pipelines.classify import Classification
from lift3d.pipelines.index import IndexReport
from lift3d.pipelines.search import SearchResult
from lift3d.types import Image, Label, Neighbour, Neighbours
from lift3d.weights import list_models


def test_render_writes_views_or_a_film(run: Callable[..., Result], cube: Path, tmp_path: Path) -> None:
    result = run("render", cube, "-o", tmp_path / "views", "--views", 2, "--size", 32, "--elevation", "10,30")
    assert result.exit_code == 0 and "2 views of 32x32" in result.stdout, result.output
    assert (tmp_path / "views/depth/001.png").is_file() and (tmp_path / "views/transforms.json").is_file()
    quiet = run("render", cube, "-o", tmp_path / "turn.gif", "--views", 2, "--size", 32, "--quiet")
    assert quiet.exit_code == 0 and quiet.output == "" and (tmp_path / "turn.gif").is_file()


def test_render_refuses_bad_input(refused: Callable[..., str], cube: Path, tmp_path: Path) -> None:
    out = tmp_path / "views"
    assert "not a list of angles" in refused("render", cube, "-o", out, "--elevation", "up")
    assert "does not exist" in refused("render", tmp_path / "none.glb", "-o", out)
    assert not out.exists()


def test_angles() -> None:
    assert parse_angles("10, 30") == (10.0, 30.0) and parse_angles("") == () and parse_angles("-5") == (-5.0,)
    with pytest.raises(InputError, match="list of angles"):
        parse_angles("10;30")


@pytest.fixture
def classified(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`classify` answers with two categories and a note; the dict has its options."""
    options: dict[str, Any] = {}

    def answer(source: Path, **given: Any) -> Classification:
        options.update(given)
        return Classification(
            Label(("chair", "table"), np.array([0.75, 0.25])), ["a note"], {"file": source.name}
        )

    monkeypatch.setattr(api, "classify", answer, raising=False)
    return options


def test_classify_prints_categories_and_notes(
    run: Callable[..., Result], classified: dict[str, Any], cube: Path, tmp_path: Path
) -> None:
    result = run(
        "classify", cube, "--top", 1, "--json", tmp_path / "a.json", "--up", "y", "--weights", "runs/x"
    )
    assert result.exit_code == 0 and result.stdout.splitlines() == [" 75.0 %  chair", "note     a note"]
    assert classified == {"weights": "runs/x", "up": "y"}
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["labels"] == [{"name": "chair", "probability": 0.75}] and document["file"] == "cube.glb"
    assert run("classify", cube, "-q").stdout.splitlines() == [" 75.0 %  chair", " 25.0 %  table"]


def test_classify_refuses_bad_input(
    refused: Callable[..., str], classified: dict[str, Any], cube: Path, tmp_path: Path
) -> None:
    before = cube.read_bytes()
    assert "overwrite the file" in refused("classify", cube, "--json", cube)
    assert "is a folder" in refused("classify", cube, "--json", tmp_path)
    assert cube.read_bytes() == before and classified == {}


def test_classify_refuses_a_file_that_is_no_model(refused: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert "is a folder" in refused("classify", tmp_path)
    assert "does not exist" in refused("classify", tmp_path / "none.stl")


def test_mask_cuts_out_by_transparency(run: Callable[..., Result], tmp_path: Path) -> None:
    rgba = np.zeros((80, 100, 4), np.uint8)
    rgba[20:60, 10:60] = 255
    Pil.fromarray(rgba).save(tmp_path / "p.png")
    result = run("mask", tmp_path / "p.png", "-o", tmp_path / "m.png", "--only")
    assert result.exit_code == 0 and "covers 25 % of the photo; taken from its transparency" in result.stdout
    np.testing.assert_array_equal(np.asarray(Pil.open(tmp_path / "m.png")), rgba[..., 3])
    assert run("mask", tmp_path / "p.png", "-o", tmp_path / "c.png", "-q").output == ""


def test_mask_names_further_objects(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lift3d.types.views import Segmentation

    found = Segmentation("network", 0.5, 2)
    image = Image(np.zeros((4, 4, 3), np.uint8), mask=np.ones((4, 4), bool), segmentation=found)
    monkeypatch.setattr(api, "mask", lambda *a, **o: image, raising=False)
    assert "shows 3 objects; the largest" in run("mask", "p.png", "-o", tmp_path / "m.png").stdout


def test_mask_refuses_bad_input(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "not a PNG" in refused("mask", "p.jpg", "-o", tmp_path / "m.jpg")
    assert "no photos at" in refused("mask", tmp_path / "none.jpg", "-o", tmp_path / "m.png")
    for words, sentence in (
        (("--at", "5"), "not 2 numbers"),
        (("--box", "9,9,3,3"), "is empty"),
        (("--not-at", "x,y"), "not 2 numbers"),
    ):
        assert sentence in refused("mask", tmp_path / "none.jpg", "-o", tmp_path / "m.png", *words)
    assert list(tmp_path.iterdir()) == []


def test_index_prints_what_was_done(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    report = IndexReport(tmp_path / "i", 5, 3, 0, 2, 0, {"b.stl": "b.stl is damaged"})
    monkeypatch.setattr(api, "index", lambda *a, **o: report, raising=False)
    lines = run("index", tmp_path).stdout.splitlines()
    assert lines[0] == "not read  b.stl: is damaged"
    assert lines[1].endswith("5 models; 3 new, 0 changed, 2 as before, 0 removed, 1 could not be read")

    def interrupt(*args: Any, **options: Any) -> IndexReport:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "index", interrupt, raising=False)
    result = run("index", tmp_path)
    assert result.exit_code == 130 and "what was indexed so far is kept" in result.stderr


def test_search_prints_neighbours_and_writes_json(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, cube: Path
) -> None:
    pytest.importorskip("torch")
    neighbours = Neighbours((Neighbour("cube.glb", 0.9), Neighbour("gone\n.stl", 0.5)))
    found = SearchResult("text", neighbours, cube.parent)
    monkeypatch.setattr(api, "search", lambda *a, **o: found, raising=False)
    result = run("search", "a cube", "--json", cube.parent / "f.json", "-o", cube.parent / "s.png")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [" 0.900  cube.glb", " 0.500  gone?.stl  (does not exist any more)"]
    document = json.loads((cube.parent / "f.json").read_text())
    assert document["by"] == "words" and document["found"][0] == {"rank": 1, "path": "cube.glb", "score": 0.9}
    assert Pil.open(cube.parent / "s.png").size == (3 * 220, 254)


def test_search_refuses_bad_input(refused: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert "not a PNG" in refused("search", "x", "-o", tmp_path / "s.jpg")
    assert "is a folder" in refused("search", "x", "--json", tmp_path)
    assert "nothing to look for" in refused("search", " ", "--index", tmp_path)
    assert "no index" in refused("search", "a table", "--index", tmp_path)


def test_models_prints_one_line_for_each_network(run: Callable[..., Result]) -> None:
    lines = run("models").stdout.splitlines()
    found = list_models()
    assert [line.split()[0] for line in lines] == [each.name for each in found]
    for line, each in zip(lines, found):
        assert f"{each.bytes / 1e6:.1f} MB" in line and each.task in line


def test_a_card_has_the_scores_of_the_baselines(
    run: Callable[..., Result], refused: Callable[..., str]
) -> None:
    (flow,) = (each for each in list_models() if each.name == "flow")
    text = run("models", "flow").stdout
    assert all(name in text for name in flow.baselines) and "this network" in text
    assert "there are no weights called nothing" in refused("models", "nothing")


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_tasks_are_listed_and_unknown_ones_refused(
    run: Callable[..., Result], refused: Callable[..., str], command: str
) -> None:
    pytest.importorskip("torch")
    names = [line.split()[0] for line in run(command, "--tasks").stdout.splitlines()]
    assert "image-to-voxels" in names and ("masked-voxels" in names) == (command == "train")
    assert "no network is named" in refused(command)
    assert "image-to-voxels" in refused(command, "image-to-voxel")
    assert "--data" in refused(command, "image-to-mask")
