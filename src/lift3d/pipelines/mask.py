"""The mask of one object in a photo: the pipeline of `lift3d mask`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pil

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.image.prompt_maps import Prompts
from lift3d.io.files.atomic import writing
from lift3d.maps.image_to_mask import DOUBTFUL, ImageToMask
from lift3d.pipelines.arguments import PathLike, PhotoSource, load_photo, require_other_file
from lift3d.pipelines.pictures.prompts import Points, parse_prompts, prompts_on
from lift3d.types import Image

UNCERTAIN = "the outline of the object is uncertain: if it is wrong, show the object with --at X,Y or --box"
TRANSPARENT = "it is transparent, which is taken as the mask: --at and --box have no effect"


def mask(
    photo: PhotoSource,
    output: PathLike | None = None,
    *,
    at: Points = None,
    not_at: Points = None,
    box: str | Sequence[float] | None = None,
    mask_only: bool = False,
    weights: str | None = None,
) -> Image:
    """Segment one object of a photo.

    photo: a path, an array (H, W, 3) uint8 or a Pillow image; transparency is taken as the mask. output: a PNG to write, the
    photo with a transparent background; mask_only: the mask itself instead, white on black. at, not_at: a click (x, y), or
    several, on the object and beside it; box: (x0, y0, x1, y1) around it; in pixels of the upright photo; without them the object
    that stands out. weights: a run's folder or a weights file, None for the package's own.

    Returns the photo with `mask` (H, W) bool, True on the object, and `alpha` (H, W) uint8, its opacity with fractions at the
    edge. Raises InputError for a photo, position or output that cannot be used, CaptureError where no object stands out.
    """
    path = None if output is None else _check_output(photo, Path(output))
    prompts = parse_prompts(at, not_at, box)
    context = Context()
    image = segment(load_photo(photo, context), prompts, context, weights)
    if path is not None:
        write_cutout(image, path, mask_only)
    return image


def segment(image: Image, prompts: Prompts, context: Context, weights: str | None = None) -> Image:
    """The image with the mask of the object that the prompts show. Raises InputError for a prompt outside the image."""
    found = prompts_on(image, prompts)
    if prompts and image.mask is not None:
        image = replace(image, warnings=(*image.warnings, TRANSPARENT))
    image = ImageToMask(weights, found)(image, context)
    if image.segmentation is not None and image.segmentation.certainty < DOUBTFUL:
        image = replace(image, warnings=(*image.warnings, UNCERTAIN))
    return image


def write_cutout(image: Image, path: Path, mask_only: bool = False) -> None:
    """Write an image with its opacity as alpha (H, W, 4), or the opacity itself as grey (H, W), as PNG."""
    assert image.mask is not None
    alpha = image.alpha if image.alpha is not None else image.mask.astype(np.uint8) * 255
    picture = Pil.fromarray(alpha if mask_only else np.dstack([image.pixels, alpha]))
    with writing(path) as part:
        picture.save(part, format="PNG")


def _check_output(photo: PhotoSource, output: Path) -> Path:
    """The output; InputError for one that is not a PNG or would overwrite the photo."""
    if output.suffix.lower() != ".png":
        raise InputError(f"the cut-out {output.name} is not a PNG", "give it a name that ends in .png")
    require_other_file(photo, output, what="photo")
    return output
