"""CONTRIBUTING is true: its list of floors is the enforced one, and its example of a mapping works as printed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doc_pages import ROOT, text_of

from lift3d.errors import InputError
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


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The module of the example, as if it were in `lift3d.maps`; the registry is restored afterwards."""
    from lift3d.mapping import _registry

    monkeypatch.setattr("lift3d.mapping._registry", dict(_registry))
    module = types.ModuleType("lift3d.maps.points_to_grid")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(example("mapping"), "points_to_grid.py", "exec"), module.__dict__)
    return module


def printed_tests() -> list[tuple[str, tuple[object, ...]]]:
    """(name, argument of the parametrization or nothing) of the tests in the example, one entry per case."""
    cases: list[tuple[str, tuple[object, ...]]] = []
    for node in ast.parse(example("test")).body:
        if isinstance(node, ast.FunctionDef):
            values: list[tuple[object, ...]] = [()]
            for decorator in node.decorator_list:
                assert isinstance(decorator, ast.Call)
                values = [(v,) for v in eval(ast.unparse(decorator.args[1]), {"np": np})]
            cases += [(node.name, value) for value in values]
    return cases


@pytest.mark.parametrize(("name", "arguments"), printed_tests())
def test_the_example_passes_its_own_tests(
    module: types.ModuleType, name: str, arguments: tuple[object, ...]
) -> None:
    tests: dict[str, Any] = {"__name__": "test_points_to_grid"}
    exec(compile(example("test"), "test_points_to_grid.py", "exec"), tests)
    tests[name](*arguments)


def test_the_example_keeps_its_guarantees(module: types.ModuleType) -> None:
    mapping, source = module.PointsToGrid(9), Points(np.random.default_rng(1).normal(size=(50, 3)))
    for guarantee in mapping.card.guarantees:
        assert guarantee.check(mapping, source, mapping(source)) is None, guarantee.name


def test_the_example_accepts_the_limits_that_it_documents(module: types.ModuleType) -> None:
    assert "2 to 512" in module.PointsToGrid.__doc__
    line = Points(np.array([[0.0, 0, 0], [1, 0, 0]]))
    for resolution in (2, 512):
        assert module.PointsToGrid(resolution)(line).values.shape == (resolution, 1, 1)
    for resolution in (1, 513):
        with pytest.raises(InputError):
            module.PointsToGrid(resolution)(line)
    with pytest.raises(InputError):
        module.PointsToGrid()(Points(np.array([[np.nan, 0, 0]])))


@pytest.mark.parametrize("name", ["mapping", "test"])
def test_the_example_is_formatted_and_passes_ruff(name: str) -> None:
    own = ["--config", 'lint.isort.known-first-party = ["lift3d"]']  # the module is not in src
    for command in (["check", "-q"], ["format", "--check", "-q"]):
        ruff = [sys.executable, "-m", "ruff", *command, *own, "--stdin-filename", f"{name}.py", "-"]
        done = subprocess.run(ruff, input=example(name), text=True, capture_output=True, cwd=ROOT)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_example_passes_mypy(tmp_path: Path) -> None:
    """With the options and the cache of `make lint`, which `make test` runs first."""
    pytest.importorskip("mypy")
    file = tmp_path / "points_to_grid.py"
    file.write_text(example("mapping"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(file)],
        text=True,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_commands_of_the_steps_are_printed() -> None:
    steps = PAGE.split("## Adding a mapping")[1].split("\n## ")[0]
    for command in ("ruff format", "make lint", "make tables", "make quick", "tests/architecture"):
        assert command in steps, command
    assert "pytest tests/contract -q -k points_to_grid" in steps


def test_the_limits_of_files_and_lines_are_those_that_are_enforced() -> None:
    lines = re.search(
        r"^MOST_LINES = (\d+)$", text_of(ROOT / "tests/architecture/test_layering.py"), re.MULTILINE
    )
    ruff = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["ruff"]
    style = " ".join(PAGE.split("## Style")[1].split())
    assert lines and f"at most {lines[1]} lines" in style
    assert f"wraps code at {ruff['line-length']} characters" in style
    assert f"lines of up to {ruff['lint']['pycodestyle']['max-line-length']}" in style
