"""The evaluators are found by the training registry, have one signature, and wrong requests are refused."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced  # noqa: E402
from lift3d.evaluate.run import evaluate, find_evaluator, trained_as  # noqa: E402
from lift3d.train.registry import TASKS  # noqa: E402


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.evaluator])
def test_every_evaluator_takes_a_request_alone(name: str) -> None:
    parameters = list(inspect.signature(find_evaluator(name)).parameters.values())
    assert parameters[0].name == "request"
    assert all(p.default is not inspect.Parameter.empty for p in parameters[1:])
    assert find_evaluator(name.replace("-", "_")) is find_evaluator(name)


@pytest.mark.parametrize("name", ["masked-voxels", "nothing"])
def test_mappings_without_a_table_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no table"):
        find_evaluator(name)


def test_the_card_of_the_weights_decides_which_table_a_classifier_has() -> None:
    assert trained_as("classifier", "embedding_to_label") == "embedding-to-label"
    assert trained_as("classifier", "voxels_to_label") == trained_as("classifier", None) == "classifier"
    assert trained_as("flow", "embedding_to_label") == "flow" and trained_as("nothing", None) == "nothing"


def test_unknown_splits_and_limits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split train"):
        evaluate(Request("flow", tmp_path, tmp_path, split="train"))
    with pytest.raises(InputError, match="limit = 0"):
        evaluate(Request("flow", tmp_path, tmp_path, limit=0))


def test_a_table_is_written_unchanged(tmp_path: Path) -> None:
    done = Evaluation("t", {"a": 1.5}, ["line"])
    assert done.write(None) is done and done.write(tmp_path / "new") is done
    assert json.loads((tmp_path / "new/t.json").read_text()) == {"a": 1.5}


def test_indices_are_evenly_spaced_and_keep_the_ends() -> None:
    assert evenly_spaced(5, None).tolist() == evenly_spaced(5, 9).tolist() == [0, 1, 2, 3, 4]
    assert evenly_spaced(101, 3).tolist() == [0, 50, 100]
