"""What is searched: the options with their ranges, those that stay as they are, and the length of each trial."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError
from lift3d.train.config import Choice, Range, Schedule, search_space

if TYPE_CHECKING:
    from lift3d.train.registry import Trainable

SHORTER, LEAST_STEPS = 10, 50
"""A trial takes this part of the steps of a whole run, but at least LEAST_STEPS."""
VALIDATIONS = 5
"""Validations of a trial, after each of which it may be pruned."""
SHORT = ("steps", "warmup", "validate", "save")
"""Options that a trial sets by itself."""


@dataclass(frozen=True)
class Plan:
    """name, task: the network; config: the options of a trial before its own are replaced; space: the options that are searched;
    fixed: those that the user has set, with their values."""

    name: str
    task: Trainable
    config: Schedule
    space: dict[str, Range | Choice]
    fixed: dict[str, Any]

    def identity(self) -> dict[str, Any]:
        """JSON values by which a study is recognised."""
        space = {
            k: [*v.values] if isinstance(v, Choice) else [v.low, v.high, v.log] for k, v in self.space.items()
        }
        return {"task": self.name, "config": dataclasses.asdict(self.config), "space": space}

    @property
    def defaults(self) -> dict[str, Any]:
        """The searched options with their values in `config`."""
        return {name: getattr(self.config, name) for name in self.space}


def make_plan(name: str, task: Trainable, config: Schedule, steps: int | None) -> Plan:
    """The plan of a search. config: the options that the user has set, the others with their defaults; steps: of a trial, or
    None. InputError where nothing is left to search."""
    fixed = {
        f.name: getattr(config, f.name)
        for f in dataclasses.fields(config)
        if getattr(config, f.name) != f.default
    }
    wrong = next((option for option in SHORT if option in fixed), None)
    if wrong is not None:
        raise InputError(f"{wrong} cannot be set for a search", "give the steps of a trial with --steps")
    space = {key: tune for key, tune in search_space(task.config).items() if key not in fixed}
    if not space:
        raise InputError("no option is left to search", "leave out some --set")
    if any(field.name == "kind" for field in dataclasses.fields(config)) and name == "embedding-to-label":
        if fixed.get("kind") == "kernel":
            raise InputError("kind=kernel has no options to search", "leave it out: the layers are searched")
        fixed, config = {**fixed, "kind": "layers"}, dataclasses.replace(config, kind="layers")  # type: ignore[call-arg]
    if steps is None:
        steps = max(config.steps // SHORTER, LEAST_STEPS)
    if steps < VALIDATIONS:
        raise InputError(f"steps = {steps}", f"give {VALIDATIONS} or more")
    steps -= steps % VALIDATIONS
    short = dataclasses.replace(
        config, steps=steps, warmup=min(config.warmup, max(steps // 10, 1)), validate=steps // VALIDATIONS, save=steps
    )  # fmt: skip
    return Plan(name, task, short, space, fixed)


def trial_folder(study: Path, number: int) -> Path:
    """The folder of a trial's run."""
    return study / "trials" / f"{number:04d}"
