"""A photo in, the thing cut out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.files.atomic import writing
from lift3d.io.image.photos import read_photos
from lift3d.maps.image_to_mask import NAME, ImageToMask


def write_cut(photo: Path, output: Path, only: bool = False, weights: str | None = None) -> dict[str, Any]:
    """Write `photo` with what is not the thing made transparent (only: the mask itself); how the mask was found, and the
    share of the photo that the thing takes."""
    if output.suffix.lower() != ".png":
        raise InputError(f"the cut-out {output.name} is no PNG", "give it a name that ends in .png")
    if photo.is_dir():
        raise InputError(f"{photo} is a folder", "name one photo")
    if output.resolve() == photo.resolve():
        raise InputError("the cut-out would take the place of the photo", "give it another name")
    context = Context()
    image = ImageToMask(weights)(read_photos([photo], context=context).images[0], context)
    assert image.mask is not None
    alpha = image.mask.astype(np.uint8) * 255
    picture = Pil.fromarray(alpha if only else np.dstack([image.pixels, alpha]))
    with writing(output) as part:
        picture.save(part, format="PNG")
    return {"share": float(image.mask.mean()), **context.report[NAME]}
