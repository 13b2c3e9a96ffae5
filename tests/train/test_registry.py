"""The registry: every entry is complete, and unknown names are diagnosed."""

from __future__ import annotations

import importlib

import pytest

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.config import Schedule  # noqa: E402
from lift3d.train.registry import TASKS, trainable  # noqa: E402


@pytest.mark.parametrize("name", TASKS)
def test_every_entry_is_complete(name: str) -> None:
    task = TASKS[name]
    assert issubclass(task.config, Schedule) and callable(task.make)
    assert trainable(name) is trainable(name.replace("-", "_")) is task
    if task.evaluator:
        module, function = task.evaluator.rsplit(".", 1)
        assert module.startswith("lift3d.evaluate.")
        assert callable(getattr(importlib.import_module(module), function))


def test_networks_without_a_table_are_the_ones_that_are_parts_of_others() -> None:
    assert {n for n, t in TASKS.items() if not t.evaluator} == {"masked-voxels", "masked-pictures"}
    for name, task in TASKS.items():
        assert not task.own or (task.folders and TASKS[task.own].folders), name


@pytest.mark.parametrize(
    ("name", "hint"),
    [("image-to-voxel", "did you mean image-to-voxels"), ("clasifier", "did you mean classifier"), ("", "choose from"),
     ("../etc", "choose from"), ("zzzzzz", "choose from image-to-mask")],
)  # fmt: skip
def test_unknown_names_are_diagnosed(name: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        trainable(name)
    assert hint in str(error.value.advice)
