"""Photos from arrays or Pillow images in memory, the counterpart of `read_photos`."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.image.decode import MIN_SIDE, decode_opened, size_for_budget
from lift3d.io.image.warnings import photo_warnings
from lift3d.types import Image, Photos, Segmentation

Picture = NDArray[Any] | Pil.Image | Image
"""An array (H, W), (H, W, 3) or (H, W, 4) uint8 sRGB, a Pillow image, or an `Image`."""


def photos_in_memory(
    pictures: Sequence[Picture],
    masks: Sequence[NDArray[Any]] | None = None,
    max_size: int | None = None,
    context: Context | None = None,
) -> Photos:
    """Photos from pictures in memory, named photo-001, photo-002, ... unless they carry a name.

    pictures: see `Picture`; transparency becomes the mask. masks: one (H, W) array for each picture, nonzero on the
    object. max_size: pictures with a longer side in pixels are made smaller, None for no limit. The memory budget of
    `context` applies as in `read_photos`. Raises InputError for a picture or mask that cannot be used.
    """
    context = context if context is not None else Context()
    if len(pictures) == 0:
        raise InputError("no photos were given", "give at least one picture")
    if masks is not None and len(masks) != len(pictures):
        raise InputError(
            f"there are {len(masks)} masks for {len(pictures)} photos", "give one mask for each photo"
        )
    opened = [_opened(picture, f"photo-{i + 1:03d}") for i, picture in enumerate(pictures)]
    fitting = size_for_budget([p.size for p, _ in opened], max_size, context.memory_budget // 4)
    images, records = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, (picture, original) in enumerate(opened):
            decoded = decode_opened(picture, original.name, fitting)
            scale = (
                max(decoded.pixels.shape[:2]) / max(original.pixels.shape[:2])
                if original.pixels.size
                else 1.0
            )
            focal = decoded.focal if original.focal is None else original.focal * scale
            mask = decoded.mask
            given = masks[i] if masks is not None else original.mask
            if given is not None:
                mask = _mask(np.asarray(given), decoded.pixels.shape[:2], decoded.full_size, original.name)
            digest = original.sha256 or hashlib.sha256(decoded.pixels.tobytes()).hexdigest()
            source = "alpha" if given is None else "given"
            found = None if mask is None else Segmentation(source, float(mask.mean()))
            width, height = decoded.full_size
            size = original.original_size or (width, height)
            turned = decoded.orientation if original.orientation == 1 else original.orientation
            warned = (*original.warnings, *decoded.warnings)
            down = decoded.gravity or original.gravity
            images.append(
                Image(decoded.pixels, original.name, mask, focal, digest, size, found, turned, warned, down)
            )
            records.append(
                {
                    "name": original.name,
                    "sha256": digest,
                    "width": width,
                    "height": height,
                    "status": "read",
                    "reason": "",
                    "warnings": list(warned),
                }
            )
            context.progress("read photos", (i + 1) / len(opened))
    context.note("read_photos", inputs=records, max_size=fitting)
    if fitting != max_size:
        context.note("read_photos", resized_to_fit_memory=fitting)
    limited = fitting if fitting != max_size else None
    return Photos(tuple(images), memory_limited_size=limited, warnings=photo_warnings(images))


def _opened(picture: Picture, name: str) -> tuple[Pil.Image, Image]:
    """The picture as a Pillow image, and an `Image` with the name, mask and focal length that came with it."""
    blank = Image(np.zeros((0, 0, 3), np.uint8), name)
    if isinstance(picture, Image):
        return Pil.fromarray(picture.pixels), replace(picture, name=picture.name or name)
    if isinstance(picture, Pil.Image):
        return picture.copy(), blank
    array = np.asarray(picture)
    if (
        array.dtype != np.uint8
        or array.ndim not in (2, 3)
        or (array.ndim == 3 and array.shape[2] not in (3, 4))
    ):
        raise InputError(
            f"{name} is an array of shape {array.shape} and type {array.dtype}",
            "give uint8 arrays of shape (height, width, 3), (height, width, 4) or (height, width)",
        )
    if min(array.shape[:2]) < MIN_SIDE:
        raise InputError(
            f"{name} is too small ({array.shape[1]}x{array.shape[0]} pixels; each side needs at least {MIN_SIDE})",
            "use the original photo",
        )
    return Pil.fromarray(np.ascontiguousarray(array)), blank


def _mask(
    mask: NDArray[Any], shape: tuple[int, ...], full_size: tuple[int, int], name: str
) -> NDArray[np.bool_]:
    """(H, W) bool at the working size `shape`."""
    if mask.ndim != 2 or mask.shape not in (tuple(shape), full_size[::-1]):
        raise InputError(
            f"the mask of {name} has shape {mask.shape}, but the photo has {full_size[::-1]}",
            "make the mask from the photo itself",
        )
    grey = Pil.fromarray(np.where(mask != 0, 255, 0).astype(np.uint8))
    if mask.shape != tuple(shape):
        grey = grey.resize((shape[1], shape[0]), Pil.Resampling.BOX)
    out = np.asarray(grey) >= 128
    if not out.any():
        raise InputError(
            f"the mask of {name} is empty, so nothing would be left of the photo", "mark the object"
        )
    return out
