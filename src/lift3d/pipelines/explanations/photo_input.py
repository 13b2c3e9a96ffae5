"""From a photo to the target that is explained, and how the network's input lies in the photo."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.image.crop import Crop, crop_of, resample_crop, square_crop
from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.image.prompt_maps import Prompts, prompt_maps
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.pipelines.explanations.request import Request, category_index
from lift3d.types import Image

if TYPE_CHECKING:
    from lift3d.inference.attribution.target import Target

Window = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class PhotoInput:
    """target: what is explained. window: (x0, y0, x1, y1), the part of the photo that the network receives, in its pixels; it may
    extend beyond the photo. image: the photo, with the mask of the object where there is one. at: the pixel (x, y) whose output
    is explained, or None. category: of a label."""

    target: Target
    window: Window
    image: Image
    at: tuple[float, float] | None = None
    category: str | None = None


def prepare_photo(image: Image, request: Request, prompts: Prompts, context: Context) -> PhotoInput:
    """The target of a request on a photo. prompts: which object is meant, in pixels of the image. InputError for a request that
    the photo does not allow, CaptureError where no object stands out."""
    return {"mask": _mask, "depth": _depth, "shape": _shape, "label": _label}[request.what](
        image, request, prompts, context
    )


def _mask(image: Image, request: Request, prompts: Prompts, context: Context) -> PhotoInput:
    if image.mask is not None:
        raise InputError(
            f"{image.name or 'the photo'} is transparent, which is taken as the mask: no network predicts it",
            "explain another output with --what, or give the photo with its background",
        )
    from lift3d.inference.attribution.photo_targets import mask_target, spot
    from lift3d.inference.networks import load_network
    from lift3d.inference.object_mask import input_side

    found_image = ImageToMask(request.weights, prompts)(image, context)
    assert found_image.mask is not None
    net, found = load_network("image_to_mask", request.weights)
    side, half = input_side(found), max(image.width, image.height) / 2
    crop = Crop(image.width / 2, image.height / 2, half)
    window = _window(crop)
    moved = prompts.moved(window[0], window[1], side / (2 * half))
    if request.at is None:
        region = crop_of(found_image.mask.astype(np.float32), crop, side) > 0.5
        what = "mask of the object"
        if not region.any():
            raise InputError("the object is too small for a map", "cut the photo to its surroundings")
    else:
        region, what = np.zeros((side, side), bool), "mask at the pixel"
        region[spot(_fractions(request.at, window), side, side)] = True
    rgb = resample_crop(image.pixels, crop, side)
    target = mask_target(net, found, rgb, prompt_maps(side, side, moved), region, what)
    return PhotoInput(target, window, found_image, request.at)


def _depth(image: Image, request: Request, prompts: Prompts, context: Context) -> PhotoInput:
    from lift3d.inference.attribution.photo_targets import depth_target
    from lift3d.inference.networks import load_network
    from lift3d.maps.image_to_depth import INPUT_SIZE, input_size

    net, found = load_network("image_to_depth", request.weights)
    shorter = found.image_size or int(found.config.get("height", INPUT_SIZE))
    size = input_size(image.width, image.height, shorter)
    rgb = np.asarray(Pil.fromarray(image.pixels).resize(size, Pil.Resampling.BILINEAR))
    window = (0.0, 0.0, float(image.width), float(image.height))
    place: NDArray[np.bool_] | tuple[float, float] | None = None
    if request.at is not None:
        place = _fractions(request.at, window)
    else:
        try:
            image = ImageToMask(None, prompts)(image, context)
        except CaptureError:
            if prompts:
                raise
        if image.mask is not None:
            place = np.asarray(Pil.fromarray(image.mask).resize(size, Pil.Resampling.BILINEAR))
            place = place if place.any() else None
    target, at = depth_target(net, found, rgb, place)
    return PhotoInput(
        target, window, image, None if at is None else (at[0] * image.width, at[1] * image.height)
    )


def _shape(image: Image, request: Request, prompts: Prompts, context: Context) -> PhotoInput:
    from lift3d.inference.attribution.photo_targets import shape_target
    from lift3d.inference.networks import load_network
    from lift3d.nets.views_to_volume import IMAGE_SIZE

    image, cutout, window = _cut_out(image, prompts, IMAGE_SIZE, context)
    fractions = None
    if request.at is not None:
        fractions = _fractions(request.at, window)
        if not all(0 <= f < 1 for f in fractions):
            raise InputError("the pixel of --at does not lie on the object", "choose a pixel of the object")
    net, found = load_network("image_to_voxels", request.weights)
    target = shape_target(net, found, cutout, request.region, fractions)
    return PhotoInput(target, window, image, request.at)


def _label(image: Image, request: Request, prompts: Prompts, context: Context) -> PhotoInput:
    from lift3d.inference.attribution.photo_targets import label_target
    from lift3d.inference.embedding import EmbeddingNetwork
    from lift3d.inference.embedding_classifier import EmbeddingClassifier, embedding_of

    classifier = EmbeddingClassifier(request.weights)
    space = EmbeddingNetwork(embedding_of(classifier.found))
    classifier.require(space.name)
    chosen = category_index(request.category, classifier.names)
    image, cutout, window = _cut_out(image, prompts, space.image_size, context)
    target, category = label_target(space, classifier, cutout, chosen)
    return PhotoInput(target, window, image, None, classifier.names[category])


def _cut_out(
    image: Image, prompts: Prompts, side: int, context: Context
) -> tuple[Image, NDArray[np.float32], Window]:
    """The image with its mask, the object cut out to (4, side, side), and its window."""
    image = replace(ImageToMask(None, prompts)(image, context), alpha=None)
    assert image.mask is not None
    crop = square_crop(image.mask)
    cutout = cut_out(image.pixels, image.mask.astype(np.uint8) * 255, crop, side)
    return image, cutout, _window(crop)


def _window(crop: Crop) -> Window:
    x, y, half = float(crop.x), float(crop.y), float(crop.half)
    return x - half, y - half, x + half, y + half


def _fractions(at: tuple[float, float], window: Window) -> tuple[float, float]:
    """A pixel as fractions of a window."""
    return (at[0] - window[0]) / (window[2] - window[0]), (at[1] - window[1]) / (window[3] - window[1])
