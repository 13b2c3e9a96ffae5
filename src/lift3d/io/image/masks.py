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
    """A mask (H, W) bool, True on the object, for a photo of upright `full_size` decoded at `size` (width, height).

    The object is opaque in the mask's alpha channel or, without one, at least half as bright as the brightest pixel. A
    mask made from the stored picture is rotated by the photo's EXIF `orientation`. A mask that is white everywhere marks the
    whole photo. Raises InputError for a mask that is damaged, empty, grey everywhere or of another aspect ratio.
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
            f"the mask {name} is all black, so it marks no object",
            "mark the object in white",
        )
    if values.min() == values.max() and top not in (1, 255, 65535):
        raise InputError(
            f"the mask {name} has the value {top:g} everywhere, so it does not tell the object from what is around it",
            "mark the object in white on black",
        )
    grey = Pil.fromarray(np.where(values >= top / 2, 255, 0).astype(np.uint8))
    want = full_size[0] / full_size[1]
    if abs(grey.width / grey.height / want - 1) > 0.02 and orientation >= 5:
        grey = apply_orientation(grey, orientation)
    if abs(grey.width / grey.height / want - 1) > 0.02:
        raise InputError(
            f"the mask {name} has {grey.width}x{grey.height} pixels, but its photo has "
            f"{full_size[0]}x{full_size[1]}, so their shapes differ",
            "make the mask from the photo itself",
        )
    if grey.size != size:
        grey = grey.resize(size, Pil.Resampling.BOX)
    mask = np.asarray(grey) >= 128
    if not mask.any():
        raise InputError(
            f"the mask {name} marks less than one pixel of its photo", "mark the object in white"
        )
    return mask
