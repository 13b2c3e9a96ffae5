"""The mask of the object in a photo: the pipeline of `lift3d mask`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.files.atomic import writing
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.pipelines.arguments import PathLike, PhotoSource, load_photo
from lift3d.types import Image


def mask(
    photo: PhotoSource,
    output: PathLike | None = None,
    *,
    mask_only: bool = False,
    weights: str | None = None,
) -> Image:
    """Segment the object of a photo.

    photo: a path, an array (H, W, 3) uint8 or a Pillow image; transparency is taken as the mask. output: a PNG to write, the
    photo with a transparent background; mask_only: the mask itself instead, white on black. weights: a run's folder or a weights
    file, None for the package's own.

    Returns the photo with `mask` (H, W) bool, True on the object. Raises InputError for a photo or output that cannot be used,
    CaptureError where no single object stands out.
    """
    path = None if output is None else _check_output(photo, Path(output))
    context = Context()
    image = ImageToMask(weights)(load_photo(photo, context), context)
    if path is not None:
        write_cutout(image, path, mask_only)
    return image


def write_cutout(image: Image, path: Path, mask_only: bool = False) -> None:
    """Write an image with its mask as alpha (H, W, 4), or the mask itself as grey (H, W), as PNG."""
    assert image.mask is not None
    alpha = image.mask.astype(np.uint8) * 255
    picture = Pil.fromarray(alpha if mask_only else np.dstack([image.pixels, alpha]))
    with writing(path) as part:
        picture.save(part, format="PNG")


def _check_output(photo: PhotoSource, output: Path) -> Path:
    """The output; InputError for one that is not a PNG or would overwrite the photo."""
    if output.suffix.lower() != ".png":
        raise InputError(f"the cut-out {output.name} is not a PNG", "give it a name that ends in .png")
    if isinstance(photo, str | os.PathLike) and output.resolve() == Path(photo).resolve():
        raise InputError("the cut-out would overwrite the photo", "give it another name")
    return output
