"""What pre-training without labels is worth: the classifier with 1, 10 and 100 % of the labels, from nothing and from a trunk
that has told hidden parts of solids (`lift3d train masked-voxels`).

    python benchmarks/pretraining.py CORPUS MASKED_RUN [--steps 400] [--seeds 1] [--work FOLDER]

All runs have the same steps and options, upright shapes, no transformer; seeds change weights and order, not the shapes whose
labels are known. FOLDER keeps the runs: the same command goes on. Writes results/pretraining.json.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from lift3d.corpus.corpus import Corpus
from lift3d.evaluate.labellers import Network, chunks
from lift3d.evaluate.labels import measures
from lift3d.learned import network
from lift3d.nets.shape_label import Plan
from lift3d.train.config import with_words
from lift3d.train.labelled import Labelled
from lift3d.train.start import start
from lift3d.train.tasks import trainable
from lift3d.weights import config_of, find, labels_of

HERE = Path(__file__).resolve().parent
SHARES = (0.01, 0.1, 1.0)
STARTS = {"from nothing": False, "from the masked trunk": True}


def trained(args: argparse.Namespace, share: float, masked: bool, seed: int) -> Path:
    """The run's folder."""
    task = trainable("classifier")
    own = config_of(find(args.masked).card)
    words = {
        "steps": args.steps, "warmup": max(args.steps // 20, 1), "validate": max(args.steps // 4, 1), "seed": seed,
        "labels_share": share, "width": own["width"], "transformer": "false", "rotate": "none",
    }  # fmt: skip
    config = with_words(task.config(), [f"{name}={value}" for name, value in words.items()])
    folder = args.work / f"{'masked' if masked else 'nothing'}-{share:g}-{seed}"
    initial = str(args.masked) if masked else None
    start(
        task, config, args.corpus, args.corpus, 0, folder, initial, None, None, print, lambda name, done: None
    )
    return folder


def measured(corpus: Path, run: Path) -> dict:
    """On upright test shapes."""
    net, found = network("voxels_to_label", str(run))
    test = Labelled(Corpus(corpus), "test", labels_of(found.card))
    ask = Network(net, Plan(around=True))  # type: ignore[arg-type]
    with torch.no_grad():
        said = np.concatenate([ask(share).argmax(1).numpy() for _, share in chunks(test, "none")])
    return measures(said == test.targets, test.targets, test.families)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("masked", type=Path)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/pretraining"))
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    started, results = time.monotonic(), []
    for share in SHARES:
        for name, masked in STARTS.items():
            for seed in range(args.seeds):
                row = measured(args.corpus, trained(args, share, masked, seed))
                print(
                    f"{share:g} {name} seed {seed}: {row['accuracy']:.3f} / {row['balanced']:.3f}", flush=True
                )
                results.append({"share": share, "start": name, "seed": seed, **row})
    rows = []
    for share in SHARES:
        cells: list[object] = [f"{100 * share:g} %"]
        for measure in ("accuracy", "balanced"):
            for name in STARTS:
                held = [r[measure] for r in results if r["share"] == share and r["start"] == name]
                spread = f" ± {np.std(held, ddof=1):.3f}" if len(held) > 1 else ""
                cells.append(f"{np.mean(held):.3f}{spread}")
        rows.append(cells)
    columns = ["labels known", *(f"{m}, {name}" for m in ("objects", "categories") for name in STARTS)]
    note = (
        "Share of upright test shapes that is told right, by the weights that were best on validation; "
        f"{args.steps} steps each, {args.seeds} seed"
        f"{'s, ± their standard deviation' if args.seeds > 1 else ''}. {(time.monotonic() - started) / 60:.0f} minutes."
    )
    text = {"runs": results, "steps": args.steps, "table": {"columns": columns, "rows": rows, "note": note}}
    (HERE / "results/pretraining.json").write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
