"""Embedding vectors of a corpus' shapes: of pictures of each shape, of its occupancy, and of the renderings by which
`lift3d classify` knows a model. They are computed once for the weights of an embedding and cached beside the corpus in
CORPUS-vectors."""

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
from lift3d.geometry.parts.clean import clean_parts
from lift3d.inference.backbone import ORIGIN
from lift3d.inference.embedding import VIEW_COUNT, EmbeddingNetwork, mean_vector, render_views
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE
from lift3d.train.data.array_cache import load_or_compute
from lift3d.train.data.picture_features import Counts, PictureFeatures, load_picture_features
from lift3d.train.data.view_set import ViewSet, network_input, oriented_shape
from lift3d.types import F32

SUFFIX = "-vectors"
PICTURES = 8
"""Maximum number of pictures of a shape. Every second picture has a corrupted mask and a jittered crop, as predicted for
photos."""
MIRROR = 4
"""The orientation (train/data/shape_set.py) that reflects a shape."""
CHUNK = 32
OWN_COUNTS = Counts(PICTURES, VIEW_COUNT)


@dataclass(frozen=True, eq=False)
class EmbeddingVectors:
    """shapes (N,): indices in the corpus; views (M, D): vectors of pictures, those of one shape adjacent; owners (M,): the row
    in `shapes` of each view; solids (N, 2, D): vectors of the shapes, unchanged and reflected; space: identifies the embedding's
    weights; digest: hash of the pictures. renderings (R, D), rendered (R,): vectors of the renderings of a model in
    inference/embedding.py and the row of each; None where they are not needed. pretrained: the backbone of the embedding; empty
    without one."""

    shapes: NDArray[np.int64]
    views: NDArray[np.float16]
    owners: NDArray[np.int64]
    solids: NDArray[np.float16]
    space: str
    digest: str
    renderings: NDArray[np.float16] | None = None
    rendered: NDArray[np.int64] | None = None
    pretrained: str = ""


def load_vectors(
    pictures: Path,
    corpus: Corpus,
    split: str,
    weights: str,
    progress: Callable[[float], None] = lambda f: None,
    renderings: bool = False,
) -> EmbeddingVectors:
    """The vectors of one split, read from the cache or computed. weights: of the embedding; renderings: whether the vectors of
    renderings are wanted too."""
    space = EmbeddingNetwork(weights)
    if space.on_backbone:
        features = load_picture_features(pictures, corpus, split, counts_of(corpus), progress)
        return _project(features, space, renderings)
    solids = ViewSet(pictures, corpus, split)
    folder = corpus.folder.parent / (corpus.folder.name + SUFFIX)
    digest = solids.pictures.digest()
    path = folder / f"{split}-{digest}-{space.name}.safetensors"
    shapes = np.array(sorted(solids.views), np.int64)
    done = 0.5 if renderings else 1.0
    cached = load_or_compute(
        path,
        lambda cached: set(cached) == {"views", "owners", "solids"} and len(cached["solids"]) == len(shapes),
        lambda: _compute_all(solids, shapes, space, lambda f: progress(done * f)),
    )
    rendered: tuple[NDArray[Any], NDArray[Any]] | tuple[None, None] = (None, None)
    if renderings:
        found = load_or_compute(
            folder / f"{split}-{digest}-{space.name}-renderings.safetensors",
            lambda cached: (
                set(cached) == {"views", "owners"} and len(cached["views"]) == len(cached["owners"])
            ),
            lambda: _compute_renderings(corpus, shapes, space, lambda f: progress(done + (1 - done) * f)),
        )
        rendered = found["views"], found["owners"]
    return EmbeddingVectors(
        shapes, cached["views"], cached["owners"], cached["solids"], space.name, digest, *rendered
    )


def counts_of(corpus: Corpus) -> Counts:
    """Features of each shape: more of them in a corpus of the user's own meshes, which has few shapes."""
    return OWN_COUNTS if corpus.card.get("plan", {}).get("folder") is not None else Counts()


def _project(features: PictureFeatures, space: EmbeddingNetwork, renderings: bool) -> EmbeddingVectors:
    """Vectors of the features of the backbone. The vector of a shape as a whole is the mean of its renderings. Where renderings
    are not wanted for themselves, they are views beside the pictures."""
    seen = space.embed_features(features.pictures.astype(np.float32))
    rendered = space.embed_features(features.renderings.astype(np.float32))
    solids = np.zeros((len(features.shapes), 2, EMBEDDING_SIZE), np.float16)
    for row in np.unique(features.rendering_owners):
        solids[row] = mean_vector(rendered[features.rendering_owners == row])
    views, owners = seen, features.picture_owners
    if not renderings:
        owners = np.concatenate([owners, features.rendering_owners])
        order = np.argsort(owners, kind="stable")
        owners, views = owners[order], np.concatenate([seen, rendered])[order]
    return EmbeddingVectors(
        features.shapes, views.astype(np.float16), owners, solids, space.name, features.digest,
        rendered.astype(np.float16) if renderings else None, features.rendering_owners if renderings else None, ORIGIN,
    )  # fmt: skip


def _compute_all(
    solids: ViewSet, shapes: NDArray[np.int64], space: EmbeddingNetwork, progress: Callable[[float], None]
) -> dict[str, NDArray[Any]]:
    views, owners, rows = [], [], []
    for first in range(0, len(shapes), CHUNK):
        some = [int(i) for i in shapes[first : first + CHUNK]]
        seen = list[F32]()
        for row, shape in enumerate(some, first):
            for k, number in enumerate(solids.views[shape][:PICTURES]):
                rng = np.random.default_rng([shape, k]) if k % 2 else None
                view = solids.view(int(number), rng)
                if view is not None:
                    seen.append(network_input(view))
                    owners.append(row)
        if seen:
            views.append(_run_batches(space.net.embed_images, np.stack(seen)))
        both = [oriented_shape(solids, shape, move, space.coloured) for shape in some for move in (0, MIRROR)]
        cells, colours = (np.stack([b[part] for b in both]).astype(np.float32) for part in (0, 1))
        rows.append(_run_batches(space.net.embed_shapes, cells, colours))
        progress(min(1.0, (first + CHUNK) / len(shapes)))
    solid = np.concatenate(rows)
    seen_by = np.concatenate(views) if views else np.zeros((0, solid.shape[1]), np.float32)
    return {
        "views": seen_by.astype(np.float16), "owners": np.array(owners, np.int64),
        "solids": solid.reshape(len(shapes), 2, -1).astype(np.float16),
    }  # fmt: skip


def _compute_renderings(
    corpus: Corpus, shapes: NDArray[np.int64], space: EmbeddingNetwork, progress: Callable[[float], None]
) -> dict[str, NDArray[Any]]:
    """Vectors of the renderings of each shape; none for a shape that is invisible."""
    views, owners = [np.zeros((0, EMBEDDING_SIZE), np.float32)], []
    for row, shape in enumerate(shapes):
        try:
            pictures = render_views(clean_parts(corpus.parts(int(shape))).parts)
        except InputError:
            continue
        views.append(_run_batches(space.net.embed_images, pictures))
        owners += [row] * len(pictures)
        progress((row + 1) / len(shapes))
    return {"views": np.concatenate(views).astype(np.float16), "owners": np.array(owners, np.int64)}


def _run_batches(of: Callable[..., torch.Tensor], *arrays: F32) -> F32:
    """Outputs (N, D) of a part of the network, computed in batches in the precision in which the network was trained, with the
    caller's number of torch threads."""
    out = []
    for at in range(0, len(arrays[0]), CHUNK):
        some = [torch.from_numpy(np.ascontiguousarray(a[at : at + CHUNK])) for a in arrays]
        with torch.no_grad(), autocast_bfloat16():
            out.append(of(*some).float().numpy())
    return np.concatenate(out)
