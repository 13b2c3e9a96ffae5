"""Reports as JSON text: whatever a report holds becomes plain, finite JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.runtime.json_text import jsonable, to_json


@dataclass
class Point:
    x: float
    names: tuple[str, ...]


def test_arrays_paths_sets_and_dataclasses_become_plain() -> None:
    value = {
        "array": np.arange(3, dtype=np.int32),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        Path("a/b"): Path("c"),
        "set": {"b", "a"},
        "point": Point(1.5, ("p", "q")),
        7: None,
    }
    assert json.loads(to_json(value)) == {
        "array": [0, 1, 2],
        "scalar": 0.5,
        "flag": True,
        "a/b": "c",
        "set": ["a", "b"],
        "point": {"x": 1.5, "names": ["p", "q"]},
        "7": None,
    }


def test_what_is_not_finite_becomes_null() -> None:
    assert jsonable([float("nan"), float("inf"), -float("inf"), np.nan, 1.0]) == [None, None, None, None, 1.0]
    assert jsonable(np.array([np.nan, 2.0])) == [None, 2.0]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(plain)
def test_plain_values_survive_a_round_trip(value: object) -> None:
    text = to_json(value)
    assert json.loads(text) == value and text.endswith("\n")
