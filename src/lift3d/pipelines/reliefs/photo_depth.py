"""The heights of a photo: inverse depth, predicted by a network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lift3d.context import Context
from lift3d.types import F32, HeightField, Image

DepthPredictor = Callable[[Image, Context], F32]
"""A function from a photo (H, W) to its inverse depth (H, W) float32, larger is nearer, of any scale and offset."""


def depth_predictor() -> DepthPredictor:
    """The network of this version. Raises MissingExtra without the extra `learn`."""
    from lift3d.maps.image_to_depth import ImageToDepth

    predict = ImageToDepth()

    def inverse_depth(image: Image, context: Context) -> F32:
        z = predict(image, context).z
        return np.where(z > 0, 1 / np.maximum(z, np.float32(1e-6)), np.float32(0)).astype(np.float32)

    return inverse_depth


def predicted_heights(image: Image, context: Context) -> HeightField:
    """The heights of a photo with their photo."""
    return HeightField(depth_predictor()(image, context), image.mask, image, image.name)
