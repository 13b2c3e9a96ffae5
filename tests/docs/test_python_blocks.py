"""The Python blocks of the pages compile, import what exists, and call functions of the API with keywords that exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re

import pytest
from doc_pages import PAGES, ROOT, fenced, text_of

BLOCKS = [
    (page.relative_to(ROOT).as_posix(), content)
    for page in PAGES
    for _, language, content in fenced(page)
    if language == "python" and "points_to_grid" not in content
]


def imported_names(tree: ast.AST) -> list[tuple[str, str]]:
    """(module, name or "") of every import of lift3d."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(a.name, "") for a in node.names if a.name.split(".")[0] == "lift3d"]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lift3d":
            found += [(node.module or "", a.name) for a in node.names]
    return found


@pytest.mark.parametrize(("page", "content"), BLOCKS, ids=[f"{p}-{k}" for k, (p, _) in enumerate(BLOCKS)])
def test_block_uses_what_exists(page: str, content: str) -> None:
    tree = ast.parse(content, page)
    for module, name in imported_names(tree):
        if module.startswith("lift3d.nets"):
            pytest.importorskip("torch")
        loaded = importlib.import_module(module)
        assert not name or hasattr(loaded, name), f"{module} has no {name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "lift3d":
                function = getattr(importlib.import_module("lift3d"), node.func.attr)
                known = inspect.signature(function).parameters
                given = {k.arg for k in node.keywords if k.arg}
                open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())
                assert open_ended or given <= set(known), f"{node.func.attr} has no {given - set(known)}"


def test_the_pages_have_python() -> None:
    assert len(BLOCKS) >= 10


def test_source_files_named_on_the_pages_exist() -> None:
    roots = [ROOT, ROOT / "src/lift3d", ROOT / "src"]
    for page in PAGES:
        for name in re.findall(r"`((?:[\w.]+/)+\w+\.(?:py|toml|csv|sh))`", text_of(page)):
            exists = (
                any((root / name).exists() for root in roots) or "points_to_grid" in name or "NAME" in name
            )
            assert exists, f"{page.name}: {name}"


def test_every_function_of_the_api_is_on_its_page() -> None:
    import lift3d

    page = text_of(ROOT / "docs/python_api.md")
    missing = [name for name in lift3d.__all__ if not name.startswith("_") and f"lift3d.{name}(" not in page]
    assert not missing, missing
