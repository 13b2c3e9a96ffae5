"""The table of `points_to_voxels` on the test split of the corpus, as `lift3d evaluate completion` measures it.

    python benchmarks/completion.py CORPUS [--weights RUN] [--limit N] [--look FOLDER]

Writes results/completion.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from lift3d.evaluate import completion

HERE = Path(__file__).resolve().parent
WORDS = {"cut": "cut by a plane", "view": "seen from one side"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--look", type=Path, default=None)
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    started, last = time.monotonic(), [0.0]

    def progress(name: str, fraction: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{name} {fraction:.0%}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        out = args.look or Path(folder)
        lines = completion.evaluate_completion(
            args.corpus, args.weights, "test", args.limit, out, print, progress
        )
        result = json.loads((out / "completion.json").read_text())
    print("\n".join(lines))
    result["table"] = table(result, (time.monotonic() - started) / 60)
    (HERE / "results/completion.json").write_text(json.dumps(result, indent=1) + "\n")


def table(result: dict, minutes: float) -> dict:
    """For README.md."""
    rows = []
    for kind, held in result["rows"].items():
        for name, row in held.items():
            c, o, i = row["categories"], row["objects"], row["interval"]
            rows.append(
                [WORDS[kind], name, f"{c['f1']:.3f} ({i['f1'][0]:.3f}-{i['f1'][1]:.3f})", f"{c['chamfer']:.4f}",
                 f"{c['normals']:.3f}", f"{o['f1']:.3f}"]
            )  # fmt: skip
    ratios = ", ".join(f"{WORDS[kind]} {ratio:.2f}" for kind, ratio in result["ratio"].items())
    note = (
        f"{result['cases']} parts of shapes of families that no network has seen; a cut leaves 30 to 60 % of the surface. Means "
        "over categories, with 95 % intervals from families drawn again; last column: over objects. "
        f"{result['searched']} training shapes is searched for the nearest. Network by mirror: {ratios}. "
        f"Lengths in the longest side. {minutes:.0f} minutes."
    )
    columns = ["part", "completed by", "F at 1 %", "Chamfer", "normals", "F, objects"]
    return {"columns": columns, "rows": rows, "note": note}


if __name__ == "__main__":
    main()
