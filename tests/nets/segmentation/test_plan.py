"""Plans survive JSON, and sizes that do not fit are refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from small_plan import small_plan

from lift3d.nets.segmentation.plan import Plan


def test_a_plan_survives_json() -> None:
    plan = small_plan()
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.classes == 3 and plan.divisor == (4, 4, 4)


@pytest.mark.parametrize(
    "change",
    [{"modality": "pet"}, {"patch": (10, 16, 8)}, {"patch": (0, 16, 8)}, {"strides": ((2, 2, 2), (2, 2, 2), (2, 2, 2))},
     {"strides": ((1, 1, 1), (3, 2, 2), (2, 2, 2))}, {"widths": (4, 8)}, {"widths": (4, 8, 10**6)}, {"ids": (2, 1)}, {"ids": ()},
     {"ids": (0, 1)}, {"names": ("a",)}, {"mirror": (3,)}, {"spacing": (1.0, 0.0, 1.0)}, {"contrast": (float("nan"), 0.0, 0.0)},
     {"kernels": ((5, 3, 3),) * 3}, {"blocks": (1, 1, 99)}],
)  # fmt: skip
def test_impossible_plans_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        dataclasses.replace(small_plan(), **change)


@pytest.mark.parametrize("missing", [f.name for f in dataclasses.fields(Plan)])
def test_missing_values_are_refused(missing: str) -> None:
    values = small_plan().to_json()
    del values[missing]
    with pytest.raises(KeyError):
        Plan.from_json(values)
