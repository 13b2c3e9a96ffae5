"""The tables of the latent space on the test split of the corpus, as `lift3d evaluate` measures them, and the time to
generate a model.

    python benchmarks/shape_space.py CORPUS [--look FOLDER] [--only guidance|among|outlines|codes|samples|speed]
        [--autoencoder RUN] [--flow RUN] [--limit N]

Writes results/guidance.json (the guidance strength of the flow, chosen on the validation split; it is part of the card
of its weights, so pack them afterwards), results/among.json (selection among samples, likewise),
results/outlines.json (what latent PCA gains, and whether it copies),
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
"""Strength, the times between which the kind is strengthened, and the time at which an outline is gone on with."""
WAYS_ON: tuple[Way, ...] = (
    (2.5, 0.15, 0.75, 0.0),
    (2.5, 0.15, 0.75, 0.15),
    (2.5, 0.15, 0.75, 0.25),
    (2.5, 0.15, 0.75, 0.35),
)
ALIKE = 0.01
"""Ways that are named as often within so much are as good. With 0.02 drawings began at 0.15, and by eye 5 of 12 chairs were
chairs, where at 0.35 there were 8: so much is between ways that the measure calls alike."""
NEAR = 200
"""Training shapes of a kind that draws are held beside, at most."""
FEW, REAL = 8, "test shapes, autoencoded"
"""Draws of a smaller kind, which has as many validation shapes at least."""
SURE = (0.75, 0.95)
"""Shares of real shapes that a bound may hold."""
WAYS = (
    "first sample",
    "most confident of four",
    *(f"first of four as confident as {100 * s:.0f} % of real shapes" for s in SURE),
)
DOUBTED = 60
"""Training shapes of a kind, of whose doubts the bound is taken."""
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
    """Draws for the five largest kinds beside validation shapes, in several ways, and how often the classifier names those of
    smaller kinds. Taken is what is named most often of what keeps within the bounds; if nothing does, the best by coverage -
    1-NNA."""
    held = Corpus(corpus)
    train, val = ShapeSet(held, "train"), ShapeSet(held, "val")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    flows = {w: load_sampler("flow", flow, autoencoder, w[0], guided=w[1:3], begin=w[3]) for w in WAYS_ON}
    judge, known_kinds = GanTest(), next(iter(flows.values())).categories
    rows: dict[Way, list[GenerationScores]] = {way: [] for way in flows}
    named: dict[Way | None, list[float | None]] = {way: [] for way in (*flows, None)}
    kinds = largest_categories(train, val, known_kinds, CATEGORY_COUNT)
    for kind in kinds:
        known = point_clouds(train, np.flatnonzero(train.category == kind)[: 4 * limit])
        real = point_clouds(val, np.flatnonzero(val.category == kind)[:limit])
        usual = nearest_distances(known)
        done: dict[Way, GenerationScores] = {}
        for way, one in flows.items():
            same = (
                way if kind in one.with_pca else (*way[:3], 0.0)
            )  # without an outline it begins at 0 anyway
            if same not in done:
                done[same] = compare_sets(
                    sample_surfaces(one, kind, len(real), 0, codec)[0], real, known, usual
                )
                print(kind, same, done[same], flush=True)
            rows[way].append(done[same])
    smaller = small(known_kinds, judge, kinds, val)
    for kind in smaller:
        right: dict[Way, float | None] = {}
        for way, one in flows.items():
            same = way if kind in one.with_pca else (*way[:3], 0.0)
            if same not in right:
                right[same] = judge.accuracy(kind, sample_surfaces(one, kind, FEW, 0, codec)[1])
            named[way].append(right[same])
        named[None].append(
            judge.accuracy(
                kind, autoencoded_shapes(val, np.flatnonzero(val.category == kind)[:FEW], codec)[1]
            )
        )
        print(kind, [said[-1] for said in named.values()], flush=True)
    means = {way: mean_of_known(said) for way, said in named.items()}
    told: dict[Way, dict[str, float]] = {
        way: {name: float(np.mean([vars(r)[name] for r in said])) for name in vars(said[0])}
        | {"named": means[way] or 0.0}
        for way, said in rows.items()
    }
    best = taken(told)
    measures = ("coverage", "one_nn", "copies", "named")
    lines = [
        [f"{way[3]:g}", way[0], f"{way[1]:g} to {way[2]:g}", *(f"{100 * m[k]:.0f}" for k in measures)]
        for way, m in told.items()
    ]
    return {
        "guidance": best[0], "guided": best[1:3], "begin": best[3], "kinds": kinds, "smaller": smaller,
        "rows": [{"guidance": way[0], "guided": way[1:3], "begin": way[3], **m} for way, m in told.items()],
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
    """Draws beside validation shapes, chosen in several ways, how often the classifier names those of smaller kinds, and the
    bounds of all kinds."""
    held = Corpus(corpus)
    train, val = ShapeSet(held, "train"), ShapeSet(held, "val")
    one, judge = load_sampler("flow", flow, autoencoder), GanTest()
    doubts = bounds(held, one.categories, autoencoder)
    kinds = largest_categories(train, val, one.categories, CATEGORY_COUNT)

    def drawn(kind: str, count: int) -> dict[str, list[np.ndarray]]:
        """Shares, by way."""
        out: dict[str, list[np.ndarray]] = {way: [] for way in WAYS}
        for k in range(count):
            codes = [one.sample(one.categories.index(kind), (0, n)) for n in candidate_indices(k, 4)]
            shares = [decode_occupancy(code, autoencoder) for code in codes]
            said = [uncertainty(share) for share in shares]
            taken_of = (
                0,
                select_candidate(said, 0.0),
                *(select_candidate(said, doubts[share][kind]) for share in SURE),
            )
            for way, best in zip(WAYS, taken_of):
                out[way].append(shares[best])
        return out

    rows: dict[str, list[GenerationScores]] = {way: [] for way in WAYS}
    for kind in kinds:
        known = point_clouds(train, np.flatnonzero(train.category == kind)[: 4 * limit])
        real = point_clouds(val, np.flatnonzero(val.category == kind)[:limit])
        usual = nearest_distances(known)
        for way, shares in drawn(kind, len(real)).items():
            some = [sample_points(surface_mesh(s, 0.5)) if (s > 0.5).any() else EMPTY for s in shares]
            rows[way].append(compare_sets(np.stack(some), real, known, usual))
            print(kind, way, rows[way][-1], flush=True)
    named: dict[str, list[float | None]] = {way: [] for way in WAYS}
    smaller = small(one.categories, judge, kinds, val)
    for kind in smaller:
        for way, shares in drawn(kind, FEW).items():
            named[way].append(judge.accuracy(kind, [s > 0.5 for s in shares]))
        print(kind, [said[-1] for said in named.values()], flush=True)
    told = {
        w: {name: float(np.mean([vars(r)[name] for r in rows[w]])) for name in vars(rows[w][0])}
        | {"named": mean_of_known(named[w]) or 0.0}
        for w in WAYS
    }
    columns = ("coverage", "one_nn", "copies", "named")
    return {
        "kinds": kinds, "smaller": smaller, "rows": told, "doubts": doubts[QUANTILE],
        "table": {
            "columns": ["selection", "coverage, %", "1-NNA, %", "near-copies, %", "recognised, %"],
            "rows": [[w, *(f"{100 * told[w][k]:.0f}" for k in columns)] for w in WAYS],
            "note": f"On validation shapes of {', '.join(kinds)}, {limit} of each at most. "
            f"Recognised: the category is among the classifier's first three, for {FEW} samples of each of {len(smaller)} "
            "smaller categories.",
        },
    }  # fmt: skip


def outlines(corpus: Path, flow: str | None, autoencoder: str | None, limit: int) -> dict[str, Any]:
    """Of kinds that are begun with outlines, those that are remembered and those that the judge knows: how often a draw is named,
    and how near it comes to known shapes, with the outline and without."""
    train = ShapeSet(Corpus(corpus), "train")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    judge, one = GanTest(), load_sampler("flow", flow, autoencoder)
    ways = {"without": load_sampler("flow", flow, autoencoder, begin=0.0), "with": one}
    rows: list[dict[str, Any]] = []
    for kind in sorted(k for k in one.with_pca if k in one.memorised or k in judge.names):
        numbers = np.flatnonzero(train.category == kind)
        known = point_clouds(
            train, numbers[np.linspace(0, len(numbers) - 1, min(NEAR, len(numbers))).astype(int)]
        )
        usual = float(np.median(nearest_distances(known)))
        row: dict[str, Any] = {"kind": kind, "known": len(numbers), "stored": kind in one.memorised}
        for name, drawn_by in ways.items():
            drawn, cells = sample_surfaces(drawn_by, kind, limit, 0, codec)
            away = nearest_chamfer(drawn, known) / usual
            row[name] = {
                "named": judge.accuracy(kind, cells),
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


def small(known: tuple[str, ...], judge: GanTest, largest_kinds: list[str], val: ShapeSet) -> list[str]:
    """Smaller kinds that the judge knows and that have shapes to compare with."""
    return [
        kind for kind in known
        if kind in judge.names and kind not in largest_kinds and (val.category == kind).sum() >= FEW
    ]  # fmt: skip


def bounds(corpus: Corpus, kinds: tuple[str, ...], autoencoder: str | None) -> dict[float, dict[str, float]]:
    """So much doubt each share of SURE of the training shapes of each kind stays under, made again from their codes."""
    codes = load_latents(corpus, "train", autoencoder or "autoencoder", kinds)
    out: dict[float, dict[str, float]] = {share: {} for share in SURE}
    for number, kind in enumerate(kinds):
        mine = np.flatnonzero(codes.kinds == number)
        some = mine[np.linspace(0, len(mine) - 1, min(DOUBTED, len(mine))).astype(int)]
        said = [
            uncertainty(decode_occupancy(np.asarray(codes.values[i], np.float32), autoencoder)) for i in some
        ]
        for share in SURE:
            out[share][kind] = round(float(np.quantile(said, share)), 4)
    return out


def taken(told: dict[Way, dict[str, float]]) -> Way:
    """The best named within COVERAGE, ONE_NN and COPIES; of those as good within ALIKE the one that begins earliest, as less of
    it is remembered."""
    within = [
        way for way, m in told.items()
        if m["coverage"] >= COVERAGE and m["one_nn"] <= ONE_NN and m["copies"] <= COPIES
    ]  # fmt: skip
    if within:
        best = max(told[way]["named"] for way in within)
        return min((way for way in within if told[way]["named"] >= best - ALIKE), key=lambda way: way[3])
    return max(told, key=lambda way: told[way]["coverage"] - told[way]["one_nn"])


def speed() -> dict[str, Any]:
    """Eight models, written; each kind several times, as a machine that others use as well is not always as fast."""
    kinds = ("chair", "tower", "airplane", "lamp")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory() as folder:

        def timed(kind: str, name: str) -> float:
            started = time.monotonic()
            generate(kind, Path(folder) / name, count=8, seed=1)
            return round(time.monotonic() - started, 2)

        timed("rock", "first")  # warms the caches
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
