"""Table of `voxels_to_label` and its baselines: accuracy of the categories of test shapes, upright and rotated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.evaluate.baselines.classifier import (
    Classifier,
    Features,
    NearestNeighbours,
    NetworkClassifier,
    choose_augmentation,
    choose_k,
    choose_linear_svm,
    rotated_batches,
)
from lift3d.evaluate.ensemble import Ensemble, best_weight
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.evaluate.scores.bootstrap import intervals
from lift3d.evaluate.sheets.confusion_matrix import confusion_matrix, write_confusions
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier, embedding_of
from lift3d.inference.networks import load_network
from lift3d.inference.upright import has_poses, pose_weights
from lift3d.maps.embedding_to_label import NAME as EMBEDDING_TO_LABEL
from lift3d.maps.voxels_to_label import NAME
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.train.data.labelled_shapes import LabelledShapes
from lift3d.train.launch import corpus_of
from lift3d.train.metrics import balanced_accuracy
from lift3d.weights import PretrainedCfg, find

POSES = {"none": "upright", "up": "rotated about the vertical", "any": "any rotation"}
NETWORK, PLAIN, NEAREST = "network", "plain, trained upright", "nearest shapes, raw voxels"
VIEWS, ENSEMBLE = "views, on the backbone", "network with views (lift3d classify)"
VALIDATION_SHAPES = 160
"""Number of shapes of the validation split on which test-time augmentation and ensemble weight are chosen."""


def evaluate_classifier(
    request: Request, *, others: Mapping[str, str] | None = None, features: Mapping[str, Features] | None = None,
    embedding_weights: str | None = None,
) -> Evaluation:  # fmt: skip
    """Accuracy over shapes and over categories, upright and rotated, and the confusion matrix of the network.

    others: row name -> weights of further networks. features: row name -> features for a linear SVM. embedding_weights: of
    `embedding_to_label`, for the rows with rendered views; None: the packaged weights, and these rows for the packaged network
    alone. With an output folder, the confusion matrix is drawn."""
    corpus = Corpus(corpus_of(request.corpus))
    net, cfg = _load(request.weights)
    names = cfg.require_labels()
    train, val = LabelledShapes(corpus, "train", names), LabelledShapes(corpus, "val", names)
    test = val if request.split == "val" else LabelledShapes(corpus, request.split, names)
    with torch.no_grad():
        networks = {**({} if request.baseline is None else {PLAIN: request.baseline}), **(others or {})}
        methods, settings, augmentation = _methods(request, net, networks, features or {}, train, val)
        request.say("chosen on validation: " + "; ".join(f"{k}: {text}" for k, text in settings.items()))
        count = None if request.limit is None else min(request.limit, len(test))
        rows, predicted = _score(request, methods, test, count)
    indices, weight = evenly_spaced(len(test), count).tolist(), None
    if embedding_weights is not None or (request.weights is None and _is_packaged(EMBEDDING_TO_LABEL)):
        more, weight = ensemble_rows(request, net, augmentation, embedding_weights, val, test, indices)
        rows |= more
        settings[ENSEMBLE] = f"weight of the voxels {weight:g}, of the views {1 - weight:g}"
        request.say(f"chosen on validation: {ENSEMBLE}: {settings[ENSEMBLE]}")
    confusions = confusion_matrix(test.targets[indices], predicted[NETWORK], len(names))
    table = {
        "split": request.split, "shapes": len(indices), "labels": list(names), "rows": rows, "told": settings,
        "asked": asdict(augmentation), "beside": weight, "weights": cfg.sha256,
        "categories": per_category(confusions, names), "confusions": confusions.tolist(),
        "won_back": recovered_fraction(rows),
    }  # fmt: skip
    if request.output is not None:
        request.output.mkdir(parents=True, exist_ok=True)
        write_confusions(request.output / "classifier.png", confusions, names)
    return Evaluation("classifier", table, format_table(table))


def accuracy_scores(
    right: NDArray[np.bool_], targets: NDArray[np.int64], families: list[str]
) -> dict[str, float | list[float]]:
    """Accuracy over shapes, and balanced over categories, each with its 95 % interval. right (N,): whether each prediction is
    correct; families (N,): groups that the bootstrap resamples whole."""
    hits = {"right": right.astype(float)}
    overall = intervals(hits, np.repeat("all", len(right)), families)["right"]
    return {
        "accuracy": float(right.mean()), "accuracy_interval": list(overall),
        "balanced": balanced_accuracy(right, targets),
        "balanced_interval": list(intervals(hits, targets.astype(str), families)["right"]),
    }  # fmt: skip


def per_category(table: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """For each category, from a confusion matrix (K, K): number of shapes, recall ("told"), precision ("right"), and the category
    with which it is most often confused ("taken_for"); None where undefined."""
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


def recovered_fraction(rows: dict[str, Any]) -> float | None:
    """Of the accuracy that the plain network loses in random rotations, the fraction that the network does not lose; None without
    a plain network or without such a loss."""
    if PLAIN not in rows:
        return None
    upright, rotated = (rows[PLAIN][pose]["accuracy"] for pose in ("none", "any"))
    if upright <= rotated:
        return None
    return float((rows[NETWORK]["any"]["accuracy"] - rotated) / (upright - rotated))


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text; a dash where a method was not measured in a pose."""
    out = [
        f"{table['shapes']} shapes of the {table['split']} split, {len(table['labels'])} categories; accuracy over "
        "shapes / over categories",
        f"{'':<36} " + "".join(f"{POSES[pose]:>28}" for pose in POSES),
    ]
    for name, row in table["rows"].items():
        columns = [
            f"{row[pose]['accuracy']:.3f} / {row[pose]['balanced']:.3f}" if pose in row else "-"
            for pose in POSES
        ]
        out.append(f"{name:<36} " + "".join(f"{column:>28}" for column in columns))
    if table["won_back"] is not None:
        out.append(
            f"the network recovers {table['won_back']:.0%} of the accuracy that the plain network loses in any rotation"
        )
    return out


def _load(weights: str | None) -> tuple[VoxelClassifier | PointNet, PretrainedCfg]:
    net, cfg = load_network(NAME, weights)
    assert isinstance(net, VoxelClassifier | PointNet)
    return net, cfg


def _methods(
    request: Request, net: VoxelClassifier | PointNet, networks: Mapping[str, str], features: Mapping[str, Features],
    train: LabelledShapes, val: LabelledShapes,
) -> tuple[dict[str, Classifier], dict[str, str], TestTimeAugmentation]:  # fmt: skip
    """Row name -> method; row name -> settings chosen on validation; the network's test-time augmentation."""
    nearest = NearestNeighbours(train, progress=request.track("voxels"))
    nearest.k = choose_k(nearest, val)
    methods: dict[str, Classifier] = {NEAREST: nearest}
    settings = {NEAREST: f"k = {nearest.k}"}
    for name, of in features.items():
        methods[name], strength = choose_linear_svm(of, train, val, request.track(name))
        settings[name] = f"regularisation {strength:g}"
    augmentation = TestTimeAugmentation()
    for name, weights in [*networks.items(), (NETWORK, None)]:
        one = net
        if weights is not None:
            one, cfg = _load(weights)
            if cfg.require_labels() != train.names:
                raise InputError(f"{weights} has other categories", "compare networks of the same corpus")
        augmentation = choose_augmentation(
            one, val, VALIDATION_SHAPES, request.track(f"augmentation of {name}")
        )
        methods[name] = NetworkClassifier(one, augmentation)
        symmetries = "90-degree rotations and reflections" if augmentation.symmetries else "no symmetries"
        settings[name] = (
            f"{augmentation.poses} poses, {symmetries}, bias of the given pose {augmentation.identity_bias:g}"
        )
    return methods, settings, augmentation


def _is_packaged(name: str) -> bool:
    """Whether the package contains weights of this name."""
    try:
        find(name)
    except InputError:
        return False
    return True


def ensemble_rows(
    request: Request, net: VoxelClassifier | PointNet, augmentation: TestTimeAugmentation, weights: str | None,
    val: LabelledShapes, test: LabelledShapes, indices: list[int],
) -> tuple[dict[str, Any], float]:  # fmt: skip
    """The rows of the views alone and of the ensemble, for upright and for randomly rotated shapes, and the weight of the
    voxels. weights: of `embedding_to_label`; None: the packaged ones."""
    classifier = EmbeddingClassifier(weights)
    embedding = EmbeddingNetwork(embedding_of(classifier.found))
    classifier.require(embedding.name)
    judges = pose_weights(classifier.found) if has_poses(net) else None
    ensemble = Ensemble(net, augmentation, classifier, embedding, judges)
    some = evenly_spaced(len(val), VALIDATION_SHAPES).tolist()
    poses = ("none", "any")
    outputs = [ensemble.predict(val, pose, some, request.track(f"views, {pose}")) for pose in poses]
    weight = best_weight(outputs, val.targets[some])
    rows: dict[str, Any] = {VIEWS: {}, ENSEMBLE: {}}
    families = [test.families[i] for i in indices]
    for pose in poses:
        output = ensemble.predict(test, pose, indices, request.track(f"views, test, {POSES[pose]}"))
        for name, voxel_weight in ((VIEWS, 0.0), (ENSEMBLE, weight)):
            right = output.correct(test.targets[indices], voxel_weight)
            rows[name][pose] = accuracy_scores(right, test.targets[indices], families)
    return rows, weight


def _score(
    request: Request, methods: Mapping[str, Classifier], test: LabelledShapes, count: int | None
) -> tuple[dict[str, Any], dict[str, NDArray[np.int64]]]:
    """Row name -> pose -> scores; row name -> predicted labels of the upright shapes."""
    rows: dict[str, Any] = {name: {} for name in methods}
    upright: dict[str, NDArray[np.int64]] = {}
    indices = evenly_spaced(len(test), count).tolist()
    families = [test.families[i] for i in indices] if count is not None else test.families
    for pose in POSES:
        blocks: dict[str, list[NDArray[np.int64]]] = {name: [] for name in methods}
        for _, batch in rotated_batches(test, pose, request.track(f"test, {POSES[pose]}"), count):
            for name, method in methods.items():
                blocks[name].append(method(batch).argmax(1).numpy())
        for name in methods:
            predicted = np.concatenate(blocks[name])
            right = predicted == test.targets[indices]
            rows[name][pose] = accuracy_scores(right, test.targets[indices], families)
            if pose == "none":
                upright[name] = predicted
    return rows, upright
