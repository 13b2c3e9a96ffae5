"""Plans of a search, and the ranges beside the options of every task."""

from __future__ import annotations

import dataclasses

import pytest

pytest.importorskip("torch")

from toy_task import ToyConfig, toy  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.train.config import Choice, parse_options, search_space  # noqa: E402
from lift3d.train.registry import TASKS  # noqa: E402
from lift3d.train.tuning.plan import make_plan  # noqa: E402


@pytest.mark.parametrize("name", sorted(TASKS))
def test_ranges_contain_the_default_and_their_ends_are_accepted(name: str) -> None:
    config = TASKS[name].config()
    space = search_space(TASKS[name].config)
    assert "rate" in space
    for option, tune in space.items():
        default = getattr(config, option)
        values = tune.values if isinstance(tune, Choice) else (tune.low, tune.high)
        if isinstance(tune, Choice):
            assert default in tune.values and len(tune.values) > 1, option
        else:
            assert tune.low <= default <= tune.high and (tune.low > 0 or not tune.log), option
            assert isinstance(default, float), f"{option} is no number with fractions: use Choice"
        for value in values:
            dataclasses.replace(config, **{option: value})


def test_a_trial_is_a_tenth_of_a_run_with_five_validations() -> None:
    plan = make_plan("toy", toy(), ToyConfig(), None)
    assert (plan.config.steps, plan.config.validate, plan.config.warmup) == (50, 10, 5)
    assert list(plan.space) == ["rate", "size", "noise"]
    assert plan.defaults == {"rate": 1e-3, "size": 2, "noise": 0.0}
    assert make_plan("toy", toy(), ToyConfig(), 23).config.steps == 20


def test_options_that_are_set_are_not_searched() -> None:
    plan = make_plan("toy", toy(), parse_options(ToyConfig(), ["size=3", "sleep=0.1"]), 10)
    assert list(plan.space) == ["rate", "noise"] and plan.fixed == {"size": 3, "sleep": 0.1}
    assert plan.config.size == 3
    with pytest.raises(InputError, match="no option is left"):
        make_plan("toy", toy(), parse_options(ToyConfig(), ["size=3", "rate=0.1", "noise=0.2"]), 10)


def test_the_length_of_a_trial_has_an_option_of_its_own() -> None:
    for words, steps, message in (
        (["steps=9"], None, "--steps"),
        (["validate=9"], 10, "validate cannot"),
        ([], 4, "5 or more"),
    ):
        with pytest.raises(InputError, match=message):
            make_plan("toy", toy(), parse_options(ToyConfig(), words), steps)


def test_the_layers_are_searched_where_the_default_has_a_closed_form() -> None:
    task = TASKS["embedding-to-label"]
    plan = make_plan("embedding-to-label", task, task.config(), None)
    assert plan.config.kind == "layers" and plan.fixed == {"kind": "layers"}  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="kind=kernel has no options"):
        make_plan("embedding-to-label", task, task.config(kind="kernel"), None)  # type: ignore[call-arg]
