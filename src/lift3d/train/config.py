"""Options of a training run: a dataclass, whose field descriptions are the help texts of the command line, and whose fields state
the range in which `lift3d tune` searches them."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from lift3d.errors import InputError

C = TypeVar("C")


@dataclass(frozen=True)
class Range:
    """Values from low to high, both included, for the search of options; log: their logarithm is uniform."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """Values of which one is chosen, for the search of options."""

    values: tuple[Any, ...]


def option(default: Any, text: str, tune: Range | Choice | None = None) -> Any:
    """A dataclass field with its default and help text. tune: where `lift3d tune` searches it; None: it is not searched."""
    return field(default=default, metadata={"help": text, "tune": tune})


def search_space(kind: type[Any]) -> dict[str, Range | Choice]:
    """The options of a config class that are searched, by name."""
    found = {f.name: f.metadata.get("tune") for f in dataclasses.fields(kind)}
    return {name: tune for name, tune in found.items() if tune is not None}


@dataclass(frozen=True)
class Schedule:
    """Options of the engine; each task adds further fields. InputError for values out of range."""

    steps: int = option(20_000, "optimiser steps of the whole run")
    batch: int = option(32, "samples in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 1e-2, log=True))
    warmup: int = option(300, "steps of linear warm-up; a cosine decay follows")
    decay: float = option(
        1e-2,
        "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices and kernels",
        tune=Range(1e-4, 0.3, log=True),
    )
    clip: float = option(1.0, "largest norm of the gradient")
    average: float = option(
        0.999, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("float32", "float32, or bfloat16 for matrix products")
    seed: int = option(0, "seed of all random numbers")
    validate: int = option(1000, "steps between two validations")
    save: int = option(250, "steps between two checkpoints")

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "validate", "save"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} = {getattr(self, name)} is not positive", "give 1 or more")
        if not self.rate > 0 or not self.clip > 0:
            raise InputError(
                "the learning rate and the clip must be positive", "omit the options for their defaults"
            )
        if not 0 <= self.average < 1:
            raise InputError(
                f"average = {self.average} is out of range", "give 0 (no averaging) or more, but less than 1"
            )
        if self.precision not in ("float32", "bfloat16"):
            raise InputError(f"there is no precision called {self.precision}", "use float32 or bfloat16")


def learning_rate(step: int, schedule: Schedule) -> float:
    """The learning rate at a step, with linear warm-up and cosine decay; the first step is 0."""
    if step < schedule.warmup:
        return schedule.rate * (step + 1) / schedule.warmup
    done = (step - schedule.warmup) / max(schedule.steps - schedule.warmup, 1)
    return schedule.rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def describe_options(kind: type[Any]) -> list[tuple[str, str, Any, str]]:
    """(name, type, default, help) of each field of a config class."""
    hints = get_type_hints(kind)
    return [
        (f.name, hints[f.name].__name__, f.default, f.metadata.get("help", ""))
        for f in dataclasses.fields(kind)
    ]


def parse_options(config: C, words: list[str]) -> C:
    """A copy of the config with values replaced by `name=value` words. InputError for an unknown name or a value of another
    type."""
    hints = get_type_hints(type(config))
    changes: dict[str, Any] = {}
    for word in words:
        name, sep, value = word.partition("=")
        if not sep or name not in hints:
            known = ", ".join(hints)
            what = f"there is no option called {name!r}" if sep else f"{word!r} is not of the form name=value"
            raise InputError(what, f"give name=value, with a name of: {known}")
        kind = hints[name]
        try:
            changes[name] = value.lower() in ("1", "true", "yes") if kind is bool else kind(value)
        except ValueError as error:
            raise InputError(
                f"{name} = {value!r} is not of type {kind.__name__}",
                f"give a value as in {name}={getattr(config, name)}",
            ) from error
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def replace_options(config: C, values: dict[str, Any], source: str) -> C:
    """A copy of the config with values replaced by those of a file. source: its name. InputError for an unknown name or a value
    of another type."""
    hints, changes = get_type_hints(type(config)), {}
    for name, value in values.items():
        if name not in hints:
            raise InputError(
                f"{source} sets {str(name)[:40]!r}, which is no option of this network",
                f"its options are {', '.join(hints)}",
            )
        kind = hints[name]
        whole = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not kind and not whole:
            raise InputError(
                f"{source} sets {name} to {str(value)[:40]!r}, which is not of type {kind.__name__}",
                f"give a value such as {getattr(config, name)!r}",
            )
        changes[name] = kind(value)
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def to_json(config: Any) -> str:
    """The config as JSON with sorted keys: equal configs give equal text."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)
