"""The generator's table: which categories are compared, means of what is known, and the text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate import generator  # noqa: E402
from lift3d.evaluate.generator import format_table, largest_categories, mean_of_known, other_samplers  # noqa: E402


def shapes(**counts: int) -> Any:
    return SimpleNamespace(category=np.repeat(list(counts), list(counts.values())))


def test_the_largest_categories_with_test_shapes_are_compared() -> None:
    train = shapes(chair=9, table=7, lamp=20, sofa=8, unknown=50)
    test = shapes(chair=2, table=3, lamp=1, sofa=2, unknown=9)
    names = ("chair", "table", "lamp", "unknown")
    assert largest_categories(train, test, names, 5) == ["chair", "table"]
    assert largest_categories(train, test, (*names, "sofa"), 2) == ["chair", "sofa"]
    assert largest_categories(train, test, (), 5) == []


def test_means_leave_out_what_was_not_measured() -> None:
    assert (
        mean_of_known([None, 1.0, 3.0]) == 2.0 and mean_of_known([None]) is None and mean_of_known([]) is None
    )


def test_other_generators_share_the_space_of_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, weights: None, autoencoder: str | None) -> Any:
        if name == "gan":
            raise InputError("the weights are missing", "download them")
        return SimpleNamespace(model=name, space="a")

    monkeypatch.setattr(generator, "load_sampler", load)
    monkeypatch.setattr(generator, "GENERATORS", ("flow", "gan", "third"))
    said: list[str] = []
    one = SimpleNamespace(model="third", space="a")
    assert [s.model for s in other_samplers(one, None, said.append)] == ["flow"]  # type: ignore[arg-type]
    assert said == ["gan is omitted: the weights are missing: download them."]
    other = SimpleNamespace(model="third", space="b")
    assert other_samplers(other, None, said.append) == []  # type: ignore[arg-type]


def test_the_text_has_a_dash_without_a_value() -> None:
    row = {"coverage": 0.5, "one_nn": 0.6, "matching": 0.01, "copies": 0.02, "novelty": 1.5, "named": None}
    facts = {"real": 4, "known": 30, "solid flow": 1.0}
    lines = format_table({"rows": {"flow": row, "gan": {**row, "named": 0.25}}, "kinds": {"chair": facts}})
    assert lines[0] == "means over chair" and lines[2].endswith(" -") and lines[3].endswith("0.250")
    assert lines[4] == "chair: 4 test shapes, 30 training shapes; solid: flow 100 %"
