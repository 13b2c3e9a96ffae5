"""Table of a generator: its samples of the largest categories, compared with shapes of the test split
(evaluate/scores/generation.py).

The baselines are as many training shapes, interpolations of two neighbouring training shapes, samples without rejection, the
autoencoder's prior, the other generator, and autoencoded test shapes, which show the loss due to the latent code alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError, Lift3dError
from lift3d.evaluate.autoencoder import surface_mesh
from lift3d.evaluate.cases.generation import (
    Grid,
    autoencoded_shapes,
    interpolations,
    point_clouds,
    sample_solids,
    sample_surfaces,
)
from lift3d.evaluate.interface import Evaluation, Request
from lift3d.evaluate.scores.gan_test import GanTest
from lift3d.evaluate.scores.generation import compare_sets, nearest_distances
from lift3d.geometry.metrics.chamfer import chamfer_matrix
from lift3d.inference.generators import GENERATORS, LatentSampler, find_autoencoder, load_sampler
from lift3d.inference.networks import load_network
from lift3d.io.image.contact_sheet import contact_sheet
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.pipelines.models import thumbnail
from lift3d.train.data.latents import UNLABELLED
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32

CATEGORY_COUNT = 5
MAX_SAMPLES = 150
"""Maximum number of samples of a category, and of test shapes with which they are compared."""
TILE_SIZE, NOVELTY_SAMPLES = 128, 32
"""Side of a tile in pixels; number of samples that are shown beside their nearest training shapes."""
Row = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class CategoryReference:
    """The references with which samples of a category are compared: point clouds (N, P, 3) of test shapes and of training shapes,
    the distance of each training shape to its nearest neighbour, and the classifier of the GAN-test."""

    category: str
    real: F32
    training: F32
    training_nearest: NDArray[np.float64]
    gan_test: GanTest

    def row(self, clouds: F32, grids: list[Grid]) -> Row:
        """Scores of samples, given as point clouds and as voxel grids."""
        scores = compare_sets(clouds, self.real, self.training, self.training_nearest)
        return {**asdict(scores), "named": self.gan_test.accuracy(self.category, grids)}


def evaluate_generator(
    request: Request, *, seed: int = 0, others: bool = True, autoencoder: str | None = None
) -> Evaluation:
    """Fidelity, diversity, novelty and GAN-test accuracy, as means over the largest categories.

    seed: of the samples; others: whether the package's other generators have rows; autoencoder: its weights; None: those with
    which the generator was trained. With an output folder, a sheet of samples and a sheet of samples beside their nearest
    training shapes are written for each category."""
    autoencoder = autoencoder or find_autoencoder(request.weights)
    corpus = Corpus(request.corpus)
    train, test = ShapeSet(corpus, "train"), ShapeSet(corpus, request.split)
    main = load_sampler(request.name, request.weights, autoencoder)
    categories = largest_categories(train, test, main.categories, CATEGORY_COUNT)
    if not categories:
        raise InputError("no category has enough test shapes for a comparison", "build a larger corpus")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    samplers = [main] + (other_samplers(main, autoencoder, request.say) if others else [])
    run = _Run(request, train, test, codec, autoencoder, samplers, GanTest(), seed)
    table: dict[str, Any] = {"kinds": {}, "weights": main.found.sha256, "split": request.split, "seed": seed}
    rows: dict[str, list[Row]] = {}
    for k, category in enumerate(categories):
        facts, scores = run.category(category, k, len(categories))
        for name, row in scores.items():
            rows.setdefault(name, []).append(row)
        table["kinds"][category] = facts | scores
        request.progress("categories", (k + 1) / len(categories))
    table["rows"] = {
        name: {key: mean_of_known([r[key] for r in some]) for key in some[0]} for name, some in rows.items()
    }
    return Evaluation(request.name, table, format_table(table))


@dataclass(frozen=True, eq=False)
class _Run:
    """The objects that are common to all categories of a table. The first sampler is the evaluated generator."""

    request: Request
    train: ShapeSet
    test: ShapeSet
    codec: ShapeAutoencoder
    autoencoder: str | None
    samplers: list[LatentSampler]
    gan_test: GanTest
    seed: int

    def category(self, category: str, index: int, count: int) -> tuple[dict[str, Any], dict[str, Row]]:
        """Facts about one of `count` categories, and the rows of its table."""
        rng = np.random.default_rng([self.seed, index])
        known = np.flatnonzero(self.train.category == category)
        numbers = np.flatnonzero(self.test.category == category)[: self.request.limit or MAX_SAMPLES]
        training, real = point_clouds(self.train, known), point_clouds(self.test, numbers)
        nearest, n, main = nearest_distances(training), len(real), self.samplers[0]
        picked = rng.permutation(len(training))[:n]
        reference = CategoryReference(category, real, training, nearest, self.gan_test)
        resampled = compare_sets(training[picked], real, np.delete(training, picked, 0), nearest)
        rows: dict[str, Row] = {
            "training shapes, resampled": asdict(resampled)
            | {"named": None},  # the GAN-test was trained on them
            "interpolations of two training neighbours": reference.row(
                *interpolations(self.train, known, training, n, rng)
            ),
            f"{main.model}, first sample": reference.row(
                *sample_surfaces(main, category, n, self.seed, self.codec)
            ),
            "test shapes, autoencoded": reference.row(*autoencoded_shapes(self.test, numbers, self.codec)),
        }
        facts: dict[str, Any] = {"real": n, "known": len(training)}
        for j, sampler in enumerate(self.samplers):
            if sampler is not main:
                rows[sampler.model] = reference.row(
                    *sample_surfaces(sampler, category, n, self.seed, self.codec)
                )
                continue

            def progress(f: float, j: int = j) -> None:
                self.request.progress("categories", (index + (1 + j + f) / (1 + len(self.samplers))) / count)

            clouds, grids, solid, tiles = sample_solids(
                sampler, category, n, self.seed, self.autoencoder, progress
            )
            rows[main.model] = reference.row(clouds, grids)
            facts |= {f"solid {main.model}": solid}
            self._write_sheets(category, clouds, tiles, training, known)
        return facts, rows

    def _write_sheets(
        self, category: str, clouds: F32, tiles: list[NDArray[np.uint8]], training: F32,
        known: NDArray[np.int64],
    ) -> None:  # fmt: skip
        output, model = self.request.output, self.samplers[0].model
        if output is None:
            return
        output.mkdir(parents=True, exist_ok=True)
        contact_sheet(tiles, [""] * len(tiles), 8).save(output / f"{model}-{category}.png", format="PNG")
        sheet = nearest_sheet(clouds, tiles, training, known, self.train)
        sheet.save(output / f"{model}-{category}-nearest.png", format="PNG")


def mean_of_known(values: list[float | None]) -> float | None:
    """The mean of the values that are not None; None if there are none."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def largest_categories(train: ShapeSet, test: ShapeSet, categories: tuple[str, ...], count: int) -> list[str]:
    """At most `count` of the categories that have two or more test shapes, ordered by the number of shapes in both splits, the
    largest first."""
    names, sizes = np.unique(np.concatenate([train.category, test.category]), return_counts=True)
    order = [str(names[i]) for i in np.argsort(-sizes, kind="stable")]
    usable = [n for n in order if n != UNLABELLED and n in categories and (test.category == n).sum() > 1]
    return usable[:count]


def other_samplers(
    main: LatentSampler, autoencoder: str | None, say: Callable[[str], None]
) -> list[LatentSampler]:
    """The package's other generators whose codes the same autoencoder decodes."""
    out = []
    for name in GENERATORS:
        if name != main.model:
            try:
                out.append(load_sampler(name, None, autoencoder))
            except Lift3dError as error:
                say(f"{name} is omitted: {error}")
    return [one for one in out if one.space == main.space]


def nearest_sheet(
    clouds: F32, tiles: list[NDArray[np.uint8]], training: F32, indices: NDArray[np.int64], train: ShapeSet
) -> Pil.Image:
    """A sheet of the first samples, each to the left of its nearest training shape, so that copies are visible."""
    count = min(NOVELTY_SAMPLES, len(tiles))
    nearest = chamfer_matrix(clouds[:count], training).argmin(1)
    pairs = []
    for k in range(count):
        mesh = surface_mesh(train.full(int(indices[nearest[k]])).astype(np.float32), 0.5)
        pairs += [tiles[k], thumbnail(mesh, TILE_SIZE)]
    return contact_sheet(pairs, ["sample", "nearest training shape"] * count, 8)


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text; a dash where there is no value."""
    out = [
        f"means over {', '.join(table['kinds'])}",
        f"{'':<44}{'coverage':>10}{'1-NNA':>8}{'MMD':>10}{'copies':>8}{'novelty':>9}{'GAN-test':>10}",
    ]
    for name, row in table["rows"].items():
        named = "-" if row["named"] is None else f"{row['named']:.3f}"
        out.append(
            f"{name:<44}{row['coverage']:10.3f}{row['one_nn']:8.3f}{row['matching']:10.4f}{row['copies']:8.3f}"
            f"{row['novelty']:9.2f}{named:>10}"
        )
    for category, row in table["kinds"].items():
        solid = ", ".join(f"{k[6:]} {100 * v:.0f} %" for k, v in row.items() if k.startswith("solid "))
        out.append(f"{category}: {row['real']} test shapes, {row['known']} training shapes; solid: {solid}")
    return out
