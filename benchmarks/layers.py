"""The network of the visible surface and its thickness: alone, beside baselines, and fused with the voxels of `image_to_voxels`.

    python benchmarks/layers.py CORPUS PICTURES [--limit 150]

On the test split, one picture of each of evenly spaced shapes. The visible half is scored after the prediction is moved in
depth by the median difference, since a photo does not tell how far away an object is. Writes benchmarks/results/layers.json."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.cases.image_to_voxels import photo_cases
from lift3d.evaluate.image_to_layers import evaluate_image_to_layers
from lift3d.evaluate.interface import Request
from lift3d.evaluate.scores.view_truth import GroundTruth, prediction_mesh
from lift3d.evaluate.scores.visible_surface import compare_visible
from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.metrics.solids import compare_surfaces, sample_mesh
from lift3d.inference.layered_depth import input_side, predict_layers
from lift3d.inference.network import open_network
from lift3d.inference.single_view import SingleViewPrediction, predict_view
from lift3d.maps.image_to_voxels import FUSED
from lift3d.train.data.layered_views import layered_sample
from lift3d.train.data.view_set import ViewSet

RESULTS = Path(__file__).resolve().parent / "results" / "layers.json"
NAMES = ("iou64", "f1", "visible_f1", "visible_normals", "volume")


def scores(prediction: SingleViewPrediction, truth: GroundTruth, level: float) -> list[float]:
    """IoU at 64 voxels, F at 1 %, F and normal consistency of the visible half, and the ratio of volumes."""
    full, true = truth.full_voxels(prediction, level)[64], truth.voxels[64]
    mesh = prediction_mesh(prediction, truth.view.frame, level)
    if mesh is None:
        return [iou(full, true), 0.0, 0.0, 0.0, 0.0]
    samples = sample_mesh(*mesh)
    whole = compare_surfaces(samples, truth.surface)
    seen = compare_visible(samples, truth.surface, truth.view.frame.camera(128), shifted=True)
    return [
        iou(full, true),
        whole.f_score,
        seen.f_score,
        seen.normal_consistency,
        full.sum() / max(true.sum(), 1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--limit", type=int, default=150)
    options = parser.parse_args()
    request = Request("image_to_layers", options.corpus, options.pictures, limit=options.limit)
    alone = evaluate_image_to_layers(request)
    print("\n".join(alone.lines))
    corpus = Corpus(options.corpus)
    test = ViewSet(options.pictures, corpus, "test")
    voxels, layers = open_network("image_to_voxels"), open_network("image_to_layers")
    found, card = voxels.found, layers.found
    rows: dict[str, list[list[float]]] = {"voxels alone": [], "with the visible surface": []}
    categories = []
    for k, case in enumerate(photo_cases(test, options.limit)):
        truth, frame = GroundTruth(test, case.view), case.view.frame
        plain = predict_view(voxels, case.images[:1]).fill_silhouette(found.threshold)
        image = layered_sample(test, case.view, input_side(card)).image
        fused = plain.with_layers(predict_layers(layers, image), image[3], found.threshold, frame, FUSED)
        for name, prediction in zip(rows, (plain, fused)):
            rows[name].append(scores(prediction, truth, found.threshold))
        categories.append(corpus.column("category")[case.view.shape])
        if k % 20 == 0:
            print(k, flush=True)
    sizes = Counter(categories)
    weight = np.array([1 / sizes[name] for name in categories])
    result: dict[str, Any] = {
        "weights": card.sha256,
        "pictures": len(categories),
        "alone": alone.table,
        "fused": {},
    }
    table = []
    for name, values in rows.items():
        held = np.array(values)
        mean, by = held[:, :4].mean(0), (held[:, :4] * weight[:, None]).sum(0) / weight.sum()
        volume = float(np.median(held[:, 4]))
        result["fused"][name] = dict(zip(NAMES, [*map(float, mean), volume]))
        table.append([name, *(f"{a:.3f} / {b:.3f}" for a, b in zip(mean, by)), round(volume, 2)])
        print(table[-1], flush=True)
    result["table"] = {
        "columns": [
            "prediction",
            "IoU",
            "F at 1 %",
            "F of the visible half",
            "its normals",
            "volume, median",
        ],
        "rows": table,
        "note": f"{len(categories)} shapes of the test split; means over objects / over categories; volume: predicted by true.",
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
