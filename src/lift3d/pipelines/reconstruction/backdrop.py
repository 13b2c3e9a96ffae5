"""Photos before a plain backdrop get masks: the backdrop has nothing to measure and must not be glued to the object."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lift3d.geometry.image.backdrop import object_before_backdrop
from lift3d.pipelines.reconstruction.options import Options
from lift3d.runtime.runner import Run
from lift3d.types import Image, Photos, Segmentation

MIN_PLAIN_PHOTOS = 0.8
"""Least fraction of the photos with a plain backdrop: a single photo may show a wall by chance."""
MIN_CLEAR_PHOTOS = 0.9
"""Least fraction of these in which shadows can be told from the object: a plain side of an object looks like a shadow."""


def mask_plain_backdrops(photos: Photos, options: Options, run: Run) -> Photos:
    """The photos, those before a plain backdrop with a mask of the object, if most photos have one and none has a mask yet.

    Scenes are left as they are.
    """
    if options.kind == "scene" or any(image.mask is not None for image in photos.images):
        return photos
    found = [object_before_backdrop(image.pixels) for image in photos.images]
    plain = [x is not None for x in found]
    if np.mean(plain) < MIN_PLAIN_PHOTOS:
        return photos
    shadows = float(np.mean([x.clear for x in found if x is not None])) >= MIN_CLEAR_PHOTOS
    masks = [None if x is None else x.unshaded if shadows else x.mask for x in found]
    run.say(
        f"The backdrop is plain in {sum(plain)} of {len(masks)} photos: it is masked there, as with --masks"
        f"{', with the shadows on it' if shadows else ''}. "
        "Give your own masks where it hides a part of the object's colour."
    )
    images = tuple(
        image if mask is None else _masked(image, mask) for image, mask in zip(photos.images, masks)
    )
    return replace(photos, images=images)


def _masked(image: Image, mask: np.ndarray) -> Image:
    return replace(image, mask=mask, segmentation=Segmentation("backdrop", float(mask.mean())))
