"""A photo to its embedding: the background is masked out and a network embeds the object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.semantics import ONE_VECTOR
from lift3d.geometry.image.crop import square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.mapping import Card, Mapping, register
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.types import Embedding, Image

NAME = "image_to_embedding"


@register(
    Card(
        NAME, "Image", "Embedding",
        (ONE_VECTOR, SAME_BYTES),
        "learned", "van den Oord et al. 2018; Radford et al. 2021",
    )
)  # fmt: skip
@dataclass(frozen=True)
class ImageToEmbedding(Mapping[Image, Embedding]):
    """weights, mask_weights: a run's folder or a weights file; the package's own if not given. runtime: "torch" or "onnx", as in
    `lift3d.inference.network.open_network`."""

    weights: str | None = None
    mask_weights: str | None = None
    runtime: str | None = None

    def apply(self, source: Image, context: Context) -> Embedding:
        from lift3d.inference.embedding import EmbeddingNetwork

        space = EmbeddingNetwork(self.weights, self.runtime)
        image = ImageToMask(self.mask_weights, runtime=self.runtime)(source, context)
        assert image.mask is not None
        alpha = image.mask.astype(np.uint8) * 255
        picture = cut_out(image.pixels, alpha, square_crop(image.mask), space.image_size)
        context.note(NAME, weights=space.found.name)
        return Embedding(space.embed_images(picture[None]), "image", space.name)
