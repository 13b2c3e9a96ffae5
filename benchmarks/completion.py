"""The table of `points_to_voxels` on the test split of the corpus, as `lift3d evaluate completion` computes it.

    python benchmarks/completion.py CORPUS [--weights RUN] [--limit N] [--look FOLDER] [--kept]

Writes results/completion.json. With --kept, the rows without a network, which take most of the time, are copied from the
last run, which must have used the same shapes.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from lift3d.evaluate import points_to_voxels as completion
from lift3d.evaluate.interface import Request

HERE = Path(__file__).resolve().parent
NAMES = (completion.CLOSED, completion.REFLECTED, completion.NEAREST, completion.NETWORK)
WORDS = {"cut": "cut by a plane", "view": "seen from one side"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--look", type=Path, default=None)
    parser.add_argument("--kept", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    results = HERE / "results/completion.json"
    before = json.loads(results.read_text()) if args.kept else {}
    only = (completion.NEAREST, completion.NETWORK) if args.kept else NAMES
    started, last = time.monotonic(), [0.0]

    def progress(name: str, fraction: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{name} {fraction:.0%}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        out = args.look or Path(folder)
        request = Request(
            "completion",
            args.corpus,
            args.corpus,
            args.weights,
            None,
            "test",
            args.limit,
            out,
            print,
            progress,
        )
        evaluation = completion.evaluate_points_to_voxels(request, only).write(out)
        result = evaluation.table
    print("\n".join(evaluation.lines))
    if before:
        keep(before, result)
    result["table"] = table(result, (time.monotonic() - started) / 60, args.kept)
    results.write_text(json.dumps(result, indent=1) + "\n")


def keep(before: dict, result: dict) -> None:
    """Copy the rows that were not measured in this run from the last run."""
    if before["shapes"] != result["shapes"]:
        raise SystemExit("the last run had other shapes: measure all rows, without --kept")
    for kind, rows in result["rows"].items():
        result["rows"][kind] = {name: (rows.get(name) or before["rows"][kind][name]) for name in NAMES}
        f = {name: row["categories"]["f1"] for name, row in result["rows"][kind].items()}
        result["ratio"][kind] = f[completion.NETWORK] / max(f[completion.REFLECTED], 1e-9)


def table(result: dict, minutes: float, kept: bool) -> dict:
    """The table for the documentation."""
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
        f"{result['cases']} parts of shapes of families not seen in training; a cut leaves 30 to 60 % of the surface. Means "
        "over categories, with 95 % intervals by bootstrap over families; last column: mean over objects. "
        f"{result['searched'].capitalize()} training shapes is searched for the nearest. "
        f"F of the network relative to the reflection: {ratios}. "
        f"Lengths in units of the longest side. {minutes:.0f} minutes"
        + (" for the last two rows of each." if kept else ".")
    )
    columns = ["part", "method", "F at 1 %", "Chamfer", "normals", "F, per object"]
    return {"columns": columns, "rows": rows, "note": note}


if __name__ == "__main__":
    main()
