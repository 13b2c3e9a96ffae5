"""The table of the embedding space on the test split of the corpus, as `lift3d evaluate` computes it.

    python benchmarks/embedding.py CORPUS PICTURES [--weights RUN] [--limit N] [--look FOLDER] [--keep-baselines]

--keep-baselines: the rows of the baselines and of `embedding_free` stay as they are; they are of the same shapes.

Writes results/embedding.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import torch

from lift3d.evaluate.embedding import VALIDATION_SHAPES, evaluate_embedding
from lift3d.evaluate.interface import Request

HERE = Path(__file__).resolve().parent


FREE = ("from free data alone, photo", "from free data alone, model")
KEPT = ("chance", "pixels of views", "image_to_voxels features of views", *FREE)
"""Rows of the baselines and of `embedding_free`."""
MIX_TERMS = {"kind": "category", "sharp": "sharpness"}


def mix_told(mix: dict[str, float]) -> str:
    return "(" + ", ".join(f"{MIX_TERMS.get(name, name)} {v:.3g}" for name, v in mix.items()) + ")"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--look", type=Path, default=None)
    parser.add_argument("--keep-baselines", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    started, last = time.monotonic(), [0.0]

    def progress(name: str, fraction: float) -> None:
        if time.monotonic() - last[0] > 20:
            last[0] = time.monotonic()
            print(f"{name} {fraction:.0%}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        out = args.look or Path(folder)
        request = Request(
            "embedding",
            args.corpus,
            args.pictures,
            args.weights,
            None,
            "test",
            args.limit,
            out,
            print,
            progress,
        )
        evaluation = evaluate_embedding(request, not args.keep_baselines).write(out)
        result = evaluation.table
    if args.keep_baselines:
        before = json.loads((HERE / "results/embedding.json").read_text())
        if before["shapes"] != result["shapes"]:
            raise SystemExit("the stored rows are of other shapes: measure all rows")
        kept = {name: before["rows"][name] for name in KEPT if name in before["rows"]}
        result["rows"] = kept | {name: row for name, row in result["rows"].items() if name not in kept}
    print("\n".join(evaluation.lines))
    rows = []
    for name, row in result["rows"].items():
        o, c, i = row["objects"], row["categories"], row["interval"]
        rows.append(
            [name, f"{o['first']:.3f}", f"{o['five']:.3f}", f"{o['kin']:.3f}", f"{c['first']:.3f}",
             f"{c['kin']:.3f} ({i['kin'][0]:.3f}-{i['kin'][1]:.3f})"]
        )  # fmt: skip
    columns = [
        "method, one image of each test shape",
        "rank 1",
        "in first five",
        "category mAP",
        "rank 1, per category",
        "category mAP, per category",
    ]
    said = ""
    if "words" in result:
        w = result["words"]
        said = (
            f"Text queries: by name rank 1 {w['name_first']:.3f}, in first five {w['name_five']:.3f}; by the category's name mAP "
            f"{w['category']:.3f}; the nearest category name is right for {result['label']:.3f} of the images. "
        )
    note = (
        f"{result['shapes']} shapes of families not seen in training, each searched among all of them by a rendered image; "
        f"the weights of the scores are chosen on {VALIDATION_SHAPES} shapes of the validation set, for photos "
        f"{mix_told(result['mix'])}, for models {mix_told(result['mix_of_models'])}. "
        f"{said}Intervals: 95 %, bootstrap over families. Computed in {(time.monotonic() - started) / 60:.0f} minutes."
    )
    result["table"] = {"columns": columns, "rows": rows, "note": note}
    (HERE / "results/embedding.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
