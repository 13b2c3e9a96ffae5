"""The heights of a photo: inverse depth, predicted by a network."""

from __future__ import annotations

from typing import Protocol

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.types import F32, HeightField, Image


class DepthPredictor(Protocol):
    """A function from a photo (H, W) to its inverse depth (H, W) float32, larger is nearer, of any scale and offset."""

    def __call__(self, image: Image, context: Context) -> F32: ...


def depth_predictor() -> DepthPredictor | None:
    """The network of this version, or None without one."""
    return None


def predicted_heights(image: Image, context: Context) -> HeightField:
    """The heights of a photo with their photo. Raises InputError in a version without a network for depth."""
    predict = depth_predictor()
    if predict is None:
        raise InputError(
            f"{image.name or 'the photo'} has no depth, and this version has no network that predicts it",
            "give heights with --depth-map FILE, or a mesh in place of the photo",
        )
    return HeightField(predict(image, context), image.mask, image, image.name)
