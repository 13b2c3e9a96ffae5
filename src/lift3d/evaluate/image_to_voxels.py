"""The table of `image_to_voxels`: one picture of each test shape, guessed by the network and by what it has to beat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.image_to_voxels import (
    Gallery,
    Guesser,
    Mean,
    Nearest,
    Network,
    Oracle,
    codes,
    pixels,
)
from lift3d.evaluate.cases.image_to_voxels import Case, cases_of
from lift3d.evaluate.corruptions import robustness
from lift3d.evaluate.scores.bootstrap import Rows, intervals, means
from lift3d.evaluate.scores.view_truth import Score, Truth
from lift3d.inference.networks import load_network
from lift3d.io.files.atomic import write_bytes
from lift3d.train.data.view_set import View, ViewSet
from lift3d.train.tasks.image_to_voxels import THRESHOLDS

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
EVERY = 2
"""One of so many training pictures is searched."""
CHOOSING = 120
"""Pictures of the validation set on which each guesser's threshold is fixed."""
SPOILT = 150
"""Pictures that are spoilt to see what faults cost, about."""
NET = "network"
SEVERAL = "network, 3 images"


def evaluate_voxels(
    corpus: Path, pictures: Path, weights: str | None, plain: str | None, split: str, limit: int | None,
    output: Path | None, say: Say, progress: Progress,
) -> list[str]:  # fmt: skip
    """The table's lines, object-weighted and category-weighted with intervals."""
    held = Corpus(corpus)
    train, val = ViewSet(pictures, held, "train"), ViewSet(pictures, held, "val")
    test = val if split == "val" else ViewSet(pictures, held, split)
    net, found = load_network("image_to_voxels", weights)
    cases = cases_of(test, limit)
    choosing = cases_of(val, CHOOSING)
    who = guessers(train, net, plain, [c.view.shape for c in (*cases, *choosing)], progress)
    levels = {name: best_level(guesser, val, choosing, name) for name, guesser in who.items()}
    say(
        "thresholds, fixed on validation: "
        + ", ".join(f"{name} {level:.2f}" for name, level in levels.items())
    )
    scores: dict[str, list[Score]] = {name: [] for name in who}
    for number, case in enumerate(cases):
        truth = Truth(test, case.view)
        for name, guesser in who.items():
            seen = case.pictures if name == SEVERAL else case.pictures[:1]
            scores[name].append(truth.score(guesser.guess(case.view, seen), levels[name]))
        progress("test", (number + 1) / len(cases))
    categories = [held.column("category")[c.view.shape] for c in cases]
    table = {name: rows_of(s) for name, s in scores.items()}
    result = summary(table, categories, [held.column("family")[c.view.shape] for c in cases])
    result["identity_up"] = float(np.median([tilt(c.view) for c in cases]))
    result |= {"searched": f"one in {EVERY}", "chosen_on": len(choosing)}
    result |= {"levels": levels, "pictures": len(cases), "weights": found.sha256, "split": split}
    few = cases[:: max(1, len(cases) // SPOILT)]
    result["robustness"] = robustness(test, few, who[NET], levels[NET], lambda f: progress("faults", f))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "image_to_voxels.json", (json.dumps(result, indent=1) + "\n").encode())
        from lift3d.evaluate.sheets.image_to_voxels import write_sheet

        write_sheet(output / "image_to_voxels.png", test, cases, who[NET], levels[NET], table[NET]["iou64"])
    return lines(result)


def guessers(
    train: ViewSet, net: Any, plain: str | None, shapes: Sequence[int], progress: Progress
) -> dict[str, Guesser]:
    """All that are compared, by the name of their row."""
    gallery = Gallery(train, {"pixels": pixels, "code": codes(net)}, EVERY, lambda f: progress("gallery", f))
    who: dict[str, Guesser] = {
        "mean shape of the true category": Mean(train, lambda f: progress("means", f)),
        "nearest training image, pixels": Nearest(gallery, "pixels"),
        "nearest training image, network features": Nearest(gallery, "code"),
    }
    if plain is not None:
        who["plain encoder-decoder, 32^3"] = Network(load_network("image_to_voxels", plain)[0], plain=True)
    who[NET] = who[SEVERAL] = Network(net)
    who["oracle: nearest training shape"] = Oracle(
        train, sorted(set(shapes)), lambda f: progress("oracle", f)
    )
    return who


def best_level(guesser: Guesser, solids: ViewSet, cases: Sequence[Case], name: str) -> float:
    """The threshold with the largest mean overlap at 32 cells."""
    hits = np.zeros(len(THRESHOLDS))
    for case in cases:
        truth = Truth(solids, case.view)
        guess = guesser.guess(case.view, case.pictures if name == SEVERAL else case.pictures[:1])
        hits += truth.overlaps(guess, THRESHOLDS, 32)
    return float(THRESHOLDS[int(hits.argmax())])


def tilt(view: View) -> float:
    """Degrees between the photo's own up and the thing's: what standing it as it was seen would be wrong by."""
    return float(np.degrees(np.arccos(np.clip(-view.to_view[1, 2], -1, 1))))


def rows_of(scores: Sequence[Score]) -> Rows:
    """Columns by name."""
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


def summary(table: dict[str, Rows], categories: Sequence[str], families: Sequence[str]) -> dict[str, Any]:
    """Means by object and by category, intervals by families drawn again, and every category's own."""
    names = np.array(categories)
    out: dict[str, Any] = {"rows": {}, "categories": {}}
    for name, rows in table.items():
        out["rows"][name] = {
            "objects": means(rows, None), "categories": means(rows, names), "interval": intervals(rows, names, families),
            "up_median": float(np.median(rows["up"])),
        }  # fmt: skip
    for category in sorted(set(categories)):
        mine = names == category
        out["categories"][category] = {"shapes": int(mine.sum())} | {
            name: {k: float(rows[k][mine].mean()) for k in ("iou64", "f1")} for name, rows in table.items()
        }
    return out


def lines(result: dict[str, Any]) -> list[str]:
    """The table for a person."""
    head = f"{'':<46}{'IoU 32':>8}{'IoU 64':>8}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}{'depth':>8}{'up':>7}"
    out = [
        f"{result['pictures']} pictures, one of each shape of the {result['split']} split; means over categories",
        head,
    ]
    for name, row in result["rows"].items():
        m = row["categories"]
        out.append(
            f"{name:<46}{m['iou32']:8.3f}{m['iou64']:8.3f}{m['f1']:8.3f}{m['chamfer']:9.4f}{m['normals']:9.3f}"
            f"{m['depth_mae']:8.3f}{row['up_median']:7.1f}"
        )
    out.append(f"up, as the photo has it: {result['identity_up']:.1f} degrees in the median")
    out.append(
        "with a fault of the photo, IoU 64 over objects: "
        + ", ".join(f"{k} {v:.3f}" for k, v in result["robustness"].items())
    )
    return out
