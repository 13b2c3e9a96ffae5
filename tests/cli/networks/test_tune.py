"""`lift3d tune` and `lift3d train --config` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import lift3d

pytest.importorskip("torch")

from toy_task import toy  # noqa: E402

from lift3d.train import registry  # noqa: E402


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of the toy task, which is in the registry for the test."""
    monkeypatch.setitem(registry.TASKS, "toy", toy())
    (tmp_path / "data.txt").write_text("a")
    return tmp_path / "data.txt"


def test_the_space_is_listed(data: Path) -> None:
    code, said = lift3d("tune", "toy", "--space", "--set", "noise=0.5")
    assert code == 0 and "0.0001 to 1, logarithmic" in said and "1, 2, 3" in said and "noise" not in said
    for task in ("classifier", "image-to-voxels", "embedding-to-label"):
        code, said = lift3d("tune", task, "--space")
        assert code == 0 and said.startswith("rate")


@pytest.mark.slow  # imports every task
def test_bad_input_is_one_sentence(data: Path, tmp_path: Path) -> None:
    for words, message in (
        (("classifeir",), "did you mean classifier?"),
        (("toy",), "no training data are given"),
        (("toy", "--data", tmp_path / "none"), "does not exist"),
        (("toy", "--data", data, "--trials", 0), "trials = 0"),
        (("toy", "--data", data, "--minutes", -2), "minutes = -2"),
        (("toy", "--data", data, "--steps", 1), "give 5 or more"),
        (("toy", "--data", data, "--set", "steps=3"), "--steps"),
        (("toy", "--data", data, "--set", "colour=3"), "no option called 'colour'"),
        (("toy", "--data", data, "--up", "x"), "not an upright axis"),
        (("toy", "--data", data, "--voxels"), "no network of voxels"),
        (("image-to-mask", "--data", tmp_path), "holds no corpus"),
    ):
        code, said = lift3d(
            "tune", *words, *(() if "--minutes" in words else ("--minutes", 1)), "-o", tmp_path / "s"
        )
        assert code == 2 and message in said and "Traceback" not in said, said


@pytest.mark.slow
def test_the_best_options_are_written_and_train_takes_them(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    words = (
        "--data",
        data,
        "-o",
        tmp_path / "s",
        "--steps",
        10,
        "--trials",
        3,
        "--device",
        "cpu",
        "--threads",
        1,
    )
    code, said = lift3d("tune", "toy", *words)
    assert code == 0 and "best near" in said and "best.json" in said and "trial 3" in said, said
    best = json.loads((tmp_path / "s/best.json").read_text())
    code, said = lift3d(
        "train", "toy", "--data", data, "-o", tmp_path / "run", "--config", tmp_path / "s/best.json",
        "--set", "steps=6", "--set", "validate=3",
    )  # fmt: skip
    assert code == 0, said
    plan = json.loads((tmp_path / "run/best.json").read_text())["plan"]["config"]
    assert plan["rate"] == best["options"]["rate"] and plan["steps"] == 6
    code, said = lift3d("train", "flow", "--data", data, "--config", tmp_path / "s/best.json")
    assert code == 2 and "options of toy, not of flow" in said


def test_without_optuna_the_extra_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    code, said = lift3d("tune", "toy", "--data", data, "-o", tmp_path / "s")
    assert code == 2 and "lift3d[tune]" in said
