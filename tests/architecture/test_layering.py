"""The structure of the source: floors, no import cycles, sizes of files and folders. Reads imports as text and runs nothing."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "lift3d"

FLOORS = (
    {"types", "weights", "taxonomy", "context", "errors", "mapping", "units", "version"},
    {"geometry"},
    {"io", "nets"},
    {"inference", "runtime"},
    {"corpus", "search_index"},
    {"train", "maps"},
    {"pipelines", "viewer", "browser"},
    {"api"},
    {"evaluate", "server"},
    {"cli"},
)
"""The packages from the ground up: each may import those of lower floors and its neighbours on the same floor, never a
higher one. CONTRIBUTING.md has the same list."""
FLOOR = {name: level for level, names in enumerate(FLOORS) for name in names}
MOST_LINES = 300
MOST_MODULES = 20
MOST_ROOT = 8
UNLIMITED = {"maps"}
"""Packages whose listing is the map of the system and may grow."""


def modules() -> dict[str, Path]:
    """Dotted name -> file, for every module of the package."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


@cache
def imports(path: Path, everywhere: bool) -> list[tuple[str, int]]:
    """(module of lift3d, line) of every import; everywhere: those inside functions and under TYPE_CHECKING too."""
    tree = ast.parse(path.read_text("utf-8"))
    found = []
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "lift3d":
                    found.append((alias.name, node.lineno))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "lift3d":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.append((full if full in MODULES else node.module, node.lineno))
    return found


def package(module: str) -> str:
    """The name of the floor's package that a module belongs to; "" for the root itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def test_every_package_has_a_floor() -> None:
    names = {package(m) for m in MODULES} - {"", "__main__"}
    assert names <= set(FLOOR), f"give {sorted(names - set(FLOOR))} a floor"


def test_no_import_runs_upward() -> None:
    wrong = []
    for name, path in MODULES.items():
        own = package(name)
        if own not in FLOOR:  # the root re-exports the api; __main__ starts the cli
            continue
        for target, line in imports(path, everywhere=True):
            other = package(target)
            if other == "" or FLOOR[other] > FLOOR[own]:
                wrong.append(
                    f"{path.relative_to(SOURCE)}:{line} ({own}) imports {target} ({other or 'root'})"
                )
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("everywhere", [False, True], ids=["when loaded", "anywhere"])
def test_no_import_cycle(everywhere: bool) -> None:
    graph = {m: {t for t, _ in imports(p, everywhere) if t != m} for m, p in MODULES.items()}
    cycles = strongly_connected(graph)
    assert not cycles, "\n".join(" <-> ".join(sorted(c)) for c in cycles)


def test_packages_of_one_floor_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in FLOOR}
    for name, path in MODULES.items():
        own = package(name)
        if own in FLOOR:
            graph[own] |= {package(t) for t, _ in imports(path, everywhere=True)} - {own, ""}
    cycles = strongly_connected(graph)
    assert not cycles, cycles


def strongly_connected(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of two or more nodes that reach each other (Tarjan 1972, by two passes of depth-first search)."""
    order: list[str] = []
    seen: set[str] = set()

    def visit(start: str, edges: dict[str, set[str]], out: list[str]) -> None:
        stack = [(start, iter(sorted(edges.get(start, ()))))]
        seen.add(start)
        while stack:
            node, rest = stack[-1]
            following = next((n for n in rest if n not in seen), None)
            if following is None:
                stack.pop()
                out.append(node)
            else:
                seen.add(following)
                stack.append((following, iter(sorted(edges.get(following, ())))))

    for node in sorted(graph):
        if node not in seen:
            visit(node, graph, order)
    back: dict[str, set[str]] = {}
    for a, targets in graph.items():
        for b in targets:
            back.setdefault(b, set()).add(a)
    seen.clear()
    groups = []
    for node in reversed(order):
        if node not in seen:
            group: list[str] = []
            visit(node, back, group)
            groups.append(set(group))
    return [g for g in groups if len(g) > 1]


def test_the_cycle_finder_finds_cycles() -> None:
    assert strongly_connected({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert strongly_connected({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_root_is_small() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= MOST_ROOT


def test_folders_are_small() -> None:
    folders = {p.parent for p in MODULES.values()}
    count = {
        f.relative_to(SOURCE).as_posix(): sum(p.name != "__init__.py" for p in f.glob("*.py"))
        for f in folders
    }
    large = {f: n for f, n in count.items() if n > MOST_MODULES and f not in UNLIMITED}
    assert not large, large


def test_files_are_short() -> None:
    lines = {
        p.relative_to(SOURCE).as_posix(): len(p.read_text("utf-8").splitlines()) for p in MODULES.values()
    }
    long = {f: n for f, n in lines.items() if n > MOST_LINES}
    assert not long, long


def test_every_package_says_what_lives_there() -> None:
    silent = [
        path.parent.relative_to(SOURCE).as_posix()
        for path in MODULES.values()
        if path.name == "__init__.py"
        and len((ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").split()) < 8
    ]
    silent += [
        d.name
        for d in SOURCE.rglob("*")
        if d.is_dir() and list(d.glob("*.py")) and not (d / "__init__.py").exists()
    ]
    assert not silent, silent


def test_the_command_line_calls_the_api() -> None:
    """Commands parse, call `lift3d.api` and print; only those about training, corpora and the installation reach further."""
    apart = {"train", "corpus", "info"}
    below = {"pipelines", "maps", "geometry", "inference"}
    allowed = {"lift3d.pipelines.search_sheet.write_search_sheet"}
    wrong = []
    for path in sorted((SOURCE / "cli").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        typing_only = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node not in typing_only and path.stem not in apart:
                names = {f"{node.module}.{alias.name}" for alias in node.names}
                if package(node.module or "") in below and not names <= allowed:
                    wrong.append(f"{path.name}:{node.lineno} imports {node.module}")
    assert not wrong, wrong
