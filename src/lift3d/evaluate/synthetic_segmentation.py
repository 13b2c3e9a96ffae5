"""Table of `segmentation` of whole heads: Dice of each structure in pictures synthesised from label maps that were not trained
on, at the maps' own resolution, compared with the mean label map of the training maps as the baseline."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch

from lift3d.errors import InputError
from lift3d.evaluate.baselines.mean_labels import mean_label_map, mean_labels
from lift3d.evaluate.interface import Evaluation, Request
from lift3d.evaluate.scores.labels import dice
from lift3d.geometry.volume.orientation import canonical_spacing, from_canonical, to_canonical
from lift3d.inference.segmentation.segmenter import Segmenter
from lift3d.train.segmentation.cases import read_label_map
from lift3d.train.segmentation.dataset import label_files
from lift3d.train.segmentation.synthesis import TissueTable, synthesise
from lift3d.types.volumes import Labels, Volume
from lift3d.weights import find

CONTRASTS = 3
"""Pictures of each map."""


def evaluate_synthetic_segmentation(request: Request) -> Evaluation:
    """Mean Dice over maps and contrasts of each structure; a structure that is missed counts with 0. InputError where the weights
    were trained on all maps of the folder."""
    weights = request.weights or "segmentation"
    segmenter, stated = Segmenter.load(weights), find(weights).data_digest.get("cases", {})
    files = label_files(request.corpus)
    trained = set(stated.get("train", ()))
    chosen = [n for n in files if n not in trained][: request.limit]
    if not chosen:
        raise InputError(f"the weights were trained on all maps of {request.corpus}", "give other label maps")
    ids = segmenter.plan.ids
    known = [read_label_map(files[n]) for n in files if n in trained]
    maps = [read_label_map(files[n]) for n in chosen]
    table = TissueTable.of({k for labels in [*known, *maps] for k in labels.present})
    mean = mean_label_map((_grouped(labels, table) for labels in known), ids) if known else None
    network: list[list[float]] = []
    baseline: list[list[float]] = []
    seconds: list[float] = []
    for k, labels in enumerate(maps):
        truth = _grouped(labels, table)
        if mean is not None:
            found = mean_labels(mean, ids, labels)
            baseline.append([dice(found.ids == n, truth.ids == n) for n in ids])
        for contrast in range(CONTRASTS):
            volume, visible = picture(labels, table, np.random.default_rng([29, k, contrast]))
            started = time.perf_counter()
            predicted = segmenter.segment(volume, check=False).labels
            seconds.append(time.perf_counter() - started)
            scores = [dice(predicted.ids == n, truth.ids == n) for n in ids]
            network.append([s if v else float("nan") for s, v in zip(scores, visible[1:])])
            request.progress("pictures", (k * CONTRASTS + contrast + 1) / (len(maps) * CONTRASTS))
    columns = zip(segmenter.plan.names, np.array(network).T)
    by_structure = {n: float(np.nanmean(scores)) for n, scores in columns if not np.isnan(scores).all()}
    result: dict[str, Any] = {
        "maps": len(maps), "pictures": len(network), "seconds": float(np.median(seconds)),
        "dice": float(np.mean(list(by_structure.values()))), "by_structure": by_structure,
        "mean_label_map": float(np.nanmean(np.array(baseline))) if baseline else None,
    }  # fmt: skip
    lines = [
        f"{len(network)} pictures of {len(maps)} maps that were not trained on, {result['seconds']:.1f} s each"
    ]
    lines += [f"network          Dice {result['dice']:.3f}, mean over {len(by_structure)} structures"]
    if baseline:
        lines += [f"mean label map   Dice {result['mean_label_map']:.3f}"]
    lines += [f"  {name:<32} {value:.3f}" for name, value in by_structure.items()]
    return Evaluation("synthetic_segmentation", result, lines)


def picture(labels: Labels, table: TissueTable, rng: np.random.Generator) -> tuple[Volume, list[bool]]:
    """(a picture of a label map on its own grid, whether each class is visible in it)."""
    index = np.ascontiguousarray(to_canonical(table.indices(labels.ids), labels))
    image, stripped = synthesise(torch.from_numpy(index), 1, table, canonical_spacing(labels), rng)
    values = np.ascontiguousarray(from_canonical(image[0].numpy(), labels))
    shown = {int(c) for c, inside in zip(table.classes, table.inside) if inside or not stripped}
    return Volume.of(values, labels.affine, source=labels.source), [
        k in shown for k in range(int(table.classes.max()) + 1)
    ]


def _grouped(labels: Labels, table: TissueTable) -> Labels:
    """The classes of a label map as labels."""
    return Labels.of(table.classes[table.indices(labels.ids)], labels.affine)
