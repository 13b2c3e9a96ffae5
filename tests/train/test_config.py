"""Options of a run: parsed words, described fields, values out of range."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace

import pytest

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.config import Schedule, describe_options, option, parse_options, to_json  # noqa: E402
from lift3d.train.registry import TASKS  # noqa: E402


@dataclass(frozen=True)
class Config(Schedule):
    flag: bool = option(False, "a switch")
    name: str = option("none", "a text")


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [("steps=7", "steps", 7), ("rate=0.5", "rate", 0.5), ("flag=true", "flag", True), ("flag=Yes", "flag", True),
     ("flag=0", "flag", False), ("name=a=b", "name", "a=b"), ("precision=bfloat16", "precision", "bfloat16")],
)  # fmt: skip
def test_words_become_values_of_the_fields_type(word: str, name: str, value: object) -> None:
    parsed = parse_options(Config(), [word])
    assert getattr(parsed, name) == value and type(getattr(parsed, name)) is type(value)
    assert replace(parsed, **{name: getattr(Config(), name)}) == Config(), "nothing else changes"


def test_later_words_win_and_no_words_change_nothing() -> None:
    assert parse_options(Config(), ["steps=2", "steps=3"]).steps == 3
    assert parse_options(Config(), []) == Config()


@pytest.mark.parametrize(
    ("change", "message"),
    [({"steps": 0}, "steps = 0"), ({"batch": -1}, "batch = -1"), ({"rate": 0.0}, "positive"), ({"clip": -1.0}, "positive"),
     ({"rate": float("nan")}, "positive"), ({"average": 1.0}, "average = 1.0"), ({"precision": "half"}, "no precision")],
)  # fmt: skip
def test_values_out_of_range_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Schedule(**change)


def test_every_option_of_every_task_has_a_help_text_and_survives_its_own_default() -> None:
    for name, task in TASKS.items():
        rows = describe_options(task.config)
        assert [r[0] for r in rows] == [f.name for f in fields(task.config)]
        assert all(len(text) > 3 for *_, text in rows), name
        words = [f"{field}={default}" for field, _, default, _ in rows]
        assert parse_options(task.config(), words) == task.config(), name


def test_equal_configs_give_equal_json() -> None:
    text = to_json(Config(steps=3))
    assert text == to_json(Config(steps=3)) != to_json(Config(steps=4))
    assert json.loads(text)["steps"] == 3 and list(json.loads(text)) == sorted(json.loads(text))
