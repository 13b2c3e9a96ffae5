"""Values travel in typed results: code writes evidence to `Context.report` and `Mesh.metadata`, and never decides by it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "lift3d"

REPORT_READS = {
    ("context.py", "self.report"): "Context.note adds evidence",
    ("runtime/runner.py", "inner.report"): "the runner merges the evidence of a step into that of the run",
    (
        "pipelines/reconstruction/report.py",
        "run.context.report",
    ): "the report of a reconstruction is written out",
    ("pipelines/reconstruct.py", "run.context.report"): "failure.json",
    ("pipelines/complete.py", "context.report"): "the report of a completion is written out",
}
"""Every read of a `Context.report`, and why it decides nothing."""

METADATA_KEYS = {"warnings", "units"}
"""What a mesh's metadata may hold: warnings of a reader for the user, and the unit, which trimesh itself keeps there."""


def report_reads(tree: ast.AST) -> list[str]:
    """Reads of `.report` on anything called context or inner, or on the context of anything, as source text."""
    names = {"context", "inner", "ctx"}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "report" and isinstance(node.ctx, ast.Load):
            owner = node.value
            context = (isinstance(owner, ast.Name) and owner.id in names) or (
                isinstance(owner, ast.Attribute) and owner.attr in names
            )
            if context:
                found.append(ast.unparse(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            found += ["getattr(.., 'report')"] * (ast.unparse(node.args[1]) == "'report'")
    return found


def metadata_keys(tree: ast.AST) -> set[str]:
    """Constant keys that are read from or written to `mesh.metadata` by subscript, get, pop or setdefault."""
    keys: set[str] = set()

    def of_mesh(node: ast.AST) -> bool:
        return (
            isinstance(node, ast.Attribute)
            and node.attr == "metadata"
            and "mesh" in ast.unparse(node.value).lower()
        )

    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and of_mesh(node.value):
            keys.add(ast.unparse(node.slice).strip("'"))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and of_mesh(node.func.value):
            if node.func.attr in ("get", "pop", "setdefault"):
                keys.add(ast.unparse(node.args[0]).strip("'"))
            elif node.func.attr == "update":
                keys |= {k.arg for k in node.keywords if k.arg}
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Trimesh"):
            for given in (
                k.value for k in node.keywords if k.arg == "metadata" and isinstance(k.value, ast.Dict)
            ):
                keys |= {ast.unparse(k).strip("'") for k in given.keys if k is not None}
    return keys


@cache
def parsed() -> dict[str, ast.Module]:
    return {
        p.relative_to(SOURCE).as_posix(): ast.parse(p.read_text("utf-8"))
        for p in sorted(SOURCE.rglob("*.py"))
    }


def test_nothing_reads_the_report_to_decide() -> None:
    found = {(path, read) for path, tree in parsed().items() for read in report_reads(tree)}
    context = ast.unparse(ast.parse((SOURCE / "context.py").read_text("utf-8")))
    assert "self.report" in context
    own = {("context.py", "self.report")}
    assert found | own == set(REPORT_READS), {
        "not allowed": sorted(found - set(REPORT_READS)),
        "allowed, but gone": sorted(set(REPORT_READS) - found - own),
    }


def test_no_value_travels_in_the_metadata_of_a_mesh() -> None:
    wrong = {path: keys - METADATA_KEYS for path, tree in parsed().items() if (keys := metadata_keys(tree))}
    assert not any(wrong.values()), wrong


def test_the_finders_find() -> None:
    bad = "level = context.report['x']['level']\nkind = run.context.report[a]\nz = getattr(context, 'report')"
    assert sorted(report_reads(ast.parse(bad))) == [
        "context.report",
        "getattr(.., 'report')",
        "run.context.report",
    ]
    assert report_reads(ast.parse("models.report['overlap']; outcome.report")) == []
    frame = "mesh.metadata.pop('frame', None); self.mesh.metadata['a'] = 1\n"
    frame += "Trimesh(v, metadata={'b': 2})\nmesh.metadata.update(c=3)"
    assert metadata_keys(ast.parse(frame)) == {"frame", "a", "b", "c"}
