"""Table of `segmentation`: Dice and surface distance of each label in volumes that were not trained on, compared with the mean
label map of the training volumes as the baseline."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from lift3d.errors import InputError
from lift3d.evaluate.baselines.mean_labels import mean_label_map, mean_labels
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.evaluate.scores.labels import dice_and_hd95
from lift3d.inference.segmentation.segmenter import Segmenter
from lift3d.train.segmentation.cases import load_case
from lift3d.train.segmentation.dataset import Case, open_dataset
from lift3d.types.volumes import Labels
from lift3d.weights import find

Scores = dict[str, list[tuple[float, float]]]
"""(Dice, HD95) of each case by the name of the label."""


def evaluate_segmentation(request: Request) -> Evaluation:
    """Means over cases of the Dice and HD95 in millimetres of each label, on the grid of each volume. The cases are those of the
    folder that the weights were not trained on, for the split "val" those alone that were held back. An empty prediction counts
    with a Dice of 0 and the diagonal of the volume, and is counted. InputError where no case remains."""
    weights = request.weights or "segmentation"
    segmenter, stated = Segmenter.load(weights), find(weights).data_digest.get("cases", {})
    cases = open_dataset(request.corpus).cases
    trained, held = (set(stated.get(name, ())) for name in ("train", "val"))
    unseen = [c for c in cases if c.name not in trained and (request.split != "val" or c.name in held)]
    if not unseen:
        raise InputError(
            f"the weights were trained on all cases of {request.corpus}",
            "give other cases, or train with fold=0",
        )
    plan = segmenter.plan
    known = [c for c in cases if c.name in trained - held]
    mean = mean_label_map((load_case(c)[1] for c in known), plan.ids) if known else None
    network: Scores = {name: [] for name in plan.names}
    baseline: Scores = {name: [] for name in plan.names}
    seconds: list[float] = []
    chosen = [unseen[int(k)] for k in evenly_spaced(len(unseen), request.limit)]
    by_case: dict[str, Any] = {}
    for k, case in enumerate(chosen):
        by_case[case.name] = _evaluate_case(case, segmenter, mean, network, baseline, seconds)
        request.progress("cases", (k + 1) / len(chosen))
    table: dict[str, Any] = {
        "split": request.split, "cases": len(chosen), "seconds": float(np.median(seconds)), "network": _means(network),
        "mean_label_map": _means(baseline) if mean is not None else {}, "by_case": by_case,
    }  # fmt: skip
    lines = [f"{len(chosen)} cases that were not trained on, {table['seconds']:.2f} s each"]
    lines += _rows("network", table["network"]) + _rows("mean label map", table["mean_label_map"])
    return Evaluation("segmentation", table, lines)


def _evaluate_case(
    case: Case, segmenter: Segmenter, mean: np.ndarray | None, network: Scores, baseline: Scores, seconds: list[float]
) -> dict[str, list[float]]:  # fmt: skip
    """Appends the scores of one case; returns those of the network by label."""
    volume, truth = load_case(case)
    started = time.perf_counter()
    found = segmenter.segment(volume, check=False).labels
    seconds.append(time.perf_counter() - started)
    plan = segmenter.plan
    out = {}
    for number, name in zip(plan.ids, plan.names):
        network[name].append(_scores(found, truth, number))
        out[name] = list(network[name][-1])
        if mean is not None:
            baseline[name].append(_scores(mean_labels(mean, plan.ids, truth), truth, number))
    return out


def _scores(found: Labels, truth: Labels, number: int) -> tuple[float, float]:
    return dice_and_hd95(found.ids == number, truth.ids == number, truth)


def _means(scores: Scores) -> dict[str, dict[str, float]]:
    """Mean Dice and HD95, least Dice, and number of missed structures of each label; labels that no case has are left out."""
    out = {}
    for name, pairs in scores.items():
        array = np.array([p for p in pairs if p[0] == p[0]])
        if len(array):
            out[name] = {
                "dice": float(array[:, 0].mean()), "hd95": float(array[:, 1].mean()), "least": float(array[:, 0].min()),
                "missed": float((array[:, 0] == 0).sum()),
            }  # fmt: skip
    return out


def _rows(title: str, means: dict[str, dict[str, float]]) -> list[str]:
    return [
        f"{title:<16} {name:<24} Dice {m['dice']:.3f} (least {m['least']:.3f}), HD95 {m['hd95']:.2f} mm, missed {m['missed']:.0f}"
        for name, m in means.items()
    ]
