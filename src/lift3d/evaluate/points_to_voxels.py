"""The table of `points_to_voxels`: test shapes cut by a plane and seen from one side, completed by the network and by what it has
to beat. Surfaces are compared with the true mesh, without what lies buried inside (geometry/metrics/solids.py)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.completion import Closed, Completer, Nearest, Network
from lift3d.evaluate.cases.completion import Broken, broken
from lift3d.evaluate.partial_views import KINDS
from lift3d.evaluate.scores.bootstrap import Rows, intervals, means
from lift3d.geometry.metrics.solids import (
    WORST_SCORES,
    SampledSurface,
    SurfaceScores,
    compare_surfaces,
    sample_mesh,
)
from lift3d.inference.networks import load_network
from lift3d.io.files.atomic import write_bytes
from lift3d.maps.points_to_voxels import NAME
from lift3d.pipelines.complete import Options
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F64, Mesh

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
EVERY = 4
"""One of so many training shapes is searched."""
RESOLUTION = Options().resolution
"""Steps of the surfaces that are made."""
MOST = 80
"""Shapes, unless the user says otherwise: surfaces are made anew for every row."""
PART, MIRROR, NET = "the part, closed", "mirrored and closed", "network"
NEAREST = "nearest training shape and the part"
WANTED = 1.3
"""Times the F-score of MIRROR."""


def evaluate_completion(
    corpus: Path, weights: str | None, split: str, limit: int | None, output: Path | None, say: Say,
    progress: Progress, only: tuple[str, ...] = (PART, MIRROR, NEAREST, NET),
) -> list[str]:  # fmt: skip
    """The table's lines, for those of its rows that are wanted."""
    held = Corpus(corpus)
    test, found = ShapeSet(held, split, "levels"), load_network(NAME, weights)[1]
    net = Network(weights, RESOLUTION)
    made: dict[str, Callable[[], Completer]] = {
        PART: lambda: Closed(False),
        MIRROR: lambda: Closed(True),
        NEAREST: lambda: Nearest(
            ShapeSet(held, "train", "levels"),
            EVERY,
            RESOLUTION,
            lambda fraction: progress("gallery", fraction),
        ),
        NET: lambda: net,
    }
    who = {name: made[name]() for name in only}
    shapes = test.numbers[np.unique(np.linspace(0, len(test) - 1, min(limit or MOST, len(test))).astype(int))]
    cases = [b for s in shapes for kind in KINDS if (b := broken(held, int(s), kind)) is not None]
    scores: dict[str, list[SurfaceScores]] = {name: [] for name in who}
    for number, case in enumerate(cases):
        for name, completer in who.items():
            scores[name].append(score(completer.complete(case.part), case.truth))
        progress("test", (number + 1) / len(cases))
    result = summary(held, cases, scores)
    result |= {"split": split, "weights": found.sha256, "searched": f"one in {EVERY}"}
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "completion.json", (json.dumps(result, indent=1) + "\n").encode())
    if output is not None and NET in who:
        from lift3d.evaluate.sheets.completion import write_sheet

        write_sheet(output / "completion.png", cases, net, np.array([s.f_score for s in scores[NET]]))
    for kind, ratio in result["ratio"].items():
        say(f"{kind}: {ratio:.2f} times the F-score of {MIRROR}; {WANTED} is wanted")
    return lines(result)


def score(mesh: Mesh, truth: SampledSurface) -> SurfaceScores:
    """Of a completed mesh."""
    if not len(mesh.faces):
        return WORST_SCORES
    v: F64 = np.asarray(mesh.vertices, np.float64)
    return compare_surfaces(sample_mesh(v, np.asarray(mesh.faces)), truth)


def summary(corpus: Corpus, cases: list[Broken], scores: dict[str, list[SurfaceScores]]) -> dict[str, Any]:
    """By how the shapes were broken: means over objects and over categories with intervals; the network's F-score in that of
    the mirror."""
    category, family = corpus.column("category"), corpus.column("family")
    out: dict[str, Any] = {"cases": len(cases), "rows": {}, "ratio": {}}
    for kind in KINDS:
        mine = [k for k, case in enumerate(cases) if case.kind == kind]
        if not mine:
            continue
        names = np.array([category[cases[k].shape] for k in mine])
        families = [family[cases[k].shape] for k in mine]
        for name, held in scores.items():
            rows: Rows = {
                "f1": np.array([held[k].f_score for k in mine]),
                "chamfer": np.array([held[k].chamfer for k in mine]),
                "normals": np.array([held[k].normal_consistency for k in mine]),
            }
            out["rows"].setdefault(kind, {})[name] = {
                "objects": means(rows, None), "categories": means(rows, names),
                "interval": intervals(rows, names, families), "f1": [round(float(x), 4) for x in rows["f1"]],
            }  # fmt: skip
        table = out["rows"][kind]
        if NET in table and MIRROR in table:
            out["ratio"][kind] = table[NET]["categories"]["f1"] / max(table[MIRROR]["categories"]["f1"], 1e-9)
    out["shapes"] = [cases[k].shape for k in range(len(cases))]
    return out


def lines(result: dict[str, Any]) -> list[str]:
    """The table for a person."""
    out = [
        f"{result['cases']} partial surfaces of shapes of the {result['split']} split; means over categories"
    ]
    for kind, rows in result["rows"].items():
        out.append(f"{kind:<40}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}{'F, objects':>12}")
        for name, row in rows.items():
            m = row["categories"]
            out.append(
                f"  {name:<38}{m['f1']:8.3f}{m['chamfer']:9.4f}{m['normals']:9.3f}{row['objects']['f1']:12.3f}"
            )
    return out
