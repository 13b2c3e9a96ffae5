"""The codes of a corpus' shapes, which the generative networks learn from: made once for each autoencoder, and kept beside
the corpus in CORPUS-codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.train.data.anisotropic_scaling import random_stretch
from lift3d.train.data.array_cache import load_or_compute
from lift3d.train.data.shape_set import ShapeSet, orient
from lift3d.train.data.view_set import symmetry_axis
from lift3d.types import F32

SUFFIX = "-codes"
FEWEST = 20
"""Training shapes that a kind must have to be learned as one; the others are learned without a name."""
UNLABELLED = "unknown"
CHUNK = 16
ASIDE = (4, 6)
"""The moves (train/data/shape_set.py) that mirror a shape across x and across y."""
MOST_STRETCHES = 16


@dataclass(frozen=True, eq=False)
class Latents:
    """values (N, Z, 8, 8, 8) float16 of a split's shapes as they stand, mirrored the same from side to side; stretched
    (N, S, Z, 8, 8, 8) in S other proportions, each mirrored or not; kinds (N,) numbers of `names`, len(names) for a shape
    without a kind; space: which autoencoder's."""

    values: NDArray[np.float16]
    mirrored: NDArray[np.float16]
    stretched: NDArray[np.float16]
    kinds: NDArray[np.int64]
    names: tuple[str, ...]
    space: str

    def __len__(self) -> int:
        return len(self.values)

    def some(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> F32:
        """(B, Z, 8, 8, 8): of each shape one of its ways, all as likely."""
        ways = 2 + self.stretched.shape[1]
        chosen = rng.integers(ways, size=len(numbers))
        rows = [
            (self.values, self.mirrored)[way][i] if way < 2 else self.stretched[i, way - 2]
            for i, way in zip(numbers.tolist(), chosen.tolist())
        ]
        return np.stack(rows).astype(np.float32)

    def statistics(self) -> tuple[F32, F32]:
        """Mean and standard deviation of each channel, (Z, 1, 1, 1)."""
        x = self.values.astype(np.float32)
        axes = (0, 2, 3, 4)
        middle, spread = x.mean(axes), x.std(axes)
        return middle[:, None, None, None], np.maximum(spread, 1e-3)[:, None, None, None]


def frequent_categories(train: ShapeSet) -> tuple[str, ...]:
    """The categories that have shapes enough, by name."""
    names, counts = np.unique(train.category, return_counts=True)
    return tuple(str(n) for n, count in zip(names, counts) if count >= FEWEST and n != UNLABELLED)


def load_latents(
    corpus: Corpus, split: str, weights: str, names: tuple[str, ...], stretches: int = 0,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> Latents:  # fmt: skip
    """Of one split, from the kept file or made now; weights: of the autoencoder; stretches: other proportions of each shape."""
    from lift3d.inference.networks import latent_space_id, load_network

    shapes = ShapeSet(corpus, split)
    net, found = load_network("autoencoder", weights)
    assert isinstance(net, ShapeAutoencoder)
    folder = corpus.folder.parent / (corpus.folder.name + SUFFIX)
    path = folder / f"{split}-{shapes.digest()}-{latent_space_id(found)}.safetensors"
    held = load_or_compute(
        path,
        lambda held: set(held) == {"values", "mirrored"} and len(held["values"]) == len(shapes),
        lambda: _made(shapes, net, progress),
    )
    others = np.zeros((len(shapes), 0, *held["values"].shape[1:]), np.float16)
    if stretches:
        others = load_or_compute(
            path.with_name(f"{path.stem}-{stretches}-stretched.safetensors"),
            lambda held: (
                set(held) == {"stretched"} and held["stretched"].shape[:2] == (len(shapes), stretches)
            ),
            lambda: _stretched(shapes, net, stretches, progress),
        )["stretched"]
    number = {name: i for i, name in enumerate(names)}
    kinds = np.array([number.get(str(c), len(names)) for c in shapes.category], np.int64)
    return Latents(held["values"], held["mirrored"], others, kinds, names, latent_space_id(found))


def _made(
    shapes: ShapeSet, net: ShapeAutoencoder, progress: Callable[[str, float], None]
) -> dict[str, NDArray[Any]]:
    """Both codes of every shape. The torch threads are the caller's."""
    out: dict[str, list[NDArray[np.float16]]] = {"values": [], "mirrored": []}
    for first in range(0, len(shapes), CHUNK):
        progress(f"codes, {shapes.split}", first / len(shapes))
        full = [shapes.full(i) for i in range(first, min(first + CHUNK, len(shapes)))]
        aside = [orient(f, ASIDE[symmetry_axis(f)]) for f in full]
        for name, some in (("values", full), ("mirrored", aside)):
            out[name].append(encode(net, np.stack(some)).astype(np.float16))
    return {name: np.concatenate(parts) for name, parts in out.items()}


def _stretched(
    shapes: ShapeSet, net: ShapeAutoencoder, count: int, progress: Callable[[str, float], None]
) -> dict[str, NDArray[Any]]:
    """Every shape in `count` other proportions, half of them mirrored from side to side; which ones follows from its number."""
    out, together = [], max(1, CHUNK // count)
    for first in range(0, len(shapes), together):
        progress(f"other proportions, {shapes.split}", first / len(shapes))
        some = []
        for i in range(first, min(first + together, len(shapes))):
            full, rng = shapes.full(i), np.random.default_rng([count, i])
            for _ in range(count):
                way = orient(full, ASIDE[symmetry_axis(full)]) if rng.random() < 0.5 else full
                some.append(random_stretch(way, rng))
        said = encode(net, np.stack(some)).astype(np.float16)
        out.append(said.reshape(-1, count, *said.shape[1:]))
    return {"stretched": np.concatenate(out)}


def encode(net: ShapeAutoencoder, full: NDArray[np.bool_]) -> F32:
    """(B, Z, 8, 8, 8) codes of (B, 64, 64, 64)."""
    device = next(net.parameters()).device
    with torch.no_grad(), autocast_bfloat16(device.type):
        code = net.encode(torch.from_numpy(full).to(device).float())
    return np.asarray(code.float().cpu().numpy())
