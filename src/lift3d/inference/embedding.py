"""The joint embedding of photos, models and text, as arrays.

A model has one embedding of the whole and one of each of twelve rendered views (Su et al. 2015, arXiv:1505.00880), because a
photo resembles the view from its own side more than the model as a whole. There are two kinds of networks. The default
(nets/multimodal_embedding.py) has learned from free data alone, and the whole is the model's solid. The other projects the
features of a frozen, pre-trained backbone (nets/dense/backbone_embedding.py), and the whole is the mean of the views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.image.crop import square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.parts.clean import clean_parts
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.geometry.parts.sampling import SAMPLES, sample_parts
from lift3d.geometry.voxels.canonical_frame import CUBE_LOW, CUBE_SIDE, RESOLUTION, canonical_grid
from lift3d.geometry.voxels.colour_grid import colour_grid
from lift3d.geometry.voxels.inside_test import inside_mask
from lift3d.geometry.voxels.occupancy import occupancy_levels
from lift3d.geometry.voxels.surface_voxels import touched_mask
from lift3d.inference.network import open_network
from lift3d.inference.picture_features import features_of
from lift3d.inference.runtimes import choose_runtime
from lift3d.nets.sizes import BACKBONE_SIZE
from lift3d.types import F32, F64, Embedding, Part, Words
from lift3d.weights import PretrainedCfg

if TYPE_CHECKING:
    from lift3d.geometry.render.drawable import Drawable

NAME, BACKBONE = "embedding", "embedding_backbone"
"""The packaged weights: the default, which has learned from free data alone, and those on the pre-trained backbone."""
PACKAGED = (NAME, BACKBONE)
APPEARANCE_DIM, CATEGORY_DIM = 160, 96
"""Dimensions of the two halves of a vector, each of unit length (nets/multimodal_embedding.py)."""
VIEW_COUNT, IMAGE_SIZE = 12, 128
OVERSIZE = 1.2
"""Pixels of a rendering over those of its cut-out, where it has one sample per pixel."""
ELEVATIONS = (15.0, 35.0, -10.0, 60.0)
"""Elevations of consecutive views, in degrees above the horizon."""
LIGHT = 0.5
MIN_PIXELS = 20
"""Minimum number of pixels of the object in a view."""
FULL_LEVEL = 127
BATCH_SIZE = 32


@dataclass(frozen=True)
class SimilarityWeights:
    """Weights of the terms of a similarity: appearance of the nearest views, appearance of the solid, category.
    sharpness: if above 0, appearance is converted to probabilities by softmax(sharpness * similarity) over the gallery.
    feedback: fraction of the query's category that comes from the most similar models (Rocchio 1971)."""

    views: float = 0.6
    solid: float = 0.2
    category: float = 0.2
    sharpness: float = 0.0
    feedback: float = 0.0


class EmbeddingNetwork:
    """The network with its weights. weights, runtime: as in `lift3d.inference.network.open_network`."""

    def __init__(self, weights: str | Path | None = None, runtime: str | None = None) -> None:
        self.runtime = choose_runtime(runtime, weights)
        self.network = open_network(NAME, weights, runtime)
        self.found = self.network.found
        self.on_backbone = self.found.config.get("kind") == "backbone"
        self.coloured = bool(self.found.config.get("colours", True))

    @property
    def net(self) -> Any:
        """The module of torch, for training and evaluation."""
        return self.network.net  # type: ignore[attr-defined]

    @property
    def image_size(self) -> int:
        """Side in pixels of the cut-outs that the network embeds."""
        return BACKBONE_SIZE if self.on_backbone else IMAGE_SIZE

    @cached_property
    def name(self) -> str:
        """Identifier of the embedding space. Vectors of different spaces cannot be compared."""
        return space_of(self.found)

    def similarity_weights(self, modality: str = "image") -> SimilarityWeights:
        """Weights for queries of a modality ("image", "shape" or "text"), chosen on the validation split. InputError for a
        damaged card."""
        key = (
            "similarity_of_models"
            if modality == "shape" and "similarity_of_models" in self.found.extra
            else "similarity"
        )
        try:
            return SimilarityWeights(**self.found.numbers(key))
        except TypeError as error:
            raise InputError(
                "the similarity weights in the card of these weights are damaged",
                "download weights and card again",
            ) from error

    def _batched(self, graph: str, *arrays: F32) -> F32:
        """Outputs of a graph of the network for N inputs, in batches."""
        starts = range(0, len(arrays[0]), BATCH_SIZE)
        return np.concatenate(
            [self.network.run(graph, *(a[at : at + BATCH_SIZE] for a in arrays))[0] for at in starts]
        )

    def embed_images(self, pictures: F32) -> F32:
        """(N, D) embeddings of cut-out images (N, 4, S, S), S = `image_size`."""
        if self.on_backbone:
            return self.embed_features(features_of(pictures, self.runtime))
        return self._batched("image", pictures)

    def embed_features(self, features: F32) -> F32:
        """(N, D) embeddings of features (N, F) of the backbone (inference/picture_features.py)."""
        return self._batched("features", features)

    def upright_scores(self, features: F32) -> F32:
        """(N,) log odds that the object of each picture, given by features (N, F), stands upright; zero where the network does
        not know it."""
        return self._batched("upright", features)

    def render(self, parts: list[Part]) -> F32:
        """(V, 4, S, S) cut-outs of clean parts as the network embeds them. InputError where nothing is visible."""
        if self.on_backbone:
            return render_views(parts, size=self.image_size, samples=1)
        return render_views(parts)

    def embed_voxels(self, voxels: F32, colours: F32) -> F32:
        """(N, D) embeddings of occupancy (N, 64, 64, 64) with colours (N, 4, 16, 16, 16)."""
        return self._batched("solid", voxels, colours)

    def embed_texts(self, texts: Sequence[str]) -> F32:
        """(N, D) embeddings of texts, whose appearance half is zero. MissingExtra without the extra `text`."""
        from lift3d.inference.sentence_encoder import encode_sentences

        category = self._batched("text", encode_sentences(texts))
        return np.concatenate([np.zeros((len(category), APPEARANCE_DIM), np.float32), category], 1)

    def embed_text(self, words: Words) -> Embedding:
        """The embedding of one text."""
        return Embedding(self.embed_texts([words.text]), "text", self.name, words.text)

    def embed_parts(self, parts: list[Part]) -> Embedding:
        """The embedding (1 + V, D) of a model with z up: of the whole, and of its V views. InputError for a model that is empty
        or invisible."""
        cleaned = clean_parts(parts)
        views = self.embed_images(self.render(cleaned.parts))
        return Embedding(np.concatenate([self.embed_whole(cleaned.parts, views), views]), "shape", self.name)

    def embed_whole(self, parts: list[Part], views: F32) -> F32:
        """(1, D) embedding of a model as a whole: of its solid, or, on the backbone, the mean of its views (V, D) with halves of
        unit length."""
        if self.on_backbone:
            return mean_vector(views)[None]
        voxels, colours = voxelize_parts(parts, self.coloured)
        return self.embed_voxels(voxels[None], colours[None])


def space_of(found: PretrainedCfg) -> str:
    """Identifier of the embedding space of weights."""
    import hashlib

    # The card states the space where the weights file was rewritten with the same values.
    digest = found.extra.get("space", found.sha256)
    return str(digest or hashlib.sha256(found.file.read_bytes()).hexdigest())[:16]


def mean_vector(vectors: F32) -> F32:
    """(D,) the mean of vectors (N, D), each half of it scaled to unit length."""
    mean = vectors.mean(0)
    halves = mean[:APPEARANCE_DIM], mean[APPEARANCE_DIM:]
    return np.concatenate([x / max(float(np.linalg.norm(x)), 1e-9) for x in halves]).astype(np.float32)


def voxelize_parts(parts: list[Part], coloured: bool = True) -> tuple[F32, F32]:
    """Occupancy (64, 64, 64) and colours (4, 16, 16, 16) of clean parts."""
    v, f = concatenate_parts(parts)
    origin, step = canonical_grid()
    shape = (RESOLUTION, RESOLUTION, RESOLUTION)
    levels = occupancy_levels(inside_mask(v, f, origin, step, shape), touched_mask(v, f, origin, step, shape))
    surface = sample_parts(parts, SAMPLES)
    colours = colour_grid(surface.points, surface.colours, np.array(CUBE_LOW), CUBE_SIDE)
    if not coloured:
        colours[:3] = 0
    return (levels > FULL_LEVEL).astype(np.float32), colours


def render_views(parts: list[Part], count: int = VIEW_COUNT, size: int = IMAGE_SIZE, samples: int = 2) -> F32:
    """(N, 4, size, size) cut-outs of views around the model, N <= count: views in which the model has fewer than MIN_PIXELS
    pixels are omitted. samples: per pixel and axis; renderings with one are larger than their cut-outs. InputError where no view
    remains."""
    directions = [(360 * k / count + 15, ELEVATIONS[k % len(ELEVATIONS)]) for k in range(count)]
    return render_directions(parts, directions, size, samples)


def render_directions(
    parts: list[Part] | Drawable, directions: Sequence[tuple[float, float]], size: int, samples: int = 1,
    rotation: F64 | None = None,
) -> F32:  # fmt: skip
    """As `render_views`, from directions (azimuth, elevation) in degrees. rotation (3, 3): applied to the model first."""
    from lift3d.geometry.render.drawable import Drawable, drawable
    from lift3d.geometry.render.renderer import render_many

    ready = parts if isinstance(parts, Drawable) else drawable(parts)
    pixels = size if samples > 1 else round(OVERSIZE * size)
    points, turn = ready.v, np.eye(4)
    if rotation is not None:
        points, turn[:3, :3] = points @ rotation.T, rotation
    cameras = [orbit_camera(points, *direction, pixels, pixels, 1.2 * pixels) for direction in directions]
    cameras = [replace(c, world_to_camera=c.world_to_camera @ turn) for c in cameras]
    out = []
    for shot in render_many(ready, cameras, samples, LIGHT, None):
        alpha = np.round(255 * np.clip(shot.coverage, 0, 1)).astype(np.uint8)
        if (alpha > FULL_LEVEL).sum() >= MIN_PIXELS:
            out.append(cut_out(shot.rgb, alpha, square_crop(alpha > FULL_LEVEL), size))
    if not out:
        raise InputError("the model is invisible from every side")
    return np.stack(out)
