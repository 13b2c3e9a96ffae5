"""Table of `image_to_voxels`: reconstructions from one image of each test shape, by the network and by its baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.image_to_voxels import (
    CategoryMean,
    Gallery,
    NearestImage,
    NetworkPredictor,
    Oracle,
    SingleViewPredictor,
    network_features,
    pixel_features,
)
from lift3d.evaluate.cases.image_to_voxels import PhotoCase, photo_cases
from lift3d.evaluate.corruptions import robustness
from lift3d.evaluate.interface import Evaluation, Request
from lift3d.evaluate.scores.bootstrap import Columns, intervals, means
from lift3d.evaluate.scores.view_truth import GroundTruth, ViewScores
from lift3d.inference.networks import load_network
from lift3d.train.data.view_set import View, ViewSet
from lift3d.train.tasks.image_to_voxels import THRESHOLDS

GALLERY_STRIDE = 2
"""Ratio of the number of training images to the number of images in the gallery."""
VALIDATION_PICTURES = 120
"""Number of images of the validation split on which the threshold of each method is chosen."""
CORRUPTED_PICTURES = 150
"""Approximate number of images on which corruptions are measured."""
NETWORK = "network"
THREE_PHOTOS = "network, 3 images"


def evaluate_image_to_voxels(request: Request) -> Evaluation:
    """IoU, surface, depth and pose scores of each method, as means over objects and over categories with intervals, and the
    network's robustness to corruptions. With an output folder, a sheet of predictions is written."""
    corpus = Corpus(request.corpus)
    train, val = ViewSet(request.pictures, corpus, "train"), ViewSet(request.pictures, corpus, "val")
    test = val if request.split == "val" else ViewSet(request.pictures, corpus, request.split)
    net, cfg = load_network("image_to_voxels", request.weights)
    cases, chosen = photo_cases(test, request.limit), photo_cases(val, VALIDATION_PICTURES)
    methods = build_predictors(request, train, net, [c.view.shape for c in (*cases, *chosen)])
    thresholds = {name: best_threshold(method, val, chosen, name) for name, method in methods.items()}
    listing = ", ".join(f"{name} {threshold:.2f}" for name, threshold in thresholds.items())
    request.say(f"thresholds, chosen on validation: {listing}")
    scores: dict[str, list[ViewScores]] = {name: [] for name in methods}
    for k, case in enumerate(cases):
        truth = GroundTruth(test, case.view)
        for name, method in methods.items():
            images = case.images if name == THREE_PHOTOS else case.images[:1]
            scores[name].append(truth.score(method.predict(case.view, images), thresholds[name]))
        request.progress("test", (k + 1) / len(cases))
    columns = {name: score_columns(s) for name, s in scores.items()}
    categories, families = (
        [corpus.column(column)[c.view.shape] for c in cases] for column in ("category", "family")
    )
    table = summary(columns, categories, families)
    table["identity_up"] = float(np.median([tilt(c.view) for c in cases]))
    table |= {"searched": f"one in {GALLERY_STRIDE}", "chosen_on": len(chosen)}
    table |= {"levels": thresholds, "pictures": len(cases), "weights": cfg.sha256, "split": request.split}
    few = cases[:: max(1, len(cases) // CORRUPTED_PICTURES)]
    table["robustness"] = robustness(
        test, few, methods[NETWORK], thresholds[NETWORK], request.track("corruptions")
    )
    if request.output is not None:
        from lift3d.evaluate.sheets.image_to_voxels import write_sheet

        request.output.mkdir(parents=True, exist_ok=True)
        path = request.output / "image_to_voxels.png"
        write_sheet(path, test, cases, methods[NETWORK], thresholds[NETWORK], columns[NETWORK]["iou64"])
    return Evaluation("image_to_voxels", table, format_table(table))


def build_predictors(
    request: Request, train: ViewSet, net: torch.nn.Module, shapes: Sequence[int]
) -> dict[str, SingleViewPredictor]:
    """Row name -> method. shapes: the test shapes for which the oracle searches."""
    features = {"pixels": pixel_features, "code": network_features(net)}
    gallery = Gallery(train, features, GALLERY_STRIDE, request.track("gallery"))
    methods: dict[str, SingleViewPredictor] = {
        "mean shape of the true category": CategoryMean(train, request.track("means")),
        "nearest training image, pixels": NearestImage(gallery, "pixels"),
        "nearest training image, network features": NearestImage(gallery, "code"),
    }
    if request.baseline is not None:
        plain = load_network("image_to_voxels", request.baseline)[0]
        methods["plain encoder-decoder, 32^3"] = NetworkPredictor(plain, plain=True)
    methods[NETWORK] = methods[THREE_PHOTOS] = NetworkPredictor(net)
    methods["oracle: nearest training shape"] = Oracle(train, sorted(set(shapes)), request.track("oracle"))
    return methods


def best_threshold(
    method: SingleViewPredictor, solids: ViewSet, cases: Sequence[PhotoCase], name: str
) -> float:
    """The threshold with the largest mean IoU at 32 voxels along the longest side. name: the method's row."""
    total = np.zeros(len(THRESHOLDS))
    for case in cases:
        truth = GroundTruth(solids, case.view)
        prediction = method.predict(case.view, case.images if name == THREE_PHOTOS else case.images[:1])
        total += truth.iou_by_threshold(prediction, THRESHOLDS, 32)
    return float(THRESHOLDS[int(total.argmax())])


def tilt(view: View) -> float:
    """Degrees between the image's up direction and the object's: the error of the assumption that every photo is upright."""
    return float(np.degrees(np.arccos(np.clip(-view.to_view[1, 2], -1, 1))))


def score_columns(scores: Sequence[ViewScores]) -> Columns:
    """Score name -> one value per view."""
    return {
        "iou32": np.array([s.iou[32] for s in scores]),
        "iou64": np.array([s.iou[64] for s in scores]),
        "f1": np.array([s.surface.f_score for s in scores]),
        "chamfer": np.array([s.surface.chamfer for s in scores]),
        "normals": np.array([s.surface.normal_consistency for s in scores]),
        "depth_mae": np.array([s.depth_mae for s in scores]),
        "depth_mse": np.array([s.depth_mse for s in scores]),
        "up": np.array([s.up for s in scores]),
        "upright_iou64": np.array([s.upright for s in scores]),
    }


def summary(table: dict[str, Columns], categories: Sequence[str], families: Sequence[str]) -> dict[str, Any]:
    """Means over objects and over categories with intervals, by method; and the means of each category."""
    names = np.array(categories)
    out: dict[str, Any] = {"rows": {}, "categories": {}}
    for name, rows in table.items():
        out["rows"][name] = {
            "objects": means(rows, None), "categories": means(rows, names), "interval": intervals(rows, names, families),
            "up_median": float(np.median(rows["up"])),
        }  # fmt: skip
    for category in sorted(set(categories)):
        own = names == category
        out["categories"][category] = {"shapes": int(own.sum())} | {
            name: {k: float(rows[k][own].mean()) for k in ("iou64", "f1")} for name, rows in table.items()
        }
    return out


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text."""
    head = f"{'':<46}{'IoU 32':>8}{'IoU 64':>8}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}{'depth':>8}{'up':>7}"
    out = [
        f"{table['pictures']} images, one of each shape of the {table['split']} split; means over categories",
        head,
    ]
    for name, row in table["rows"].items():
        m = row["categories"]
        out.append(
            f"{name:<46}{m['iou32']:8.3f}{m['iou64']:8.3f}{m['f1']:8.3f}{m['chamfer']:9.4f}{m['normals']:9.3f}"
            f"{m['depth_mae']:8.3f}{row['up_median']:7.1f}"
        )
    out.append(f"up, if every photo is assumed upright: {table['identity_up']:.1f} degrees in the median")
    out.append(
        "with a corruption of the photo, IoU 64 over objects: "
        + ", ".join(f"{k} {v:.3f}" for k, v in table["robustness"].items())
    )
    return out
