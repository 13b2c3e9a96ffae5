"""Features of a corpus' shapes by the pre-trained backbone (inference/picture_features.py): of pictures with backgrounds, of
renderings from around, and of renderings of shapes that do not stand upright. They are computed once and cached beside the corpus
in CORPUS-vectors; what is trained on them takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.inference.embedding import ELEVATIONS, render_directions
from lift3d.inference.picture_features import features_in_batches
from lift3d.nets.dense.backbone_embedding import FEATURES, IMAGE_SIZE
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.train.data.array_cache import load_or_compute
from lift3d.train.data.labelled_shapes import random_rotation
from lift3d.train.data.view_set import ViewSet, network_input
from lift3d.types import F32, F64

SUFFIX = "-vectors"
SEED = 27
LUMINANCE = (0.299, 0.587, 0.114)
TILTED_VIEWS = 2
"""Renderings of a shape in each pose that is not upright."""
Features = NDArray[np.float16]
Owners = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Features of each shape: of at most so many pictures and renderings; tilted: fraction of the shapes of which poses that are
    not upright are rendered as well."""

    pictures: int = 2
    renderings: int = 4
    tilted: float = 0.0


@dataclass(frozen=True, eq=False)
class PictureFeatures:
    """shapes (N,): indices in the corpus. pictures (M, F), renderings (R, F) and tilted (T, F): features, those of a shape
    adjacent, with the row in `shapes` of each in the arrays called owners. digest: hash of the pictures."""

    shapes: NDArray[np.int64]
    pictures: Features
    picture_owners: Owners
    renderings: Features
    rendering_owners: Owners
    tilted: Features
    tilted_owners: Owners
    digest: str


def load_picture_features(
    pictures: Path,
    corpus: Corpus,
    split: str,
    counts: Counts,
    progress: Callable[[float], None] = lambda f: None,
) -> PictureFeatures:
    """The features of one split, read from the cache or computed."""
    views = ViewSet(pictures, corpus, split)
    shapes, digest = np.array(sorted(views.views), np.int64), views.pictures.digest()
    folder = corpus.folder.parent / (corpus.folder.name + SUFFIX)
    name = f"{split}-{digest}-backbone-{counts.pictures}-{counts.renderings}-{counts.tilted:g}.safetensors"
    kinds = ("pictures", "renderings", "tilted")
    wanted = {*kinds, *(f"{kind}_owners" for kind in kinds)}

    def fits(cached: dict[str, NDArray[Any]]) -> bool:
        return set(cached) == wanted and all(len(cached[k]) == len(cached[f"{k}_owners"]) for k in kinds)

    found = load_or_compute(folder / name, fits, lambda: _compute(views, shapes, counts, progress))
    return PictureFeatures(
        shapes, found["pictures"], found["pictures_owners"], found["renderings"], found["renderings_owners"],
        found["tilted"], found["tilted_owners"], digest,
    )  # fmt: skip


def _compute(
    views: ViewSet, shapes: NDArray[np.int64], counts: Counts, progress: Callable[[float], None]
) -> dict[str, NDArray[Any]]:
    rows: dict[str, list[Features]] = {kind: [] for kind in ("pictures", "renderings", "tilted")}
    owners: dict[str, list[int]] = {kind: [] for kind in rows}
    for row, number in enumerate(shapes):
        shape = int(number)
        blocks = {
            "pictures": _pictures(views, shape, counts.pictures),
            "renderings": _renderings(views.corpus, shape, counts.renderings),
            "tilted": _tilted(views.corpus, shape, counts.tilted),
        }
        stacked = np.concatenate(list(blocks.values()))
        features = compute_features(stacked)
        for kind, block in blocks.items():
            rows[kind].append(features[: len(block)])
            owners[kind] += [row] * len(block)
            features = features[len(block) :]
        progress((row + 1) / len(shapes))
    empty = np.zeros((0, FEATURES), np.float16)
    out: dict[str, NDArray[Any]] = {kind: np.concatenate([empty, *some]) for kind, some in rows.items()}
    return out | {f"{kind}_owners": np.array(some, np.int64) for kind, some in owners.items()}


def compute_features(pictures: F32) -> Features:
    """Features (N, F) of cut-outs (N, 4, S, S) in the precision of training."""
    with autocast_bfloat16():
        return features_in_batches(torch.from_numpy(pictures)).numpy().astype(np.float16)


def _pictures(views: ViewSet, shape: int, count: int) -> F32:
    """Cut-outs of pictures of a shape; every second has a corrupted mask and a jittered crop, as predicted for photos."""
    out = [np.zeros((0, 4, IMAGE_SIZE, IMAGE_SIZE), np.float32)]
    for k, number in enumerate(views.views[shape][:count]):
        view = views.view(int(number), np.random.default_rng([shape, k]) if k % 2 else None)
        if view is not None:
            out.append(network_input(view, IMAGE_SIZE)[None])
    return np.concatenate(out)


def _renderings(corpus: Corpus, shape: int, count: int) -> F32:
    """Cut-outs of a shape from around, in directions that differ a little from shape to shape, and one of them without colour,
    because many files have none."""
    rng = np.random.default_rng([SEED, shape])
    directions = [
        (360 / count * k + 15 + rng.uniform(-20, 20), ELEVATIONS[k % len(ELEVATIONS)] + rng.uniform(-6, 6))
        for k in range(count)
    ]
    seen = _visible(corpus, shape, directions)
    return np.concatenate([seen, without_colour(seen[rng.permutation(len(seen))[:1]])])


def without_colour(pictures: F32) -> F32:
    """Cut-outs (N, 4, S, S) whose colours are replaced by their luminance."""
    out = pictures.copy()
    out[:, :3] = np.einsum("nchw,c->nhw", pictures[:, :3], np.array(LUMINANCE, np.float32))[:, None]
    return out


def _tilted(corpus: Corpus, shape: int, fraction: float) -> F32:
    """Cut-outs of a shape in three poses in which it does not stand upright."""
    rng = np.random.default_rng([SEED, shape, 1])
    out = [np.zeros((0, 4, IMAGE_SIZE, IMAGE_SIZE), np.float32)]
    if rng.random() < fraction:
        for rotation in wrong_poses(rng):
            directions = [
                (360 / TILTED_VIEWS * k + rng.uniform(0, 180), ELEVATIONS[k]) for k in range(TILTED_VIEWS)
            ]
            out.append(_visible(corpus, shape, directions, rotation))
    return np.concatenate(out)


def wrong_poses(rng: np.random.Generator) -> list[F64]:
    """Rotations (3, 3) of a shape that stands upright: upside down or on a side, two of five, with any azimuth, and one that is
    uniform over all rotations."""
    out = []
    for k in rng.permutation(5)[:2]:
        up = np.vstack([np.eye(3), -np.eye(3)])[[5, 0, 3, 1, 4]][int(k)]
        front = np.eye(3)[(np.abs(up).argmax() + 1) % 3]
        angle = rng.uniform(0, 2 * np.pi)
        cos, sin = np.cos(angle), np.sin(angle)
        about_z = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        out.append(about_z @ np.stack([front, np.cross(up, front), up]))
    return [*out, random_rotation(rng, "any").astype(np.float64)]


def _visible(
    corpus: Corpus, shape: int, directions: list[tuple[float, float]], rotation: F64 | None = None
) -> F32:
    """Cut-outs of a shape; none where nothing is visible."""
    try:
        return render_directions(corpus.parts(shape), directions, IMAGE_SIZE, 1, rotation)
    except InputError:  # the model consists of transparent parts alone
        return np.zeros((0, 4, IMAGE_SIZE, IMAGE_SIZE), np.float32)
