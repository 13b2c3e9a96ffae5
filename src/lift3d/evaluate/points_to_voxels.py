"""Table of `points_to_voxels`: test shapes cut by a plane or seen from one side, completed by the network and by its baselines.
Surfaces are compared with the true mesh without the faces inside it (geometry/metrics/solids.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.baselines.completion import CloseHoles, Completer, NearestShape, NetworkCompleter
from lift3d.evaluate.cases.completion import PartialShape, make_partial_shape
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.evaluate.partial_views import MODES
from lift3d.evaluate.scores.bootstrap import Columns, intervals, means
from lift3d.geometry.metrics.solids import (
    WORST_SCORES,
    SampledSurface,
    SurfaceScores,
    compare_surfaces,
    sample_mesh,
)
from lift3d.inference.networks import load_network
from lift3d.maps.points_to_voxels import NAME
from lift3d.pipelines.complete import Options
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F64, Mesh

GALLERY_STRIDE = 4
"""Ratio of the number of training shapes to the number of shapes in the gallery."""
RESOLUTION = Options().resolution
"""Voxels along the longest side of the new surfaces."""
DEFAULT_SHAPES = 80
"""Number of shapes if no limit is given; few, because every row computes all surfaces again."""
CLOSED, REFLECTED, NETWORK = "the part, closed", "mirrored and closed", "network"
NEAREST = "nearest training shape and the part"
TARGET_RATIO = 1.3
"""Target of the ratio between the F-scores of the network and of `REFLECTED`."""


def evaluate_points_to_voxels(
    request: Request, only: tuple[str, ...] = (CLOSED, REFLECTED, NEAREST, NETWORK)
) -> Evaluation:
    """F-score, Chamfer distance and normal consistency of the methods named in `only`, for each mode of partial surfaces. With an
    output folder, a sheet of completed shapes is written."""
    corpus = Corpus(request.corpus)
    test, cfg = ShapeSet(corpus, request.split, "levels"), load_network(NAME, request.weights)[1]
    network = NetworkCompleter(request.weights, RESOLUTION)
    build: dict[str, Callable[[], Completer]] = {
        CLOSED: lambda: CloseHoles(False),
        REFLECTED: lambda: CloseHoles(True),
        NEAREST: lambda: NearestShape(
            ShapeSet(corpus, "train", "levels"), GALLERY_STRIDE, RESOLUTION, request.track("gallery")
        ),
        NETWORK: lambda: network,
    }
    methods = {name: build[name]() for name in only}
    shapes = test.numbers[np.unique(evenly_spaced(len(test), request.limit or DEFAULT_SHAPES))]
    cases = [
        c for s in shapes for mode in MODES if (c := make_partial_shape(corpus, int(s), mode)) is not None
    ]
    scores: dict[str, list[SurfaceScores]] = {name: [] for name in methods}
    for k, case in enumerate(cases):
        for name, method in methods.items():
            scores[name].append(score_completion(method.complete(case.part), case.truth))
        request.progress("test", (k + 1) / len(cases))
    table = summary(corpus, cases, scores)
    table |= {"split": request.split, "weights": cfg.sha256, "searched": f"one in {GALLERY_STRIDE}"}
    if request.output is not None and NETWORK in methods:
        from lift3d.evaluate.sheets.completion import write_sheet

        request.output.mkdir(parents=True, exist_ok=True)
        values = np.array([s.f_score for s in scores[NETWORK]])
        write_sheet(request.output / "completion.png", cases, network, values)
    for mode, ratio in table["ratio"].items():
        request.say(f"{mode}: {ratio:.2f} times the F-score of {REFLECTED}; the target is {TARGET_RATIO}")
    return Evaluation("completion", table, format_table(table))


def score_completion(mesh: Mesh, truth: SampledSurface) -> SurfaceScores:
    """Scores of a completed mesh against the true surface; the worst scores for an empty mesh."""
    if not len(mesh.faces):
        return WORST_SCORES
    v: F64 = np.asarray(mesh.vertices, np.float64)
    return compare_surfaces(sample_mesh(v, np.asarray(mesh.faces)), truth)


def summary(
    corpus: Corpus, cases: list[PartialShape], scores: dict[str, list[SurfaceScores]]
) -> dict[str, Any]:
    """For each mode, the means over objects and over categories with intervals, by method, and the ratio of the F-scores of the
    network and of the reflected part."""
    category, family = corpus.column("category"), corpus.column("family")
    out: dict[str, Any] = {"cases": len(cases), "rows": {}, "ratio": {}}
    for mode in MODES:
        chosen = [k for k, case in enumerate(cases) if case.mode == mode]
        if not chosen:
            continue
        names = np.array([category[cases[k].shape] for k in chosen])
        families = [family[cases[k].shape] for k in chosen]
        for name, results in scores.items():
            columns: Columns = {
                "f1": np.array([results[k].f_score for k in chosen]),
                "chamfer": np.array([results[k].chamfer for k in chosen]),
                "normals": np.array([results[k].normal_consistency for k in chosen]),
            }
            out["rows"].setdefault(mode, {})[name] = {
                "objects": means(columns, None), "categories": means(columns, names),
                "interval": intervals(columns, names, families), "f1": [round(float(x), 4) for x in columns["f1"]],
            }  # fmt: skip
        rows = out["rows"][mode]
        if NETWORK in rows and REFLECTED in rows:
            own, reflected = (rows[name]["categories"]["f1"] for name in (NETWORK, REFLECTED))
            out["ratio"][mode] = own / max(reflected, 1e-9)
    out["shapes"] = [case.shape for case in cases]
    return out


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text."""
    out = [
        f"{table['cases']} partial surfaces of shapes of the {table['split']} split; means over categories"
    ]
    for mode, rows in table["rows"].items():
        out.append(f"{mode:<40}{'F 1 %':>8}{'Chamfer':>9}{'normals':>9}{'F, objects':>12}")
        for name, row in rows.items():
            m = row["categories"]
            out.append(
                f"  {name:<38}{m['f1']:8.3f}{m['chamfer']:9.4f}{m['normals']:9.3f}{row['objects']['f1']:12.3f}"
            )
    return out
