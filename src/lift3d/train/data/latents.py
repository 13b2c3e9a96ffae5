"""The latents of a corpus' shapes, on which the generative networks are trained. They are computed once for each autoencoder and
cached beside the corpus in CORPUS-codes."""

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
"""Minimum number of training shapes of a category; shapes of smaller categories count as uncategorised."""
UNLABELLED = "unknown"
CHUNK = 16
ASIDE = (4, 6)
"""The orientations (train/data/shape_set.py) that reflect a shape in x and in y."""
MOST_STRETCHES = 16


@dataclass(frozen=True, eq=False)
class Latents:
    """Latents of a split's shapes. values (N, Z, P, P, P) float16: of the shapes unchanged; mirrored (N, Z, P, P, P): of the
    shapes reflected across their symmetry plane; stretched (N, S, Z, P, P, P): in S other proportions, at random reflected;
    kinds (N,): category as an index of `names`, len(names) for no category; space: identifies the autoencoder."""

    values: NDArray[np.float16]
    mirrored: NDArray[np.float16]
    stretched: NDArray[np.float16]
    kinds: NDArray[np.int64]
    names: tuple[str, ...]
    space: str

    def __len__(self) -> int:
        return len(self.values)

    def sample(self, numbers: NDArray[np.int64], rng: np.random.Generator) -> F32:
        """Latents (B, Z, P, P, P) float32 of shapes: unchanged, reflected or stretched, each variant with equal probability."""
        count = 2 + self.stretched.shape[1]
        variants = rng.integers(count, size=len(numbers))
        rows = [
            (self.values, self.mirrored)[variant][i] if variant < 2 else self.stretched[i, variant - 2]
            for i, variant in zip(numbers.tolist(), variants.tolist())
        ]
        return np.stack(rows).astype(np.float32)

    def statistics(self) -> tuple[F32, F32]:
        """Mean and standard deviation of each channel, (Z, 1, 1, 1)."""
        x = self.values.astype(np.float32)
        axes = (0, 2, 3, 4)
        mean, std = x.mean(axes), x.std(axes)
        return mean[:, None, None, None], np.maximum(std, 1e-3)[:, None, None, None]


def frequent_categories(train: ShapeSet) -> tuple[str, ...]:
    """The names of the categories with at least FEWEST shapes, sorted."""
    names, counts = np.unique(train.category, return_counts=True)
    return tuple(str(n) for n, count in zip(names, counts) if count >= FEWEST and n != UNLABELLED)


def load_latents(
    corpus: Corpus, split: str, weights: str, names: tuple[str, ...], stretches: int = 0,
    progress: Callable[[str, float], None] = lambda name, share: None,
) -> Latents:  # fmt: skip
    """The latents of one split, read from the cache or computed. weights: of the autoencoder; stretches: stretched variants of
    each shape."""
    from lift3d.inference.networks import latent_space_id, load_network

    shapes = ShapeSet(corpus, split)
    net, found = load_network("autoencoder", weights)
    assert isinstance(net, ShapeAutoencoder)
    folder = corpus.folder.parent / (corpus.folder.name + SUFFIX)
    path = folder / f"{split}-{shapes.digest()}-{latent_space_id(found)}.safetensors"
    cached = load_or_compute(
        path,
        lambda cached: set(cached) == {"values", "mirrored"} and len(cached["values"]) == len(shapes),
        lambda: _encode_all(shapes, net, progress),
    )
    stretched = np.zeros((len(shapes), 0, *cached["values"].shape[1:]), np.float16)
    if stretches:
        stretched = load_or_compute(
            path.with_name(f"{path.stem}-{stretches}-stretched.safetensors"),
            lambda cached: (
                set(cached) == {"stretched"} and cached["stretched"].shape[:2] == (len(shapes), stretches)
            ),
            lambda: _encode_stretched(shapes, net, stretches, progress),
        )["stretched"]
    number = {name: i for i, name in enumerate(names)}
    kinds = np.array([number.get(str(c), len(names)) for c in shapes.category], np.int64)
    return Latents(cached["values"], cached["mirrored"], stretched, kinds, names, latent_space_id(found))


def _encode_all(
    shapes: ShapeSet, net: ShapeAutoencoder, progress: Callable[[str, float], None]
) -> dict[str, NDArray[Any]]:
    """`values` and `mirrored` of every shape, computed with the caller's number of torch threads."""
    out: dict[str, list[NDArray[np.float16]]] = {"values": [], "mirrored": []}
    for first in range(0, len(shapes), CHUNK):
        progress(f"latents, {shapes.split}", first / len(shapes))
        full = [shapes.full(i) for i in range(first, min(first + CHUNK, len(shapes)))]
        reflected = [orient(f, ASIDE[symmetry_axis(f)]) for f in full]
        for name, group in (("values", full), ("mirrored", reflected)):
            out[name].append(encode(net, np.stack(group)).astype(np.float16))
    return {name: np.concatenate(parts) for name, parts in out.items()}


def _encode_stretched(
    shapes: ShapeSet, net: ShapeAutoencoder, count: int, progress: Callable[[str, float], None]
) -> dict[str, NDArray[Any]]:
    """`stretched`: every shape in `count` other proportions, half of them reflected. The proportions depend on `count` and the
    shape's index alone."""
    out, together = [], max(1, CHUNK // count)
    for first in range(0, len(shapes), together):
        progress(f"stretched latents, {shapes.split}", first / len(shapes))
        group = []
        for i in range(first, min(first + together, len(shapes))):
            full, rng = shapes.full(i), np.random.default_rng([count, i])
            for _ in range(count):
                variant = orient(full, ASIDE[symmetry_axis(full)]) if rng.random() < 0.5 else full
                group.append(random_stretch(variant, rng))
        latents = encode(net, np.stack(group)).astype(np.float16)
        out.append(latents.reshape(-1, count, *latents.shape[1:]))
    return {"stretched": np.concatenate(out)}


def encode(net: ShapeAutoencoder, full: NDArray[np.bool_]) -> F32:
    """Latents (B, Z, P, P, P) of occupancy (B, 64, 64, 64)."""
    device = next(net.parameters()).device
    with torch.no_grad(), autocast_bfloat16(device.type):
        code = net.encode(torch.from_numpy(full).to(device).float())
    return np.asarray(code.float().cpu().numpy())
