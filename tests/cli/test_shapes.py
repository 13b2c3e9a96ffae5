"""`lift3d generate` and `lift3d interpolate`: options reach the API, results are printed, errors are one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trimesh
from typer.testing import Result

pytest.importorskip("torch")

from lift3d import api
from lift3d.pipelines.models import Models

CALLS: list[tuple[tuple[Any, ...], dict[str, Any]]] = []


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API answers with one box; CALLS has the arguments."""
    CALLS.clear()
    report = {"category": "chair", "samples": 3, "seconds": 1.5, "models": [{}], "overlap": [0.9, 0.8]}

    def answer(*args: Any, **options: Any) -> Models:
        CALLS.append((args, options))
        options["message"]("a message")
        options["progress"]("step", 1.0)
        return Models(["chair-01"], report, [trimesh.creation.box()])

    monkeypatch.setattr(api, "generate", answer, raising=False)
    monkeypatch.setattr(api, "interpolate", answer, raising=False)
    monkeypatch.setattr(api, "categories", lambda *a, **o: ("chair", "tree"), raising=False)


def test_generate_passes_its_options_on(run: Callable[..., Result], stubs: None, tmp_path: Path) -> None:
    out = tmp_path / "chairs"
    result = run(
        "generate", "chair", "-o", out, "-n", 1, "--seed", 7, "--size", "80mm", "--format", "stl", "--model", "gan",
        "--no-symmetric", "--no-layout", "--candidates", 2, "--weights", "runs/flow",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    ((args, options),) = CALLS
    assert args == ("chair", out)
    wanted = {
        "count": 1, "seed": 7, "size": 0.08, "format": "stl", "model": "gan", "symmetric": False, "layout": False,
        "candidates": 2, "weights": "runs/flow", "autoencoder": None,
    }  # fmt: skip
    assert {key: options[key] for key in wanted} == wanted
    assert "1 model of chair" in result.stdout and "3 samples, 1.5 s" in result.stdout
    assert "a message" in result.stderr and "step: 100 %" in result.stderr


def test_quiet_prints_nothing(run: Callable[..., Result], stubs: None, tmp_path: Path) -> None:
    assert run("generate", "chair", "-o", tmp_path / "x", "-q").output == ""
    assert run("interpolate", "a.stl", "b.stl", "-o", tmp_path / "x", "-q").output == ""


@pytest.mark.parametrize("option", ["--categories", "--kinds"])
def test_categories_are_listed(run: Callable[..., Result], stubs: None, option: str) -> None:
    result = run("generate", option)
    assert result.exit_code == 0 and result.stdout == "chair\ntree\n" and CALLS == []


def test_interpolate_prints_how_well_the_ends_are_reconstructed(
    run: Callable[..., Result], stubs: None, tmp_path: Path
) -> None:
    result = run("interpolate", "a.stl", "b.stl", "-o", tmp_path / "x", "--steps", 4, "--path", "straight")
    assert result.exit_code == 0, result.output
    ((args, options),) = CALLS
    assert args == (Path("a.stl"), Path("b.stl"), tmp_path / "x")
    assert (options["steps"], options["path"], options["format"]) == (4, "straight", "glb")
    assert "90 % of a.stl and 80 % of b.stl" in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["generate", "chair"], "no output folder"),
        (["generate", "chair", "-o", "{out}", "-n", "0"], "give 1 or more"),
        (["generate", "chair", "-o", "{out}", "--size", "5"], "has no unit"),
        (["generate", "chair", "-o", "{out}", "--format", "exe"], "not a model format"),
        (["generate", "chair", "-o", "{out}", "--seed", "-1"], "seed -1 is negative"),
        (["interpolate", "{out}/a.stl", "b.stl", "-o", "{out}"], "does not exist"),
        (["interpolate", "a.stl", "b.stl", "-o", "{out}", "--steps", "1"], "2 to 1000"),
        (["interpolate", "a.stl", "b.stl", "-o", "{out}", "--path", "x"], "no path called x"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    refused: Callable[..., str], tmp_path: Path, words: list[str], sentence: str
) -> None:
    assert sentence in refused(*(word.format(out=tmp_path / "out") for word in words))
    assert list(tmp_path.iterdir()) == []
