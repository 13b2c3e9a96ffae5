"""CONTRIBUTING is true: its list of floors is the enforced one, and its example of a mapping works as printed."""

from __future__ import annotations

import ast
import re
import sys
import types

import numpy as np
import pytest
from doc_pages import ROOT, text_of

from lift3d.types import Points

PAGE = text_of(ROOT / "CONTRIBUTING.md")


def example(name: str) -> str:
    """The Python block marked `<!-- example: NAME -->`."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    assert found, f"there is no example {name}"
    return found[1]


def test_the_floors_are_those_that_are_enforced() -> None:
    source = ast.parse(text_of(ROOT / "tests/architecture/test_layering.py"))
    (enforced,) = (
        ast.literal_eval(node.value)
        for node in source.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    table = PAGE.split("<!-- floors -->")[1].split("<!-- end: floors -->")[0]
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", table, re.MULTILINE)
    printed = {int(level): set(re.findall(r"`(\w+)`", names)) for level, names in rows}
    assert printed == {level: set(names) for level, names in enumerate(enforced, 1)}


def test_the_example_of_a_mapping_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.mapping import _registry

    monkeypatch.setattr("lift3d.mapping._registry", dict(_registry))
    module = types.ModuleType("lift3d.maps.points_to_grid")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(example("mapping"), "points_to_grid.py", "exec"), module.__dict__)
    tests: dict[str, object] = {"__name__": "test_points_to_grid"}
    exec(compile(example("test"), "test_points_to_grid.py", "exec"), tests)
    for resolution in (2, 9, 64):
        tests["test_every_point_lies_in_a_full_voxel"](resolution)  # type: ignore[operator]
    tests["test_a_missing_voxel_violates_the_guarantee"]()  # type: ignore[operator]
    tests["test_no_points_are_refused"]()  # type: ignore[operator]
    mapping, source = module.PointsToGrid(9), Points(np.random.default_rng(1).normal(size=(50, 3)))
    for guarantee in mapping.card.guarantees:
        assert guarantee.check(mapping, source, mapping(source)) is None, guarantee.name
