"""The card of a trained network: `PretrainedCfg`, read from JSON and validated.

Two JSON layouts are read: the cards of the networks that come with the package, and the `best.json` that a training run
writes (options and data are under the key `plan`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lift3d.errors import InputError

THRESHOLD = 0.5
"""Occupancy above which a voxel or pixel is full, where a card states no threshold."""
HINT = "download weights and card again"
Scores = dict[str, float]


@dataclass(frozen=True)
class PretrainedCfg:
    """Description of one set of weights.

    name, file: the file's stem and the `.safetensors` file.
    mapping: the mapping for which the network was trained, e.g. "image_to_voxels"; None where the card states none.
    task: what the network does, in a short phrase.
    config: options with which the network was built and trained.
    threshold: iso-level of the predicted occupancy, fixed on the validation split.
    labels: categories of a classifier, in the order of its outputs.
    image_size: side of the input images in pixels; grid_size: side of the input grid in voxels; None without such an input.
    mean, std: normalisation of sRGB values in [0, 1].
    data, licence, command, note: provenance, as text. data_digest: hashes of the training data, and the names that it defines.
    pretrained: the network of others, with its data, from which this one started or whose features it uses; empty where it has
    learned from free data alone.
    sha256: of the weights file. parameters: number of parameters. step: training step of these weights.
    metrics: scores on the test split, the principal score first. baselines: scores of other methods on the same data.
    measured_on: the data on which the scores were measured. validation: scores on the validation split during training.
    extra: every other key of the card, unchanged.
    """

    name: str
    file: Path
    mapping: str | None = None
    task: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    threshold: float = THRESHOLD
    labels: tuple[str, ...] = ()
    input: str = ""
    image_size: int | None = None
    grid_size: int | None = None
    mean: float = 0.5
    std: float = 0.5
    data: str = ""
    pretrained: str = ""
    data_digest: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "licence not stated"
    command: str = ""
    note: str = ""
    sha256: str | None = None
    parameters: int | None = None
    step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    measured_on: str = ""
    validation: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Size of the weights file."""
        return self.file.stat().st_size

    @property
    def origin(self) -> str:
        """What it has learned from, in a phrase for a listing: free data alone, or the pre-trained network before them."""
        return "free data alone" if not self.pretrained else self.pretrained.split("(")[0].strip()

    @property
    def test_metric(self) -> tuple[str, float] | None:
        """Name and value of the principal score on the test split; None for weights that were not tested."""
        return next(iter(self.metrics.items()), None)

    def require_config(self) -> Mapping[str, Any]:
        """The options of the network. InputError where the card states no options."""
        if not self.config:
            raise InputError("the card of these weights does not describe their network", HINT)
        return self.config

    def require_labels(self) -> tuple[str, ...]:
        """The categories of a classifier. InputError where the card names no categories."""
        if not self.labels:
            raise InputError("the card of these weights names no categories", HINT)
        return self.labels

    def number(self, key: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        """The number `extra[key]`, or the default where the card lacks the key. InputError unless low <= number <= high."""
        try:
            value = _number(key, self.extra.get(key, default))
            if not low <= value <= high:
                raise ValueError(f"{key} {value} is not between {low:g} and {high:g}")
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the card {self.name}.json of these weights is damaged: {error}", HINT
            ) from error
        return value

    def numbers(self, key: str) -> dict[str, float]:
        """The named numbers `extra[key]`; empty where the card lacks the key. InputError for any other value."""
        try:
            return _scores(key, self.extra.get(key, {}))
        except TypeError as error:
            raise InputError(
                f"the card {self.name}.json of these weights is damaged: {error}", HINT
            ) from error

    def summary(self) -> dict[str, str]:
        """One row of a listing: name, task, size, licence, what it has learned from, metric."""
        score = "" if self.test_metric is None else "{} {:.3f}".format(*self.test_metric)
        return {
            "name": self.name, "task": self.task, "size": f"{self.bytes / 1e6:.1f} MB",
            "licence": self.licence.split(";")[0].split(",")[0], "origin": self.origin, "metric": score,
        }  # fmt: skip

    def describe(self) -> list[tuple[str, str]]:
        """The whole card as (title, text) pairs, with the scores of the network and of the baselines."""
        rows = [
            ("name", self.name), ("task", self.task), ("input", self.input),
            ("parameters", "" if self.parameters is None else f"{self.parameters:,}"),
            ("size", f"{self.bytes / 1e6:.1f} MB"), ("licence", self.licence), ("data", self.data),
            ("learned from", f"{self.pretrained}, then from free data" if self.pretrained else self.origin),
            ("command", self.command), ("note", self.note), ("sha256", self.sha256 or ""), ("measured on", self.measured_on),
            ("this network", _written(self.metrics)),
            *((name, _written(scores)) for name, scores in self.baselines.items()),
        ]  # fmt: skip
        return [(title, text) for title, text in rows if text]


def _written(scores: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items())


def parse_card(card: object, name: str, file: Path) -> PretrainedCfg:
    """The card of `file` from parsed JSON. InputError unless the value is an object whose fields have the expected types.

    Keys that are no fields of `PretrainedCfg` are stored in `extra`."""
    try:
        return _parse(card, name, file)
    except (TypeError, ValueError) as error:
        raise InputError(f"the card {name}.json of these weights is damaged: {error}", HINT) from error


def _parse(card: object, name: str, file: Path) -> PretrainedCfg:
    raw = dict(_object("the card", card))
    if "plan" in raw:
        raw = _from_run(raw)
    fields: dict[str, Any] = {}
    for key, read in _READERS.items():
        if raw.get(key) is not None:
            fields[key] = read(key, raw[key])
        raw.pop(key, None)
    return PretrainedCfg(name, file, **fields, extra=raw)


def _from_run(raw: dict[str, Any]) -> dict[str, Any]:
    """Convert the layout of a training run's best.json to that of a packaged card; the run's numbers are validation scores."""
    plan = _object("plan", raw["plan"])
    data = plan.get("data")
    out = {key: value for key, value in raw.items() if key != "plan"}
    out.setdefault("mapping", plan.get("task"))
    out.setdefault("config", plan.get("config"))
    out.setdefault("data_digest", data)
    for key in ("labels", "pretrained"):
        if isinstance(data, dict) and key in data:
            out.setdefault(key, data[key])
    if "validation" not in out:
        out["validation"] = {k: v for k, v in out.items() if isinstance(v, float) and math.isfinite(v)}
    return out


def _object(key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{key} is not an object")
    return value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{key} is not text")
    return value


def _count(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"{key} is not a count")
    return value


def _number(key: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TypeError(f"{key} is not a number")
    return float(value)


def _fraction(key: str, value: object) -> float:
    number = _number(key, value)
    if not 0 < number < 1:
        raise ValueError(f"{key} {number} is not between 0 and 1")
    return number


def _positive(key: str, value: object) -> float:
    number = _number(key, value)
    if number <= 0:
        raise ValueError(f"{key} {number} is not above 0")
    return number


def _scores(key: str, value: object) -> Scores:
    return {str(k): _number(f"{key}.{k}", v) for k, v in _object(key, value).items()}


def _tables(key: str, value: object) -> dict[str, Scores]:
    return {str(k): _scores(f"{key}.{k}", v) for k, v in _object(key, value).items()}


def _labels(key: str, value: object) -> tuple[str, ...]:
    """A list of two or more names, all different."""
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise TypeError(f"{key} is not a list of names")
    if not len(set(value)) == len(value) > 1:
        raise ValueError(f"{key} must name at least two categories, each once")
    return tuple(value)


_READERS = {
    "mapping": _text, "task": _text, "config": _object, "threshold": _fraction, "labels": _labels, "input": _text,
    "image_size": _count, "grid_size": _count, "mean": _number, "std": _positive, "data": _text, "data_digest": _object,
    "pretrained": _text, "licence": _text, "command": _text, "note": _text, "sha256": _text, "parameters": _count, "step": _count,
    "metrics": _scores, "baselines": _tables, "measured_on": _text, "validation": _scores,
}  # fmt: skip
"""The function that validates each field of the card."""
