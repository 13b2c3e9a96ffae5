"""Masks of photos, decoded from untrusted bytes and brought to the size and orientation of their photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.image.decode import DECODER_ERRORS, open_picture, split_alpha
from lift3d.io.image.exif import apply_orientation, exif_orientation


def decode_mask(
    data: bytes, name: str, size: tuple[int, int], full_size: tuple[int, int], orientation: int
) -> NDArray[np.bool_]:
    """A mask (H, W) bool, True = object, for a photo of upright `full_size` loaded at `size` (width, height).

    Object is what is opaque in the mask's alpha channel, or brighter than half of its brightest value. A mask
    drawn over the unrotated picture is turned with the photo's EXIF `orientation`.
    """
    picture = open_picture(data, name)
    try:
        own = exif_orientation(picture)
        picture.load()
        picture = apply_orientation(picture, own)
        if picture.mode[:2] in ("I;", "I", "F"):
            values = np.asarray(picture).astype(np.float32)
        else:
            rest, alpha = split_alpha(picture)
            values = np.asarray(alpha if alpha is not None else rest.convert("L")).astype(np.float32)
    except DECODER_ERRORS as error:
        raise InputError(f"the mask {name} is damaged or cut short", "save it again") from error
    top = float(np.nan_to_num(values).max(initial=0.0))
    if top <= 0:
        raise InputError(
            f"the mask {name} is all black, so nothing would be left of its photo",
            "white must mark the object",
        )
    grey = Pil.fromarray(np.where(values >= top / 2, 255, 0).astype(np.uint8))
    want = full_size[0] / full_size[1]
    if abs(grey.width / grey.height / want - 1) > 0.02 and orientation >= 5:
        grey = apply_orientation(grey, orientation)
    if abs(grey.width / grey.height / want - 1) > 0.02:
        raise InputError(
            f"the mask {name} is {grey.width}x{grey.height} pixels, but its photo "
            f"{full_size[0]}x{full_size[1]}: the shapes differ",
            "make the mask from the photo itself",
        )
    if grey.size != size:
        grey = grey.resize(size, Pil.Resampling.BOX)
    mask = np.asarray(grey) >= 128
    if not mask.any():
        raise InputError(
            f"the mask {name} marks less than a pixel of its photo", "white must mark the object"
        )
    return mask
