"""Gain by pre-training without labels: the classifier with 1, 10 and 100 % of the labels, from random initialisation and from
backbones trained to predict hidden parts of solids (`lift3d train masked-voxels`) or to reconstruct solids
(`lift3d train autoencoder`).

    python benchmarks/pretraining.py CORPUS MASKED_RUN [--steps 200] [--seeds 1] [--work FOLDER]

Upright shapes, no transformer. All runs have the same steps of 32 shapes each; only the initialisation of the backbone differs.
Seeds change weights and order, not the labelled shapes. FOLDER receives the runs, which the same command resumes. Writes
results/pretraining.json.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.classifier import NetworkClassifier, rotated_batches
from lift3d.evaluate.classifier import accuracy_scores
from lift3d.inference.networks import load_network
from lift3d.nets.shape_classifier import TestTimeAugmentation
from lift3d.train.config import parse_options
from lift3d.train.data.labelled_shapes import LabelledShapes
from lift3d.train.launch import launch
from lift3d.train.registry import trainable

HERE = Path(__file__).resolve().parent
SHARES = (0.01, 0.1, 1.0)
NOTHING, MASKED, SOLIDS = "random initialisation", "masked", "autoencoder"
STARTS = {NOTHING: "nothing", MASKED: "masked", SOLIDS: "solids"}


def trained(args: argparse.Namespace, share: float, begin: str, seed: int) -> Path:
    """Train one run, or resume it; returns its folder."""
    task = trainable("classifier")
    words: dict[str, object] = {
        "seed": seed, "labels_share": share, "transformer": "false", "rotate": "none", "variants": 1, "smoothing": 0,
        "begin": "autoencoder" if begin == SOLIDS else "none", "batch": 32, "steps": args.steps,
        "late": args.steps if begin == SOLIDS else -1, "validate": max(args.steps // 4, 1), "warmup": 20,
    }  # fmt: skip
    config = parse_options(task.config(), [f"{name}={value}" for name, value in words.items()])
    folder = args.work / f"{STARTS[begin]}-{share:g}-{seed}"
    initial = str(args.masked) if begin == MASKED else None
    launch(
        task, config, args.corpus, args.corpus, 0, folder, initial, None, None, print, lambda name, done: None
    )
    return folder


def measured(corpus: Path, run: Path) -> dict:
    """Scores on upright test shapes, cached beside the run until its weights change."""
    kept, weights = run / "measured.json", run / "best.safetensors"
    if kept.is_file() and kept.stat().st_mtime >= weights.stat().st_mtime:
        return json.loads(kept.read_text())
    net, found = load_network("voxels_to_label", str(run))
    test = LabelledShapes(Corpus(corpus), "test", found.require_labels())
    ask = NetworkClassifier(net, TestTimeAugmentation(symmetries=True))  # type: ignore[arg-type]
    with torch.no_grad():
        said = np.concatenate([ask(share).argmax(1).numpy() for _, share in rotated_batches(test, "none")])
    told = accuracy_scores(said == test.targets, test.targets, test.families)
    kept.write_text(json.dumps(told))
    return told


def table(results: list[dict[str, Any]], steps: int, seeds: int) -> dict[str, Any]:
    """The table: of one seed with the intervals over test shapes, of several seeds with their standard deviation."""
    rows = []
    for share in SHARES:
        cells: list[object] = [f"{100 * share:g} %"]
        for measure in ("accuracy", "balanced"):
            for name in STARTS:
                held = [r for r in results if r["share"] == share and r["start"] == name]
                values = [r[measure] for r in held]
                low, high = held[0][f"{measure}_interval"]
                spread = f"± {np.std(values, ddof=1):.3f}" if len(held) > 1 else f"({low:.3f}-{high:.3f})"
                cells.append(f"{np.mean(values):.3f} {spread}")
        rows.append(cells)
    columns = ["labels known", *(f"{m}, {name}" for m in ("per object", "per category") for name in STARTS)]
    several = f"{seeds} seeds, ± their standard deviation"
    one = "one seed, 95 % intervals by bootstrap over families"
    note = (
        "Accuracy on upright test shapes, with the weights that were best on validation; "
        f"{steps} steps of 32 shapes, {several if seeds > 1 else one}."
    )
    return {"columns": columns, "rows": rows, "note": note}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("masked", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/pretraining"))
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    results = []
    for share in SHARES:
        for name in STARTS:
            for seed in range(args.seeds):
                row = measured(args.corpus, trained(args, share, name, seed))
                print(
                    f"{share:g} {name} seed {seed}: {row['accuracy']:.3f} / {row['balanced']:.3f}", flush=True
                )
                results.append({"share": share, "start": name, "seed": seed, **row})
    text = {"runs": results, "steps": args.steps, "table": table(results, args.steps, args.seeds)}
    (HERE / "results/pretraining.json").write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
