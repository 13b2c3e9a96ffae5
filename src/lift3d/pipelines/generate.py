"""New models of a category: the pipeline of `lift3d generate`.

label -> label_to_latent -> latent_to_voxels -> voxels_to_mesh -> (mesh_to_solid)
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Progress
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.metrics.iou import iou
from lift3d.inference.rejection_sampling import CANDIDATES, sample_with_rejection
from lift3d.pipelines.arguments import Message, PathLike, or_ignore, or_silent
from lift3d.pipelines.latent_solid import DecodedSolid, decode_solid, scale_to_longest_side
from lift3d.pipelines.models import (
    MAX_TILES,
    Models,
    ModelWriter,
    model_names,
    require_format,
    require_new_folder,
)
from lift3d.types import F32, Latent
from lift3d.units import parse_length

if TYPE_CHECKING:
    from lift3d.inference.generators import LatentSampler

MAX_COUNT = 10_000
SECONDS_PER_MODEL, MEGABYTES_PER_MODEL = 1.2, 0.5
"""Approximate cost of one model, announced from `ANNOUNCE_COST` models on."""
ANNOUNCE_COST = 100
MAX_OVERLAP = 0.92
"""Two solids with a larger IoU of their voxels count as the same model."""
MAX_SAMPLES_PER_MODEL = 4
MIN_MAX_SAMPLES = 16
"""After `MAX_SAMPLES_PER_MODEL` samples per model, or this many if that is more, generation gives up."""
MAX_CANDIDATES = 64
MAX_STEM = 60
"""Characters of a category in file names."""
UNCONDITIONAL = "thing"
"""The stem of file names for a generator without categories."""
NO_CATEGORY = "no category is given", "name a category, as in lift3d generate chair -o chairs"


@dataclass(frozen=True)
class Options:
    """Options of a generation, checked on construction; see `generate`. size: longest side in metres or None."""

    count: int = 1
    seed: int = 0
    model: str = "flow"
    size: float | None = None
    weights: str | None = None
    autoencoder: str | None = None
    symmetric: bool = True
    candidates: int = CANDIDATES
    layout: bool = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"the number of models is {self.count}", "give 1 or more with -n")
        if self.count > MAX_COUNT:
            hours, gigabytes = self.count * SECONDS_PER_MODEL / 3600, self.count * MEGABYTES_PER_MODEL / 1000
            raise InputError(
                f"{self.count} models would take about {hours:.0f} hours and {gigabytes:.0f} GB",
                f"ask for {MAX_COUNT} at most, and for more with another --seed",
            )
        if not 1 <= self.candidates <= MAX_CANDIDATES:
            raise InputError(f"--candidates is {self.candidates}", f"give 1 to {MAX_CANDIDATES}")
        if self.seed < 0:
            raise InputError(f"the seed {self.seed} is negative", "give 0 or more")


def generate(
    category: str | None = None,
    output: PathLike | None = None,
    *,
    count: int = 1,
    seed: int = 0,
    model: str = "flow",
    size: str | float | None = None,
    format: str = "glb",
    weights: str | None = None,
    autoencoder: str | None = None,
    symmetric: bool = True,
    candidates: int = CANDIDATES,
    layout: bool = True,
    progress: Progress | None = None,
    message: Message | None = None,
) -> Models:
    """Generate models of a category: closed meshes on a flat base, z up, that differ from each other.

    category: a name of `categories(model)`, singular or plural; None only for the model "prior".
    output: a new folder for CATEGORY-01.FORMAT ..., sheet.png and report.json; None keeps the meshes in memory.
    count: 1 to 10,000; the first models of a larger count are those of a smaller one. seed: same seed, same models.
    model: "flow", "gan" or "prior". size: the longest side, "80mm" or in metres; None is 1 without a unit.
    weights, autoencoder: a run's folder or a weights file; the package's own if None.
    symmetric: make nearly symmetric shapes exactly symmetric. candidates: latent codes sampled for each model, of which the
    first whose uncertainty is usual for the category is taken. layout: begin with a layout that is usual for the category.

    Raises InputError for an argument that cannot be used, CaptureError where the generator has no `count` different solids.
    """
    from lift3d.inference.generators import find_autoencoder

    options = Options(
        count, seed, model, parse_length(size) if isinstance(size, str) else size, weights,
        autoencoder or find_autoencoder(weights), symmetric, candidates, layout,
    )  # fmt: skip
    format = require_format(format)
    if output is not None:
        require_new_folder(Path(output))
    generator = load_generator(options)
    category = resolve_category(generator, category)
    if output is not None and count >= ANNOUNCE_COST:
        or_ignore(message)(
            f"{count} models take about {count * SECONDS_PER_MODEL / 60:.0f} min and "
            f"{count * MEGABYTES_PER_MODEL:.0f} MB"
        )
    run = _Generation(generator, category, options, or_silent(progress))
    return run.in_memory() if output is None else run.write(Path(output), format)


def categories(
    model: str = "flow", *, weights: str | None = None, autoencoder: str | None = None
) -> tuple[str, ...]:
    """The categories that a generator knows. Raises InputError for one that knows none."""
    from lift3d.inference.generators import find_autoencoder, load_sampler

    known = load_sampler(model, weights, autoencoder or find_autoencoder(weights)).categories
    if not known:
        raise InputError(f"{model} knows no categories", "leave --model out for the categories of the flow")
    return known


class _Generation:
    """One call of `generate`, with its options checked."""

    def __init__(self, generator: LatentSampler, category: str, options: Options, progress: Progress) -> None:
        self.generator, self.category, self.options, self.progress = generator, category, options, progress
        self.names = model_names(file_stem(category), options.count)
        self.rows: list[dict[str, Any]] = []
        self.started = time.monotonic()

    def solids(self) -> Iterator[DecodedSolid]:
        """The solids at their size; notes an entry of the report for each."""
        for i, solid in enumerate(sample_solids(self.generator, self.category, self.options)):
            solid.mesh = scale_to_longest_side(solid.mesh, self.options.size)
            extent = np.ptp(np.asarray(solid.mesh.vertices), axis=0)
            self.rows.append(
                {
                    "faces": len(solid.mesh.faces),
                    "samples": solid.samples,
                    "size": [round(float(e), 5) for e in extent],
                }
            )
            yield solid
            self.progress("generate", (i + 1) / self.options.count)

    def in_memory(self) -> Models:
        meshes = [solid.mesh for solid in self.solids()]
        return Models(self.names, self.report(), meshes)

    def write(self, output: Path, format: str) -> Models:
        from lift3d.io.files.staging import staging_folder

        with staging_folder(output) as staged:
            writer = ModelWriter(staged, format, MAX_TILES)
            for name, solid in zip(self.names, self.solids(), strict=True):
                writer.add(name, solid.mesh)
            report = writer.finish(self.report())
        return writer.models(output, report)

    def report(self) -> dict[str, Any]:
        from lift3d.runtime.environment import versions

        options = self.options
        return {
            **versions(), "category": self.category, "model": options.model, "weights": self.generator.found.name,
            "seed": options.seed, "layout": self.category in self.generator.with_pca,
            "unit": None if options.size is None else "m", "models": self.rows,
            "samples": sum(int(row["samples"]) for row in self.rows),
            "seconds": round(time.monotonic() - self.started, 2),
        }  # fmt: skip


def sample_solids(generator: LatentSampler, category: str, options: Options) -> Iterator[DecodedSolid]:
    """`options.count` solids of a category, each unlike the ones before it, in the decoder's unit frame.

    Raises CaptureError when too many samples are alike or fill nothing.
    """
    index = generator.categories.index(category) if generator.categories else 0
    accepted: list[NDArray[np.bool_]] = []
    samples, since = 0, 0

    def sample(number: int) -> F32:
        return sample_with_rejection(
            generator, index, (options.seed, number), options.autoencoder, options.candidates
        )

    with Prefetch(sample) as codes:
        while len(accepted) < options.count:
            if samples >= max(MAX_SAMPLES_PER_MODEL * options.count, MIN_MAX_SAMPLES):
                raise CaptureError(
                    f"after {samples} samples there are {len(accepted)} solids of {category} that differ: "
                    "the generator has no more",
                    f"ask for {max(len(accepted), 1)}, or for another category",
                )
            code = codes.get(samples, more=len(accepted) + 1 < options.count)
            samples, since = samples + 1, since + 1
            latent = Latent(code, generator.space)
            solid = decode_solid(latent, options.autoencoder, options.seed, options.symmetric)
            if solid is None or any(iou(solid.occupancy, other) > MAX_OVERLAP for other in accepted):
                continue
            accepted.append(solid.occupancy)
            solid.samples, since = since, 0
            yield solid


class Prefetch:
    """sample(0), sample(1), ...: the next one is computed in a thread while the caller works on the last. Context manager.

    Torch and the kernels of the geometry release the interpreter lock, so both run at the same time.
    """

    def __init__(self, sample: Callable[[int], F32]) -> None:
        self.sample, self.next = sample, dict[int, Future[F32]]()
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *raised: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def get(self, number: int, more: bool) -> F32:
        """Sample `number`; more: whether sample `number + 1` is likely to be needed."""
        waiting = self.next.pop(number, None)
        code = self.sample(number) if waiting is None else waiting.result()
        if more:
            self.next[number + 1] = self.pool.submit(self.sample, number + 1)
        return code


def resolve_category(generator: LatentSampler, category: str | None) -> str:
    """The generator's name of a category, `UNCONDITIONAL` for a generator without any. Raises InputError for an unknown one."""
    from lift3d.taxonomy.lookup import category_index

    if generator.categories and category is not None:
        return generator.categories[category_index(generator.categories, category)]
    if generator.categories:
        raise InputError(*NO_CATEGORY)
    if category is not None:
        raise InputError(
            f"{generator.model} knows no categories", "leave the category out, or leave --model out"
        )
    return UNCONDITIONAL


def file_stem(category: str) -> str:
    """A category as the stem of a file name: any trained network may bring names of its own."""
    return re.sub(r"\W+", "_", category)[:MAX_STEM]


def load_generator(options: Options) -> LatentSampler:
    """The generator with its weights. Raises InputError for an unknown model or weights."""
    from lift3d.inference.generators import load_sampler

    begin = None if options.layout else 0.0
    return load_sampler(options.model, options.weights, options.autoencoder, begin=begin)
