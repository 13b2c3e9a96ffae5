"""The table of a generator: its draws for the largest kinds, beside real shapes never seen (evaluate/scores/generation.py).

Beside it: as many training shapes drawn again, mixes of two training neighbours, the prior of the autoencoder, the other
generator, and real shapes through the code (what the code itself costs).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError, Lift3dError
from lift3d.evaluate.autoencoder import Coded, mesh_of
from lift3d.evaluate.scores.gan_test import Judge
from lift3d.evaluate.scores.generation import POINTS, compared, nearest_among, points_of
from lift3d.geometry.metrics.chamfer import chamfer_matrix
from lift3d.geometry.symmetry.symmetrize import symmetrize
from lift3d.inference.generators import GENERATORS, LatentSampler, load_sampler
from lift3d.inference.networks import inference_mode, load_network
from lift3d.inference.rejection_sampling import sample_with_rejection
from lift3d.io.files.atomic import write_bytes
from lift3d.io.image.contact_sheet import contact_sheet
from lift3d.maps.latent_to_voxels import MARGIN
from lift3d.nets.blocks import GRID_SIZE
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.pipelines.latent_solid import decode_solid
from lift3d.pipelines.models import thumbnail
from lift3d.train.data.latents import UNLABELLED
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32, Latent

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
KINDS = 5
MOST = 150
"""Draws of a kind, and real shapes that they are compared with."""
TILE, NOVEL = 128, 32
"""Pixels of a picture; draws that are shown beside what was known."""
EMPTY = np.zeros((POINTS, 3), np.float32)
B1 = NDArray[np.bool_]
Row = dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Beside:
    """Real shapes of a kind, those that are known, and how near to each other these are: what draws are measured beside."""

    kind: str
    real: F32
    known: F32
    usual: NDArray[np.float64]
    judge: Judge

    def row(self, clouds: F32, cells: list[B1]) -> Row:
        """What is measured of drawn things, as clouds and as cells (generation.py, named.py)."""
        said = compared(clouds, self.real, self.known, self.usual)
        return {**asdict(said), "named": self.judge.said(self.kind, cells)}


def evaluate_samples(
    model: str, corpus: Path, weights: str | None, autoencoder: str | None, split: str, limit: int | None,
    output: Path | None, say: Say, progress: Progress, seed: int = 0, others: bool = True,
) -> list[str]:  # fmt: skip
    """The table's lines; `output` gets JSON and a sheet of draws for each kind."""
    held = Corpus(corpus)
    train, test = ShapeSet(held, "train"), ShapeSet(held, split)
    main = load_sampler(model, weights, autoencoder)
    wanted = largest(train, test, main.categories, KINDS)
    if not wanted:
        raise InputError("no kind has shapes enough to compare with", "build a larger corpus")
    codec, _ = load_network("autoencoder", autoencoder)
    assert isinstance(codec, ShapeAutoencoder)
    drawers = [main] + (other_drawers(model, main, autoencoder, say) if others else [])
    judge = Judge()
    rows: dict[str, list[Row]] = {}
    result: dict[str, Any] = {
        "kinds": {},
        "weights": main.found.sha256,
        "split": split,
        "seed": seed,
    }
    for k, kind in enumerate(wanted):
        rng = np.random.default_rng([seed, k])
        known_numbers = np.flatnonzero(train.category == kind)
        real_numbers = np.flatnonzero(test.category == kind)[: limit or MOST]
        known, real = clouds(train, known_numbers), clouds(test, real_numbers)
        usual = nearest_among(known)
        count = len(real)
        picked = rng.permutation(len(known))[:count]

        beside_real = Beside(kind, real, known, usual, judge)
        again = compared(known[picked], real, np.delete(known, picked, 0), usual)
        table: dict[str, Row] = {
            "training shapes, resampled": asdict(again) | {"named": None},  # the judge has learned from them
            "interpolations of two training neighbours": beside_real.row(
                *mixes(train, known_numbers, known, count, rng)
            ),
            f"{model}, first sample": beside_real.row(*surfaces(main, kind, count, seed, codec)),
            "test shapes, autoencoded": beside_real.row(*through(test, real_numbers, codec)),
        }
        told: dict[str, Any] = {"real": count, "known": len(known)}
        for j, one in enumerate(drawers):
            if one is not main:
                table[one.model] = beside_real.row(*surfaces(one, kind, count, seed, codec))
                continue
            drawn, cells, solid, seen = draws(
                one, kind, count, seed, autoencoder,
                lambda f, j=j, k=k: progress("kinds", (k + (1 + j + f) / (1 + len(drawers))) / len(wanted)),  # type: ignore[misc]
            )  # fmt: skip
            table[model] = beside_real.row(drawn, cells)
            told |= {f"solid {model}": solid}
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
                contact_sheet(seen, [""] * len(seen), 8).save(output / f"{model}-{kind}.png", format="PNG")
                beside(drawn, seen, known, known_numbers, train).save(
                    output / f"{model}-{kind}-nearest.png", format="PNG"
                )
        for name, said in table.items():
            rows.setdefault(name, []).append(said)
        result["kinds"][kind] = told | table
        progress("kinds", (k + 1) / len(wanted))
    result["rows"] = {
        name: {c: mean_of_known([r[c] for r in some]) for c in some[0]} for name, some in rows.items()
    }
    if output is not None:
        write_bytes(output / f"{model}.json", (json.dumps(result, indent=1) + "\n").encode())
    return lines(result)


def mean_of_known(values: list[float | None]) -> float | None:
    """None if none is known."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def largest(train: ShapeSet, test: ShapeSet, kinds: tuple[str, ...], count: int) -> list[str]:
    """The kinds with most shapes in both splits together."""
    names, sizes = np.unique(np.concatenate([train.category, test.category]), return_counts=True)
    order = [str(names[i]) for i in np.argsort(-sizes, kind="stable")]
    able = [n for n in order if n != UNLABELLED and n in kinds and (test.category == n).sum() > 1]
    return able[:count]


def other_drawers(model: str, main: LatentSampler, autoencoder: str | None, say: Say) -> list[LatentSampler]:
    """The package's other generators, as far as they fit the same codes."""
    out = []
    for name in GENERATORS:
        if name != model:
            try:
                out.append(load_sampler(name, None, autoencoder))
            except Lift3dError as error:
                say(f"{name} is left out: {error}")
    return [one for one in out if one.space == main.space]


def clouds(shapes: ShapeSet, numbers: NDArray[np.int64]) -> F32:
    """(N, 1024, 3) of the shapes' cells."""
    return np.stack([points_of(mesh_of(shapes.full(int(i)).astype(np.float32), 0.5)) for i in numbers])


def mixes(
    train: ShapeSet, numbers: NDArray[np.int64], known: F32, count: int, rng: np.random.Generator
) -> tuple[F32, list[B1]]:
    """Clouds and cells of what one of two neighbours fills, or half of what only one does: the level set of their mean
    distance."""
    from scipy import ndimage

    out: list[F32] = []
    cells: list[B1] = []
    first = rng.permutation(len(numbers))[:count]
    away = chamfer_matrix(known[first], known)
    away[np.arange(len(first)), first] = np.inf
    for i, other in zip(first, away.argmin(1)):
        pair = [train.full(int(numbers[j])) for j in (i, other)]
        far = sum(ndimage.distance_transform_edt(p) - ndimage.distance_transform_edt(~p) for p in pair)
        full = np.asarray(far > 0)
        cells.append(full if full.any() else pair[0])
        out.append(points_of(mesh_of(cells[-1].astype(np.float32), 0.5)))
    return np.stack(out), cells


def through(test: ShapeSet, numbers: NDArray[np.int64], codec: ShapeAutoencoder) -> tuple[F32, list[B1]]:
    """Real shapes as their codes hold them."""
    maker = Coded(codec)
    out: list[F32] = []
    cells: list[B1] = []
    for i in numbers:
        full = test.full(int(i))
        share = maker.again(full[None])[0]
        out.append(points_of(mesh_of(share if (share > 0.5).any() else full.astype(np.float32), 0.5)))
        cells.append(share > 0.5)
    return np.stack(out), cells


def surfaces(
    held: LatentSampler, kind: str, count: int, seed: int, codec: ShapeAutoencoder
) -> tuple[F32, list[B1]]:
    """Clouds of the first draws of a generator that ours is compared with, without making solids of them: of noise that
    would take minutes each."""
    number = held.categories.index(kind) if held.categories else 0
    out: list[F32] = []
    cells: list[B1] = []
    for k in range(count):
        with inference_mode():
            code = torch.from_numpy(held.sample(number, (seed, k)))[None]
            share = codec.decode(code).sigmoid()[0].numpy()
        share = symmetrize(share, 0.5)[0]
        out.append(points_of(mesh_of(share, 0.5)) if (share > 0.5).any() else EMPTY)
        cells.append(share > 0.5)
    return np.stack(out), cells


def draws(
    held: LatentSampler,
    kind: str,
    count: int,
    seed: int,
    autoencoder: str | None,
    progress: Callable[[float], None],
) -> tuple[F32, list[B1], float, list[NDArray[np.uint8]]]:
    """Clouds and cells of the first draws, none left out but those that fill nothing; the share of solids among all draws;
    pictures."""
    number = held.categories.index(kind) if held.categories else 0
    rows: list[F32] = []
    cells: list[B1] = []
    tiles: list[NDArray[np.uint8]] = []
    tried = 0
    while len(rows) < count and tried < 3 * count:
        code = sample_with_rejection(held, number, (seed, tried), autoencoder)
        made = decode_solid(Latent(code, held.space), autoencoder, symmetric=True)
        tried += 1
        if made is None:
            continue
        rows.append(points_of(made.mesh))
        cells.append(made.occupancy[(slice(MARGIN, -MARGIN),) * 3])
        progress(len(rows) / count)
        if len(tiles) < 64:
            tiles.append(thumbnail(made.mesh, TILE))
    solid = len(rows) / max(tried, 1)
    cells += [np.zeros((GRID_SIZE,) * 3, bool)] * (count - len(rows))
    rows += [EMPTY] * (count - len(rows))
    return np.stack(rows), cells, solid, tiles


def beside(
    drawn: F32, tiles: list[NDArray[np.uint8]], known: F32, numbers: NDArray[np.int64], train: ShapeSet
) -> Any:
    """A sheet of the first draws, each with the training shape nearest to it at its right: is it new?"""
    count = min(NOVEL, len(tiles))
    nearest = chamfer_matrix(drawn[:count], known).argmin(1)
    pairs = []
    for k in range(count):
        mesh = mesh_of(train.full(int(numbers[nearest[k]])).astype(np.float32), 0.5)
        pairs += [tiles[k], thumbnail(mesh, TILE)]
    return contact_sheet(pairs, ["drawn", "nearest known"] * count, 8)


def lines(result: dict[str, Any]) -> list[str]:
    """The table for a person."""
    out = [
        f"means over {', '.join(result['kinds'])}",
        f"{'':<36}{'coverage':>10}{'1-NNA':>8}{'matching':>10}{'copies':>8}{'novelty':>9}{'named':>8}",
    ]
    for name, row in result["rows"].items():
        out.append(
            f"{name:<36}{row['coverage']:10.3f}{row['one_nn']:8.3f}{row['matching']:10.4f}{row['copies']:8.3f}{row['novelty']:9.2f}"
            f"{share(row['named']):>8}"
        )
    for kind, row in result["kinds"].items():
        solid = ", ".join(f"{k[6:]} {100 * v:.0f} %" for k, v in row.items() if k.startswith("solid "))
        out.append(f"{kind}: {row['real']} real, {row['known']} known; solid: {solid}")
    return out


def share(value: float | None) -> str:
    """For a table: a dash where nothing is known."""
    return "-" if value is None else f"{value:.3f}"
