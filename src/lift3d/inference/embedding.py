"""The joint embedding of photos, models and text, as arrays (network: nets/multimodal_embedding.py).

A model has one embedding of its solid and one of each of twelve rendered views (Su et al. 2015, arXiv:1505.00880), because a
photo resembles the view from its own side more than the model as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from lift3d.types import F32, Embedding, Part, Words

if TYPE_CHECKING:
    import torch

NAME = "embedding"
APPEARANCE_DIM, CATEGORY_DIM = 160, 96
"""Dimensions of the two halves of a vector, each of unit length (nets/multimodal_embedding.py)."""
VIEW_COUNT, IMAGE_SIZE = 12, 128
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
    """The network with its weights. weights: a run's folder or a weights file; None: the packaged weights."""

    def __init__(self, weights: str | Path | None = None) -> None:
        from lift3d.inference.networks import load_network

        self.net, self.found = load_network(NAME, weights)
        self.coloured = bool(self.found.config.get("colours", True))

    @cached_property
    def name(self) -> str:
        """Identifier of the embedding space. Vectors of different spaces cannot be compared."""
        import hashlib

        # The card states the space where the weights file was rewritten with the same values.
        digest = self.found.extra.get("space", self.found.sha256)
        return str(digest or hashlib.sha256(self.found.file.read_bytes()).hexdigest())[:16]

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

    def _batched(self, of: Any, *arrays: Any) -> F32:
        """Outputs of a part of the network for N inputs, in batches."""
        import torch

        from lift3d.inference.networks import inference_mode

        out, device = [], next(self.net.parameters()).device
        with inference_mode():
            for at in range(0, len(arrays[0]), BATCH_SIZE):
                some: list[torch.Tensor] = [
                    torch.from_numpy(np.ascontiguousarray(a[at : at + BATCH_SIZE])).to(device) for a in arrays
                ]
                out.append(of(*some).float().cpu().numpy())
        return np.concatenate(out)

    def embed_images(self, pictures: F32) -> F32:
        """(N, D) embeddings of cut-out images (N, 4, 128, 128)."""
        return self._batched(self.net.embed_images, pictures)

    def embed_voxels(self, voxels: F32, colours: F32) -> F32:
        """(N, D) embeddings of occupancy (N, 64, 64, 64) with colours (N, 4, 16, 16, 16)."""
        return self._batched(self.net.embed_shapes, voxels, colours)

    def embed_texts(self, texts: Sequence[str]) -> F32:
        """(N, D) embeddings of texts, whose appearance half is zero. MissingExtra without the extra `text`."""
        from lift3d.inference.sentence_encoder import encode_sentences

        category = self._batched(self.net.embed_text, encode_sentences(texts))
        return np.concatenate([np.zeros((len(category), APPEARANCE_DIM), np.float32), category], 1)

    def embed_text(self, words: Words) -> Embedding:
        """The embedding of one text."""
        return Embedding(self.embed_texts([words.text]), "text", self.name, words.text)

    def embed_parts(self, parts: list[Part]) -> Embedding:
        """The embedding (1 + V, D) of a model with z up: its solid and its V views. InputError for a model that is empty or
        invisible."""
        cleaned = clean_parts(parts)
        voxels, colours = voxelize_parts(cleaned.parts, self.coloured)
        solid = self.embed_voxels(voxels[None], colours[None])
        views = self.embed_images(render_views(cleaned.parts))
        return Embedding(np.concatenate([solid, views]), "shape", self.name)


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


def render_views(parts: list[Part], count: int = VIEW_COUNT) -> F32:
    """(N, 4, 128, 128) cut-outs of views around the model, N <= count: views in which the model has fewer than MIN_PIXELS pixels
    are omitted. InputError where no view remains."""
    from lift3d.geometry.render.drawable import drawable
    from lift3d.geometry.render.renderer import render_many

    ready = drawable(parts)
    cameras = [
        orbit_camera(
            ready.v,
            360 * k / count + 15,
            ELEVATIONS[k % len(ELEVATIONS)],
            IMAGE_SIZE,
            IMAGE_SIZE,
            1.2 * IMAGE_SIZE,
        )
        for k in range(count)
    ]
    out = []
    for shot in render_many(ready, cameras, 2, LIGHT, None):
        alpha = np.round(255 * np.clip(shot.coverage, 0, 1)).astype(np.uint8)
        if (alpha > FULL_LEVEL).sum() >= MIN_PIXELS:
            out.append(cut_out(shot.rgb, alpha, square_crop(alpha > FULL_LEVEL), IMAGE_SIZE))
    if not out:
        raise InputError("the model is invisible from every side")
    return np.stack(out)
