"""Every public function, class and method is annotated and documented; the words are those of the field."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lift3d"
FILES = sorted(SOURCE.rglob("*.py"))

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(tree: ast.Module) -> Iterator[tuple[str, Definition, bool]]:
    """(dotted name, node, whether it is a method) of public functions, classes, and their methods."""

    def visit(body: list[ast.stmt], prefix: str, inside: bool) -> Iterator[tuple[str, Definition, bool]]:
        for node in body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                yield prefix + node.name, node, inside
                if isinstance(node, ast.ClassDef):
                    yield from visit(node.body, f"{prefix}{node.name}.", True)
            elif isinstance(node, ast.If):
                yield from visit(node.body, prefix, inside)

    yield from visit(tree.body, "", False)


def overridden(tree: ast.Module) -> set[str]:
    """Names of methods whose documentation stands with the interface that they implement."""
    return {"apply", "forward", "loss", "module", "batch", "validate", "data"}


@cache
def parsed() -> list[tuple[str, ast.Module]]:
    """Path below the source and syntax tree of every module."""
    return [(path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))) for path in FILES]


def test_public_functions_are_annotated() -> None:
    bare = []
    for path, tree in parsed():
        for name, node, method in public(tree):
            if isinstance(node, ast.ClassDef):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if method and not any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list):
                arguments = arguments[1:]
            extra = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
            if node.returns is None or any(a.annotation is None for a in [*arguments, *extra]):
                bare.append(f"{path}:{node.lineno} {name}")
    assert not bare, f"{len(bare)} without annotations:\n" + "\n".join(bare)


def test_public_functions_and_classes_are_documented() -> None:
    silent = []
    for path, tree in parsed():
        known = overridden(tree)
        for name, node, method in public(tree):
            overload = any(getattr(d, "id", "") == "overload" for d in node.decorator_list)
            if overload or (method and name.rpartition(".")[2] in known):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{path}:{node.lineno} {name}")
    assert not silent, f"{len(silent)} without a docstring:\n" + "\n".join(silent)


def test_modules_are_documented() -> None:
    silent = [path for path, tree in parsed() if len((ast.get_docstring(tree) or "").split()) < 4]
    assert not silent, silent


PRIVATE = re.compile(
    r"\b(guess(es|ed)?|surest|sureness|trunks?|spoilt|nobody|somebody|things?|kinds? of thing|"
    r"made (anew|up)|told (apart|of)|is said|are said|asked (of|about|for)|rests|places? in the space|drawers?)\b",
    re.IGNORECASE,
)
"""Words of a former private vocabulary; CONTRIBUTING.md has the ones to use."""

STORED = {"made up"}
"""Values in the files of a corpus, which keep their wording so that the files stay the same."""


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_docstrings_and_messages_use_the_words_of_the_field(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    found = [
        f"{node.lineno}: {match[0]!r} in {' '.join(node.value.split())[:90]!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for match in [PRIVATE.search(node.value)]
        if match and " " in node.value and node.value not in STORED
    ]
    assert not found, "\n".join(found)
