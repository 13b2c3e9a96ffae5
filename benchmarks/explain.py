"""Sanity checks of `lift3d explain`: deletion of what the maps mark, and randomised weights.

    python benchmarks/explain.py [PICTURES] [--limit N]

PICTURES: a folder of opaque pictures of objects. For each output (shape, mask, depth, label) and each method: how much of the
output's change a deletion of the tenth of the tiles with the largest attribution takes, beside random tenths; Spearman's rank
correlation of the map with those of networks whose last tenth, half, or all parameter tensors are random; the completeness error.
Writes results/explain.json.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.evaluate.scores.attribution import content_of, delete_tenth, randomised, rank_correlation
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.inference.attribution.target import Target, attribute
from lift3d.pipelines.arguments import load_photo
from lift3d.pipelines.explanations.explain import smoothed
from lift3d.pipelines.explanations.photo_input import prepare_photo
from lift3d.pipelines.explanations.request import METHODS, PHOTO_OUTPUTS, STEPS, Request
from lift3d.types import F32

HERE = Path(__file__).resolve().parent
PICTURES = HERE.parent.parent / "shared/data/images/triposr"
STAGES = {"gradients": (0.1, 0.5, 1.0), "occlusion": (1.0,)}
"""Fractions of the parameter tensors, from the output on, that are made random."""
RANDOM_STEPS = 24


def opaque(folder: Path) -> list[Path]:
    """The pictures of a folder that have no transparency."""
    return [path for path in sorted(folder.glob("*.png")) if Pil.open(path).mode == "RGB"]


def shown(target: Target, method: str, steps: int) -> tuple[F32, float | None]:
    """The map (H, W) as `lift3d explain` returns it, and the completeness error."""
    found = attribute(target, method, steps)
    return smoothed(found.values.sum(0).numpy().astype(np.float32)), found.completeness_error


def measure(path: Path, what: str, method: str) -> dict[str, Any]:
    """The numbers of one picture."""
    ready = prepare_photo(load_photo(path), Request(what, method), Prompts(), Context())
    start = time.monotonic()
    values, error = shown(ready.target, method, STEPS)
    seconds = time.monotonic() - start
    top, random = (deletion := delete_tenth(ready.target, values)).drops
    near = {}
    for fraction in STAGES[method]:
        with randomised(ready.target.modules, fraction):
            other, _ = shown(ready.target, method, RANDOM_STEPS)
            near[str(fraction)] = rank_correlation(values, other, content_of(ready.target))
    return {
        "picture": path.stem, "what": what, "method": method, "top": top, "random": random, "wins": deletion.wins,
        "correlation": near, "completeness_error": error, "seconds": seconds,
    }  # fmt: skip


def row(rows: list[dict[str, Any]]) -> list[Any]:
    """The row of one output and one method: medians over the pictures."""

    def middle(values: list[float]) -> float:
        return round(float(np.median(values)), 2)

    method = rows[0]["method"]
    near = [
        middle([r["correlation"][str(f)] for r in rows]) if f in STAGES[method] else ""
        for f in (0.1, 0.5, 1.0)
    ]
    exact = "" if method == "occlusion" else middle([100 * r["completeness_error"] for r in rows])
    better = sum(r["top"] > r["random"] for r in rows)
    return [
        rows[0]["what"], method, middle([100 * r["top"] for r in rows]), middle([100 * r["random"] for r in rows]),
        f"{better} of {len(rows)}", *near, exact, middle([r["seconds"] for r in rows]),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="?", default=PICTURES)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    paths = opaque(options.pictures)[: options.limit]
    found: list[dict[str, Any]] = []
    for path in paths:
        for what in PHOTO_OUTPUTS:
            for method in METHODS:
                found.append(measure(path, what, method))
                print(json.dumps(found[-1]), flush=True)
    groups = [
        [r for r in found if (r["what"], r["method"]) == (what, method)]
        for what in PHOTO_OUTPUTS
        for method in METHODS
    ]
    columns = [
        "output", "method", "top tenth deleted, %", "random tenth deleted, %", "top hurts more",
        "last tenth random", "last half random", "all random", "completeness error, %", "seconds",
    ]  # fmt: skip
    note = (
        f"Medians over {len(paths)} pictures (the opaque ones of TripoSR's examples). Deleted: the drop of the output in % "
        "of its difference from that for an empty picture, after a tenth of the tiles (16 x 16) with content are "
        "replaced by grey: those with the largest attribution, and 8 random choices. Random: Spearman's rank correlation of the "
        "map with that of the network with random weights in so many of its parameter tensors, from the output on; 1 would mean "
        "that the map does not depend on them. `python benchmarks/explain.py`"
    )
    result = {
        "table": {"columns": columns, "rows": [row(g) for g in groups], "note": note},
        "pictures": found,
    }
    (HERE / "results/explain.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
