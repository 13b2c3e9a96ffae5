"""The tables of the space of shapes on the test split of the corpus, as `lift3d evaluate` measures them, and how long a
model takes to make up.

    python benchmarks/shape_space.py CORPUS [--look FOLDER] [--only codes|samples|speed] [--autoencoder RUN] [--limit N]

Writes results/shape_codes.json, results/generation.json and results/generate_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import torch

from lift3d.evaluate.samples import evaluate_samples
from lift3d.evaluate.shape_codes import evaluate_codes
from lift3d.generate import Options, write_generated

HERE = Path(__file__).resolve().parent
_last = [0.0]


def progress(name: str, fraction: float) -> None:
    if time.monotonic() - _last[0] > 20:
        _last[0] = time.monotonic()
        print(f"{name} {fraction:.0%}", flush=True)


def codes(corpus: Path, autoencoder: str | None, limit: int | None, look: Path) -> dict[str, Any]:
    print("\n".join(evaluate_codes(corpus, autoencoder, "test", limit, look, print, progress)))
    result: dict[str, Any] = json.loads((look / "autoencoder.json").read_text())
    rows = []
    for name, row in result["rows"].items():
        low, high = row["interval"]["iou"]
        rows.append(
            [name, f"{row['objects']['iou']:.3f}", f"{row['categories']['iou']:.3f} ({low:.3f}-{high:.3f})",
             f"{row['f']:.3f}", f"{row['chamfer']:.4f}", f"{row['normals']:.3f}"]
        )  # fmt: skip
    result["table"] = {
        "columns": ["shapes made again", "IoU 64", "IoU 64, by category", "F at 1 %", "Chamfer", "normals"],
        "rows": rows,
        "note": f"{result['shapes']} shapes of families never seen; surfaces of {result['surfaces']} of them, evenly spread, "
        "against the surface of their own 64^3 cells. Means over objects, and over categories with 95 % intervals from "
        "families drawn again. Thresholds are fixed on 120 shapes of the validation set. Lengths in the longest side.",
    }
    return result


def samples(corpus: Path, autoencoder: str | None, limit: int | None, look: Path) -> dict[str, Any]:
    print(
        "\n".join(evaluate_samples("flow", corpus, None, autoencoder, "test", limit, look, print, progress))
    )
    result: dict[str, Any] = json.loads((look / "flow.json").read_text())
    rows = [
        [name, f"{100 * r['coverage']:.0f}", f"{100 * r['one_nn']:.0f}", f"{1000 * r['matching']:.2f}",
         f"{100 * r['copies']:.0f}", f"{r['novelty']:.2f}"]
        for name, r in result["rows"].items()
    ]  # fmt: skip
    kinds = [
        [kind, k["real"], k["known"], *(f"{100 * k[who][what]:.0f}" for what in ("coverage", "one_nn", "copies")
         for who in ("training shapes, drawn again", "flow")), f"{100 * k['solid flow']:.0f}"]
        for kind, k in result["kinds"].items()
    ]  # fmt: skip
    result["table"] = {
        "columns": ["drawn", "coverage, %", "1-NNA, %", "matching x 1000", "copies, %", "novelty"],
        "rows": rows,
        "note": f"Means over {', '.join(result['kinds'])}: as many draws as the test split has shapes. 1-NNA: 50 is the best "
        "there is. Copies: nearer to a training shape than half of those are to their nearest neighbour. Chamfer distance of "
        "1024 points, squared (src/lift3d/evaluate/generation.py).",
    }
    result["by_kind"] = {
        "columns": ["kind", "test shapes", "training shapes", "coverage, training, %", "flow, %", "1-NNA, training, %",
                    "flow, %", "copies, training, %", "flow, %", "solid, %"],
        "rows": kinds,
    }  # fmt: skip
    return result


def speed() -> dict[str, Any]:
    """Eight models, written, each kind once; the first run warms the caches."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for k, kind in enumerate(("rock", "chair", "tower", "airplane", "lamp")):
            started = time.monotonic()
            write_generated(kind, Options(8, 1), Path(folder) / f"{k}", print, lambda name, share: None)
            seconds[kind] = round(time.monotonic() - started, 2)
    del seconds["rock"]
    rows = [[kind, f"{s:.1f}"] for kind, s in seconds.items()]
    return {
        "seconds": seconds,
        "table": {"columns": ["eight models, solid, written, with their sheet", "seconds"], "rows": rows,
                  "note": f"{os.cpu_count()} cores."},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--look", type=Path, default=None, help="keep sheets and JSON here")
    parser.add_argument("--only", choices=("codes", "samples", "speed"), default=None)
    parser.add_argument("--autoencoder", default=None)
    parser.add_argument("--limit", type=int, default=None)
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    numba.set_num_threads(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        look = args.look or Path(folder)
        made = {
            "codes": ("shape_codes", lambda: codes(args.corpus, args.autoencoder, args.limit, look)),
            "samples": ("generation", lambda: samples(args.corpus, args.autoencoder, args.limit, look)),
            "speed": ("generate_speed", speed),
        }
        for what, (name, measure) in made.items():
            if args.only in (None, what):
                result = measure()
                (HERE / f"results/{name}.json").write_text(json.dumps(result, indent=1) + "\n")
                if "by_kind" in result:
                    kinds = json.dumps({"table": result["by_kind"]}, indent=1) + "\n"
                    (HERE / f"results/{name}_kinds.json").write_text(kinds)


if __name__ == "__main__":
    main()
