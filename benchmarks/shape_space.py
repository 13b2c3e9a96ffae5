"""The tables of the latent space on the test split of the corpus, as `lift3d evaluate` measures them, and the time to
generate a model.

    python benchmarks/shape_space.py CORPUS [--look FOLDER] [--only guidance|among|outlines|codes|samples|speed]
        [--autoencoder RUN] [--flow RUN] [--limit N]

Writes results/guidance.json (the guidance strength of the flow, chosen on the validation split; it is part of the card
of its weights, so pack them afterwards), results/among.json (selection among samples, likewise),
results/outlines.json (the gain by latent PCA, and the fraction of copies),
results/shape_codes.json, results/generation.json and results/generate_speed.json.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from lift3d.corpus.dataset import Corpus
from lift3d.evaluate.autoencoder import evaluate_autoencoder, surface_mesh
from lift3d.evaluate.cases.generation import EMPTY, autoencoded_shapes, point_clouds, sample_surfaces
from lift3d.evaluate.generator import (
    CATEGORY_COUNT,
    evaluate_generator,
    largest_categories,
    mean_of_known,
)
from lift3d.evaluate.interface import Request
from lift3d.evaluate.scores.gan_test import GanTest
from lift3d.evaluate.scores.generation import GenerationScores, compare_sets, nearest_distances, sample_points
from lift3d.geometry.metrics.chamfer import nearest_chamfer
from lift3d.inference.generators import load_sampler
from lift3d.inference.networks import load_network
from lift3d.inference.rejection_sampling import QUANTILE, candidate_indices, select_candidate, uncertainty
from lift3d.inference.shape_decoder import decode_occupancy
from lift3d.nets.mixed_precision import bfloat16_is_fast
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.pipelines.generate import generate
from lift3d.train.data.latents import load_latents
from lift3d.train.data.shape_set import ShapeSet

HERE = Path(__file__).resolve().parent
Way = tuple[float, float, float, float]
"""Sampling options of the flow: guidance, start and end of the interval in which it applies, and start time after the latent
PCA."""
WAYS_ON: tuple[Way, ...] = (
    (2.5, 0.15, 0.75, 0.0),
    (2.5, 0.15, 0.75, 0.15),
    (2.5, 0.15, 0.75, 0.25),
    (2.5, 0.15, 0.75, 0.35),
)
ALIKE = 0.01
"""Difference in the recognised fraction within which options count as equally good. With 0.02 the start time 0.15 was chosen, at
which 5 of 12 chairs were chairs by visual inspection; at 0.35 there were 8."""
NEAR = 200
"""Maximum number of training shapes of a category with which samples are compared."""
FEW, REAL = 8, "test shapes, autoencoded"
"""FEW: samples of a smaller category, and the minimum number of its validation shapes; REAL: name of the reference row."""
SURE = (0.75, 0.95)
"""Candidate quantiles of the uncertainty of real shapes at which the bound is placed."""
WAYS = (
    "first sample",
    "most confident of four",
    *(f"first of four as confident as {100 * s:.0f} % of real shapes" for s in SURE),
)
DOUBTED = 60
"""Maximum number of training shapes of a category from whose uncertainties the bound is computed."""
COVERAGE, ONE_NN, COPIES = 0.45, 0.75, 0.2
TIMES = 4
_last = [0.0]


def progress(name: str, fraction: float) -> None:
    if time.monotonic() - _last[0] > 20:
        _last[0] = time.monotonic()
        print(f"{name} {fraction:.0%}", flush=True)


def codes(corpus: Path, autoencoder: str | None, limit: int | None, look: Path) -> dict[str, Any]:
    request = Request(
        "autoencoder", corpus, corpus, autoencoder, limit=limit, output=look, say=print, progress=progress
    )
    evaluation = evaluate_autoencoder(request).write(look)
    print("\n".join(evaluation.lines))
    result: dict[str, Any] = evaluation.table
    rows = []
    for name, row in result["rows"].items():
        low, high = row["interval"]["iou"]
        rows.append(
            [name, f"{row['objects']['iou']:.3f}", f"{row['categories']['iou']:.3f} ({low:.3f}-{high:.3f})",
             f"{row['f']:.3f}", f"{row['chamfer']:.4f}", f"{row['normals']:.3f}"]
        )  # fmt: skip
    result["table"] = {
        "columns": [
            "method, reconstruction of test shapes",
            "IoU 64",
            "IoU 64, by category",
            "F at 1 %",
            "Chamfer",
            "normals",
        ],
        "rows": rows,
        "note": f"{result['shapes']} shapes of families not seen in training; surface measures on {result['surfaces']} of them, "
        "evenly spread, against the surface of their own 64^3 voxels. Means over objects, and over categories with 95 % "
        "intervals by bootstrap over families. Thresholds are chosen on 120 shapes of the validation set. "
        "Lengths in units of the longest side.",
    }
    return result


def percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"


def samples(corpus: Path, autoencoder: str | None, limit: int | None, look: Path) -> dict[str, Any]:
    request = Request("flow", corpus, corpus, limit=limit, output=look, say=print, progress=progress)
    evaluation = evaluate_generator(request, autoencoder=autoencoder).write(look)
    print("\n".join(evaluation.lines))
    result: dict[str, Any] = evaluation.table
    rows = [
        [name, f"{100 * r['coverage']:.0f}", f"{100 * r['one_nn']:.0f}", f"{1000 * r['matching']:.2f}",
         f"{100 * r['copies']:.0f}", f"{r['novelty']:.2f}", percent(r["named"])]
        for name, r in result["rows"].items()
    ]  # fmt: skip
    kinds = [
        [kind, k["real"], k["known"], *(f"{100 * k[who][what]:.0f}" for what in ("coverage", "one_nn", "copies")
         for who in ("training shapes, resampled", "flow")), f"{100 * k['solid flow']:.0f}"]
        for kind, k in result["kinds"].items()
    ]  # fmt: skip
    result["table"] = {
        "columns": [
            "samples of",
            "coverage, %",
            "1-NNA, %",
            "MMD x 1000",
            "near-copies, %",
            "novelty",
            "recognised, %",
        ],
        "rows": rows,
        "note": f"Means over {', '.join(result['kinds'])}: as many samples as the test split has shapes"
        f"{f', {limit} of each at most' if limit else ''}. 1-NNA: 50 is best. "
        "Near-copies: nearer to a training shape than half of those are to their nearest neighbour. Squared Chamfer distance "
        "of 1024 points (src/lift3d/evaluate/scores/generation.py). Recognised: the category is among the "
        "classifier's first three.",
    }
    result["by_kind"] = {
        "columns": ["category", "test shapes", "training shapes", "coverage, training, %", "flow, %", "1-NNA, training, %",
                    "flow, %", "copies, training, %", "flow, %", "solid, %"],
        "rows": kinds,
    }  # fmt: skip
    return result


def guidance(corpus: Path, flow: str | None, autoencoder: str | None, limit: int) -> dict[str, Any]:
    """Compare sampling options: scores of samples of the five largest categories against validation shapes, and the fraction of
    samples of smaller categories that the classifier recognises. The chosen options have the largest recognised fraction among
    those within the limits of the scores; if there are none, the largest coverage - 1-NNA."""
    dataset = Corpus(corpus)
    train, val = ShapeSet(dataset, "train"), ShapeSet(dataset, "val")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    flows = {w: load_sampler("flow", flow, autoencoder, w[0], guided=w[1:3], begin=w[3]) for w in WAYS_ON}
    gan_test, known_kinds = GanTest(), next(iter(flows.values())).categories
    rows: dict[Way, list[GenerationScores]] = {way: [] for way in flows}
    named: dict[Way | None, list[float | None]] = {way: [] for way in (*flows, None)}
    kinds = largest_categories(train, val, known_kinds, CATEGORY_COUNT)
    for kind in kinds:
        known = point_clouds(train, np.flatnonzero(train.category == kind)[: 4 * limit])
        real = point_clouds(val, np.flatnonzero(val.category == kind)[:limit])
        nearest_known = nearest_distances(known)
        done: dict[Way, GenerationScores] = {}
        for way, one in flows.items():
            # without a latent PCA, sampling starts at time 0 in any case
            same = way if kind in one.with_pca else (*way[:3], 0.0)
            if same not in done:
                done[same] = compare_sets(
                    sample_surfaces(one, kind, len(real), 0, codec)[0], real, known, nearest_known
                )
                print(kind, same, done[same], flush=True)
            rows[way].append(done[same])
    smaller = small(known_kinds, gan_test, kinds, val)
    for kind in smaller:
        right: dict[Way, float | None] = {}
        for way, one in flows.items():
            same = way if kind in one.with_pca else (*way[:3], 0.0)
            if same not in right:
                right[same] = gan_test.accuracy(kind, sample_surfaces(one, kind, FEW, 0, codec)[1])
            named[way].append(right[same])
        named[None].append(
            gan_test.accuracy(
                kind, autoencoded_shapes(val, np.flatnonzero(val.category == kind)[:FEW], codec)[1]
            )
        )
        print(kind, [values[-1] for values in named.values()], flush=True)
    means = {way: mean_of_known(values) for way, values in named.items()}
    mean_scores: dict[Way, dict[str, float]] = {
        way: {name: float(np.mean([vars(r)[name] for r in values])) for name in vars(values[0])}
        | {"named": means[way] or 0.0}
        for way, values in rows.items()
    }
    best = taken(mean_scores)
    measures = ("coverage", "one_nn", "copies", "named")
    lines = [
        [f"{way[3]:g}", way[0], f"{way[1]:g} to {way[2]:g}", *(f"{100 * m[k]:.0f}" for k in measures)]
        for way, m in mean_scores.items()
    ]
    return {
        "guidance": best[0], "guided": best[1:3], "begin": best[3], "kinds": kinds, "smaller": smaller,
        "rows": [{"guidance": way[0], "guided": way[1:3], "begin": way[3], **m} for way, m in mean_scores.items()],
        "table": {
            "columns": ["start time t", "guidance", "guided during t", "coverage, %", "1-NNA, %", "near-copies, %",
                        "recognised, %"],
            "rows": [*lines, [REAL, "", "", "", "", "", percent(means[None])]],
            "note": f"On validation shapes of {', '.join(kinds)}, {limit} of each at most, first sample. "
            "Start time 0: from noise, without latent PCA. Recognised: the category is among the classifier's first three, for "
            f"{FEW} samples of each of {len(smaller)} smaller categories.",
        },
    }  # fmt: skip


def among(corpus: Path, flow: str | None, autoencoder: str | None, limit: int) -> dict[str, Any]:
    """Compare selections among candidates: scores of the selected samples against validation shapes, the fraction of samples of
    smaller categories that the classifier recognises, and the bounds of all categories."""
    dataset = Corpus(corpus)
    train, val = ShapeSet(dataset, "train"), ShapeSet(dataset, "val")
    one, gan_test = load_sampler("flow", flow, autoencoder), GanTest()
    limits = bounds(dataset, one.categories, autoencoder)
    kinds = largest_categories(train, val, one.categories, CATEGORY_COUNT)

    def select(kind: str, count: int) -> dict[str, list[np.ndarray]]:
        """Occupancies of `count` samples by selection method."""
        out: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
        for k in range(count):
            codes = [one.sample(one.categories.index(kind), (0, n)) for n in candidate_indices(k, 4)]
            grids = [decode_occupancy(code, autoencoder) for code in codes]
            values = [uncertainty(grid) for grid in grids]
            chosen = (
                0,
                select_candidate(values, 0.0),
                *(select_candidate(values, limits[quantile][kind]) for quantile in SURE),
            )
            for way, best in zip(WAYS, chosen):
                out[way].append(grids[best])
        return out

    rows: dict[str, list[GenerationScores]] = {way: [] for way in WAYS}
    for kind in kinds:
        known = point_clouds(train, np.flatnonzero(train.category == kind)[: 4 * limit])
        real = point_clouds(val, np.flatnonzero(val.category == kind)[:limit])
        nearest_known = nearest_distances(known)
        for way, grids in select(kind, len(real)).items():
            some = [sample_points(surface_mesh(s, 0.5)) if (s > 0.5).any() else EMPTY for s in grids]
            rows[way].append(compare_sets(np.stack(some), real, known, nearest_known))
            print(kind, way, rows[way][-1], flush=True)
    named: dict[str, list[float | None]] = {way: [] for way in WAYS}
    smaller = small(one.categories, gan_test, kinds, val)
    for kind in smaller:
        for way, grids in select(kind, FEW).items():
            named[way].append(gan_test.accuracy(kind, [s > 0.5 for s in grids]))
        print(kind, [values[-1] for values in named.values()], flush=True)
    mean_scores = {
        w: {name: float(np.mean([vars(r)[name] for r in rows[w]])) for name in vars(rows[w][0])}
        | {"named": mean_of_known(named[w]) or 0.0}
        for w in WAYS
    }
    columns = ("coverage", "one_nn", "copies", "named")
    return {
        "kinds": kinds, "smaller": smaller, "rows": mean_scores, "doubts": limits[QUANTILE],
        "table": {
            "columns": ["selection", "coverage, %", "1-NNA, %", "near-copies, %", "recognised, %"],
            "rows": [[w, *(f"{100 * mean_scores[w][k]:.0f}" for k in columns)] for w in WAYS],
            "note": f"On validation shapes of {', '.join(kinds)}, {limit} of each at most. "
            f"Recognised: the category is among the classifier's first three, for {FEW} samples of each of {len(smaller)} "
            "smaller categories.",
        },
    }  # fmt: skip


def outlines(corpus: Path, flow: str | None, autoencoder: str | None, limit: int) -> dict[str, Any]:
    """For categories with a latent PCA that have exemplars or a label of the classifier: the fraction of samples that is
    recognised, and their distance to training shapes, with and without the latent PCA."""
    train = ShapeSet(Corpus(corpus), "train")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    gan_test, one = GanTest(), load_sampler("flow", flow, autoencoder)
    ways = {"without": load_sampler("flow", flow, autoencoder, begin=0.0), "with": one}
    rows: list[dict[str, Any]] = []
    for kind in sorted(k for k in one.with_pca if k in one.memorised or k in gan_test.names):
        numbers = np.flatnonzero(train.category == kind)
        known = point_clouds(
            train, numbers[np.linspace(0, len(numbers) - 1, min(NEAR, len(numbers))).astype(int)]
        )
        nearest_known = float(np.median(nearest_distances(known)))
        row: dict[str, Any] = {"kind": kind, "known": len(numbers), "stored": kind in one.memorised}
        for name, sampler in ways.items():
            clouds, cells = sample_surfaces(sampler, kind, limit, 0, codec)
            away = nearest_chamfer(clouds, known) / nearest_known
            row[name] = {
                "named": gan_test.accuracy(kind, cells),
                "copies": float((away < 1).mean()),
                "novelty": float(np.median(away)),
            }
        print(row, flush=True)
        rows.append(row)
    groups = {
        "stored, of known shapes": [r for r in rows if r["stored"]],
        **{
            f"sampled, {low} to {high} shapes": [
                r for r in rows if not r["stored"] and low <= r["known"] <= high
            ]
            for low, high in ((20, 100), (101, 200), (201, 999))
        },
    }
    table = [
        [name, len(some),
         *(percent(mean_of_known([r[w]["named"] for r in some])) for w in ways),
         *(percent(float(np.mean([r[w]["copies"] for r in some]))) for w in ways),
         *(f"{np.mean([r[w]['novelty'] for r in some]):.1f}" for w in ways)]
        for name, some in groups.items() if some
    ]  # fmt: skip
    return {
        "kinds": rows,
        "table": {
            "columns": ["initial layout", "categories", "recognised, %", "with latent PCA", "near-copies, %", "with latent PCA",
                        "novelty", "with latent PCA"],
            "rows": table,
            "note": f"{limit} samples of each category, first sample, without and with latent PCA. Recognised: the category is "
            "among the first three of the classifier, which knows most of these categories. Near-copies: nearer to "
            "a training shape than half of those are to "
            f"their nearest neighbour; at most {NEAR} training shapes per category. Novelty: median distance to the nearest "
            "training shape, relative to their own median.",
        },
    }  # fmt: skip


def small(known: tuple[str, ...], gan_test: GanTest, largest_kinds: list[str], val: ShapeSet) -> list[str]:
    """Smaller categories that have a label of the classifier and enough validation shapes."""
    return [
        kind for kind in known
        if kind in gan_test.names and kind not in largest_kinds and (val.category == kind).sum() >= FEW
    ]  # fmt: skip


def bounds(corpus: Corpus, kinds: tuple[str, ...], autoencoder: str | None) -> dict[float, dict[str, float]]:
    """Quantile -> category -> this quantile of the uncertainty of the category's training shapes, decoded from their codes."""
    codes = load_latents(corpus, "train", autoencoder or "autoencoder", kinds)
    out: dict[float, dict[str, float]] = {quantile: {} for quantile in SURE}
    for number, kind in enumerate(kinds):
        own = np.flatnonzero(codes.kinds == number)
        some = own[np.linspace(0, len(own) - 1, min(DOUBTED, len(own))).astype(int)]
        values = [
            uncertainty(decode_occupancy(np.asarray(codes.values[i], np.float32), autoencoder)) for i in some
        ]
        for quantile in SURE:
            out[quantile][kind] = round(float(np.quantile(values, quantile)), 4)
    return out


def taken(mean_scores: dict[Way, dict[str, float]]) -> Way:
    """The options with the largest recognised fraction within the limits COVERAGE, ONE_NN and COPIES. Of options that differ by
    less than ALIKE, those with the earliest start time, whose samples depend least on training shapes."""
    within = [
        way for way, m in mean_scores.items()
        if m["coverage"] >= COVERAGE and m["one_nn"] <= ONE_NN and m["copies"] <= COPIES
    ]  # fmt: skip
    if within:
        best = max(mean_scores[way]["named"] for way in within)
        return min(
            (way for way in within if mean_scores[way]["named"] >= best - ALIKE), key=lambda way: way[3]
        )
    return max(mean_scores, key=lambda way: mean_scores[way]["coverage"] - mean_scores[way]["one_nn"])


def speed() -> dict[str, Any]:
    """Time of the generation and writing of eight models; each category several times, because the load of the machine varies."""
    kinds = ("chair", "tower", "airplane", "lamp")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:

        def timed(kind: str, name: str) -> float:
            started = time.monotonic()
            generate(kind, Path(folder) / name, count=8, seed=1)
            return round(time.monotonic() - started, 2)

        timed("rock", "first")  # fills the caches
        for k in range(TIMES):
            for kind in kinds:
                seconds[kind].append(timed(kind, f"{kind}-{k}"))
    rows = [[kind, f"{min(s):.1f}", f"{max(s):.1f}"] for kind, s in seconds.items()]
    return {
        "seconds": seconds,
        "table": {"columns": ["eight solid models, written, with a contact sheet", "seconds, fastest", "slowest"], "rows": rows,
                  "note": f"{TIMES} times each. {os.cpu_count()} cores {'with' if bfloat16_is_fast() else 'without'} units for "
                  "bfloat16."},
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--look", type=Path, default=None, help="keep sheets and JSON here")
    parser.add_argument(
        "--only", choices=("guidance", "among", "outlines", "codes", "samples", "speed"), default=None
    )
    parser.add_argument("--autoencoder", default=None)
    parser.add_argument("--flow", default=None, help="a run that is not packed yet")
    parser.add_argument("--limit", type=int, default=None)
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    numba.set_num_threads(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        look = args.look or Path(folder)
        made = {
            "guidance": (
                "guidance",
                lambda: guidance(args.corpus, args.flow, args.autoencoder, args.limit or 40),
            ),
            "among": ("among", lambda: among(args.corpus, args.flow, args.autoencoder, args.limit or 40)),
            "outlines": (
                "outlines",
                lambda: outlines(args.corpus, args.flow, args.autoencoder, args.limit or 16),
            ),
            "codes": ("shape_codes", lambda: codes(args.corpus, args.autoencoder, args.limit, look)),
            "samples": ("generation", lambda: samples(args.corpus, args.autoencoder, args.limit, look)),
            "speed": ("generate_speed", speed),
        }
        for what, (name, measure) in made.items():
            if args.only == what or (args.only is None and what not in ("guidance", "among")):
                result = measure()
                (HERE / f"results/{name}.json").write_text(json.dumps(result, indent=1) + "\n")
                if "by_kind" in result:
                    kinds = json.dumps({"table": result["by_kind"]}, indent=1) + "\n"
                    (HERE / f"results/{name}_kinds.json").write_text(kinds)


if __name__ == "__main__":
    main()
