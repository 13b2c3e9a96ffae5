"""The table of `voxels_to_label`: shapes of families it has never seen, upright and turned, beside what it has to beat."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.evaluate.baselines.classifier import (
    Features,
    Labeller,
    Nearest,
    Network,
    best_k,
    best_linear,
    best_plan,
    chunks,
)
from lift3d.evaluate.ensemble import best_weight, said_of
from lift3d.evaluate.scores.bootstrap import intervals
from lift3d.evaluate.sheets.confusion_matrix import matrix, write_confusions
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.inference.networks import load_network
from lift3d.io.files.atomic import write_bytes
from lift3d.maps.embedding_to_label import NAME as PLACES
from lift3d.maps.voxels_to_label import NAME
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.train.data.labelled_shapes import LabelledShapes
from lift3d.train.metrics import balanced_accuracy
from lift3d.weights import find

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
POSES = {"none": "upright", "up": "rotated about the vertical", "any": "any rotation"}
NET, PLAIN, NEAREST = "network", "plain, trained upright", "nearest shapes, raw voxels"
VIEWS, BOTH = "views and coloured solid", "network with views (lift3d classify)"
CHOOSING = 160
"""Shapes of the validation set on which it is fixed how a network is asked."""


def evaluate_labels(
    corpus: Path, weights: str | None, plain: str | None, split: str, limit: int | None, output: Path | None, say: Say,
    progress: Progress, others: Mapping[str, str] | None = None, features: Mapping[str, Features] | None = None,
    places: str | None = None,
) -> list[str]:  # fmt: skip
    """The table's lines. others: more networks, by the name of their row; features: of any network, for a linear machine;
    places: weights of `embedding_to_label`, which is asked about views of the models; the package's own beside the package's
    own network."""
    held = Corpus(corpus)
    net, found = _network(weights)
    names = found.require_labels()
    train, val = LabelledShapes(held, "train", names), LabelledShapes(held, "val", names)
    test = val if split == "val" else LabelledShapes(held, split, names)
    with torch.no_grad():
        who, told, plan = _labellers(net, plain, others or {}, features or {}, train, val, names, progress)
        say("fixed on validation: " + "; ".join(f"{name}: {text}" for name, text in told.items()))
        count = None if limit is None else min(limit, len(test))
        rows, said = _measured(who, test, count, progress)
    numbers = _numbers(test, count)
    beside = None
    if places is not None or (weights is None and _there()):
        joined, beside = _joined(net, plan, places, val, test, numbers, progress)
        rows |= joined
        told[BOTH] = f"the cells count {beside:g}, the views {1 - beside:g}"
        say(f"fixed on validation: {BOTH}: {told[BOTH]}")
    table = matrix(test.targets[numbers], said[NET], len(names))
    result = {
        "split": split, "shapes": len(numbers), "labels": list(names), "rows": rows, "told": told,
        "asked": asdict(plan), "beside": beside,
        "weights": found.sha256, "categories": per_category(table, names), "confusions": table.tolist(),
    }  # fmt: skip
    result["won_back"] = won_back(rows)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "classifier.json", (json.dumps(result, indent=1) + "\n").encode())
        write_confusions(output / "classifier.png", table, names)
    return lines(result)


def measures(
    right: NDArray[np.bool_], targets: NDArray[np.int64], families: list[str]
) -> dict[str, float | list[float]]:
    """Share that is right over objects and over categories, each with its interval by families."""
    hits = {"right": right.astype(float)}
    kinds = targets.astype(str)
    everywhere = intervals(hits, np.repeat("all", len(right)), families)["right"]
    return {
        "accuracy": float(right.mean()), "accuracy_interval": list(everywhere), "balanced": balanced_accuracy(right, targets),
        "balanced_interval": list(intervals(hits, kinds, families)["right"]),
    }  # fmt: skip


def per_category(table: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Of each category: shapes, share of them that is told, share of its answers that is right, what it is taken for most."""
    out: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(names):
        wrong = table[k].copy()
        wrong[k] = 0
        out[name] = {
            "shapes": int(table[k].sum()),
            "told": float(table[k, k] / table[k].sum()) if table[k].sum() else None,
            "right": float(table[k, k] / table[:, k].sum()) if table[:, k].sum() else None,
            "taken_for": names[int(wrong.argmax())] if wrong.any() else None,
        }
    return out


def won_back(rows: dict[str, Any]) -> float | None:
    """Of what the plain network loses when things are turned in any way, the share that the network does not."""
    if PLAIN not in rows:
        return None
    whole, lost = (rows[PLAIN][kind]["accuracy"] for kind in ("none", "any"))
    return (rows[NET]["any"]["accuracy"] - lost) / (whole - lost) if whole > lost else None


def lines(result: dict[str, Any]) -> list[str]:
    """For people."""
    out = [
        f"{result['shapes']} shapes of the {result['split']} split, {len(result['labels'])} categories; share that is told "
        "right over shapes / over categories",
        f"{'':<36} " + "".join(f"{POSES[kind]:>28}" for kind in POSES),
    ]
    for name, row in result["rows"].items():
        cells = [
            f"{row[kind]['accuracy']:.3f} / {row[kind]['balanced']:.3f}" if kind in row else "-"
            for kind in POSES
        ]
        out.append(f"{name:<36} " + "".join(f"{cell:>28}" for cell in cells))
    if result["won_back"] is not None:
        out.append(
            f"of what the plain network loses when turned in any way, {result['won_back']:.0%} is won back"
        )
    return out


def _network(weights: str | Path | None) -> tuple[VoxelClassifier | PointNet, Any]:
    net, found = load_network(NAME, weights)
    assert isinstance(net, VoxelClassifier | PointNet)
    return net, found


def _labellers(
    net: VoxelClassifier | PointNet, plain: str | None, others: Mapping[str, str], features: Mapping[str, Features],
    train: LabelledShapes, val: LabelledShapes, names: tuple[str, ...], progress: Progress,
) -> tuple[dict[str, Labeller], dict[str, str], TestTimeAugmentation]:  # fmt: skip
    """All that are compared, what was fixed for each, and how the network is asked."""
    near = Nearest(train, progress=partial(progress, "cells"))
    near.k = best_k(near, val)
    who: dict[str, Labeller] = {NEAREST: near}
    told = {NEAREST: f"k = {near.k}"}
    for name, of in features.items():
        who[name], strength = best_linear(of, train, val, partial(progress, name))
        told[name] = f"strength {strength:g}"
    plan = TestTimeAugmentation()
    nets = {**({} if plain is None else {PLAIN: plain}), **others}
    for name, weights in [*nets.items(), (NET, None)]:
        one = net
        if weights is not None:
            one, found = _network(weights)
            if found.require_labels() != names:
                raise InputError(
                    f"{weights} tells other categories apart", "compare networks of the same corpus"
                )
        plan = best_plan(one, val, CHOOSING, partial(progress, f"asking {name}"))
        who[name] = Network(one, plan)
        around = "quarter turns and mirrors" if plan.symmetries else "once"
        told[name] = f"{plan.poses} poses, {around}, staying is worth {plan.identity_bias:g}"
    return who, told, plan


def _there() -> bool:
    """Whether the package holds weights for the kinds of places."""
    try:
        find(PLACES)
    except InputError:
        return False
    return True


def _joined(
    net: VoxelClassifier | PointNet, plan: TestTimeAugmentation, weights: str | None, val: LabelledShapes,
    test: LabelledShapes, numbers: list[int],
    progress: Progress,
) -> tuple[dict[str, Any], float]:  # fmt: skip
    """Rows of views alone and of both, upright and turned in any way, and how much the cells count beside the views."""
    judge = EmbeddingClassifier(weights)
    told = judge.found.config.get("embedding")
    space = EmbeddingNetwork(None if told in (None, "embedding") else str(told))
    judge.require(space.name)
    some = _numbers(val, min(CHOOSING, len(val)))
    kinds = ("none", "any")
    held = [
        said_of(net, plan, judge, space, val, kind, some, partial(progress, f"views, {kind}"))
        for kind in kinds
    ]
    weight = best_weight(held, val.targets[some])
    rows: dict[str, Any] = {VIEWS: {}, BOTH: {}}
    families = [test.families[i] for i in numbers]
    for kind in kinds:
        said = said_of(
            net, plan, judge, space, test, kind, numbers, partial(progress, f"views, test, {POSES[kind]}")
        )
        for name, share in ((VIEWS, 0.0), (BOTH, weight)):
            right = said.right(test.targets[numbers], share)
            rows[name][kind] = measures(right, test.targets[numbers], families)
    return rows, weight


def _numbers(test: LabelledShapes, count: int | None) -> list[int]:
    """Of the shapes that are looked at."""
    wanted = range(len(test)) if count is None else np.linspace(0, len(test) - 1, count).astype(int)
    return [int(i) for i in wanted]


def _measured(
    who: Mapping[str, Labeller], test: LabelledShapes, count: int | None, progress: Progress
) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
    """Measures by row and pose, and what each says of the upright shapes."""
    rows: dict[str, Any] = {name: {} for name in who}
    upright: dict[str, NDArray[np.int64]] = {}
    numbers = _numbers(test, count)
    families = [test.families[i] for i in numbers] if count is not None else test.families
    for kind in POSES:
        said: dict[str, list[NDArray[np.int64]]] = {name: [] for name in who}
        for _, share in chunks(test, kind, partial(progress, f"test, {POSES[kind]}"), count):
            for name, labeller in who.items():
                said[name].append(labeller(share).argmax(1).numpy())
        for name in who:
            answers = np.concatenate(said[name])
            rows[name][kind] = measures(answers == test.targets[numbers], test.targets[numbers], families)
            if kind == "none":
                upright[name] = answers
    return rows, upright
