"""What the confidence of a shape predicted from one photo is worth: the measured IoU for ranges of it.

    python benchmarks/confidence.py CORPUS PICTURES [--split val] [--views 2] [--limit N]

CORPUS must not be part of the training of the weights: the validation split of the whole corpus, or a corpus of other meshes
(`lift3d corpus build mine --from meshes/`). PICTURES: rendered by `lift3d corpus render`. Writes results/confidence.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.scores.view_truth import GroundTruth
from lift3d.geometry.metrics.iou import iou
from lift3d.inference.networks import load_network
from lift3d.inference.single_view import predict_view
from lift3d.inference.torch_network import TorchNetwork
from lift3d.maps.image_to_voxels import mean_confidence
from lift3d.train.data.view_set import ViewSet, network_input

RESULT = Path(__file__).parent / "results" / "confidence.json"
BINS = (0.0, 0.32, 0.36, 0.4, 1.0)
SIDE = 64


def measure(solids: ViewSet, views: int, limit: int | None) -> NDArray[np.float64]:
    """(N, 2) confidence and IoU (64 voxels along the longest side) of predictions from single pictures."""
    net, found = load_network("image_to_voxels")
    shapes = sorted(solids.views)
    rows = []
    for shape in shapes if limit is None else shapes[:: max(1, len(shapes) // limit)]:
        for index in solids.views[shape][:views]:
            view = solids.view(int(index))
            if view is None:
                continue
            prediction = predict_view(TorchNetwork("image_to_voxels", net), network_input(view)[None])
            truth = GroundTruth(solids, view)
            filled = prediction.fill_silhouette(found.threshold)
            overlap = iou(truth.full_voxels(filled, found.threshold)[SIDE], truth.voxels[SIDE])
            rows.append([mean_confidence(prediction.occupancy), overlap])
            print(shape, index, *(f"{x:.3f}" for x in rows[-1]), flush=True)
    return np.array(rows).reshape(-1, 2)


def summarise(rows: NDArray[np.float64]) -> dict[str, Any]:
    """The table of `make tables`: quartiles of the IoU for ranges of the confidence, and the rank correlation of both."""
    lines = []
    for low, high in zip(BINS, BINS[1:]):
        some = rows[(rows[:, 0] >= low) & (rows[:, 0] < high), 1]
        if len(some):
            low_iou, middle, high_iou = np.percentile(some, [25, 50, 75])
            lines.append(
                [f"{low:g} to {high:g}", len(some), f"{middle:.2f}", f"{low_iou:.2f} to {high_iou:.2f}"]
            )
    ranks = [np.argsort(np.argsort(rows[:, k])) for k in (0, 1)]
    correlation = float(np.corrcoef(*ranks)[0, 1]) if len(rows) > 1 else 0.0
    columns = ["confidence", "pictures", "median IoU", "middle half"]
    return {"columns": columns, "rows": lines, "correlation": round(correlation, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()
    rows = measure(ViewSet(args.pictures, Corpus(args.corpus), args.split), args.views, args.limit)
    table = summarise(rows)
    table["note"] = (
        f"{len(rows)} rendered pictures of shapes not seen in training, {args.views} of each; IoU at {SIDE} voxels along the "
        f"longest side, true depth of the centre given. Rank correlation of confidence and IoU: {table['correlation']:.2f}."
    )
    RESULT.write_text(json.dumps({"table": table, "pairs": rows.round(4).tolist()}, indent=1) + "\n")
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
