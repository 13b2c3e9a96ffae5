"""The public functions are those of tests/api_surface.json: a change there is deliberate.

After a deliberate change: python tests/api/test_surface.py
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lift3d
from lift3d import api

SURFACE = Path(__file__).parents[1] / "api_surface.json"
RESULTS = {
    "Classification": "lift3d.pipelines.classify",
    "Completion": "lift3d.pipelines.complete",
    "Explanation": "lift3d.pipelines.explanations.explanation",
    "IndexReport": "lift3d.pipelines.index",
    "Models": "lift3d.pipelines.models",
    "PrintReport": "lift3d.pipelines.print_check",
    "Reconstruction": "lift3d.pipelines.reconstruct",
    "Renderings": "lift3d.pipelines.render",
    "RepairReport": "lift3d.pipelines.repair",
    "SearchResult": "lift3d.pipelines.search",
}
"""Types that the functions return, whose public attributes belong to the surface."""


def surface() -> dict[str, Any]:
    """Parameters with their defaults of every function, and the public attributes of every result."""
    functions = {}
    for name in api.__all__:
        signature = inspect.signature(getattr(api, name))
        functions[name] = [
            p.name
            + ("" if p.default is p.empty else f"={p.default!r}")
            + (" *" if p.kind is p.KEYWORD_ONLY else "")
            for p in signature.parameters.values()
        ]
    results = {}
    for name, module in RESULTS.items():
        cls = getattr(__import__(module, fromlist=[name]), name)
        fields = {f.name for f in dataclasses.fields(cls)} if dataclasses.is_dataclass(cls) else set()
        results[name] = sorted(fields | {n for n in dir(cls) if not n.startswith("_")})
    return {"functions": functions, "results": results}


def test_the_surface_is_as_listed() -> None:
    assert surface() == json.loads(SURFACE.read_text("utf-8"))


def test_every_function_is_annotated_and_documented() -> None:
    for name in api.__all__:
        function = getattr(api, name)
        signature = inspect.signature(function)
        bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
        assert not bare and signature.return_annotation is not signature.empty, (name, bare)
        assert len((inspect.getdoc(function) or "").split()) >= 10, name
        kinds = {p.kind for p in signature.parameters.values()}
        assert name == "create" or not kinds & {
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
        }, name


def test_the_package_offers_the_same_functions() -> None:
    assert sorted(["__version__", *api.__all__]) == lift3d.__dir__()
    for name in api.__all__:
        assert getattr(lift3d, name) is getattr(api, name)


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, lift3d; print(*(m for m in ('numpy', 'numba', 'torch', 'trimesh', 'pycolmap') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "" and done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    SURFACE.write_text(json.dumps(surface(), indent=1) + "\n", "utf-8")
