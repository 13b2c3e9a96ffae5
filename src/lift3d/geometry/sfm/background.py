"""Pixels of a turntable's surroundings: what shows the same colour at the same place in most photos, up to the border.

The colour that a pixel has in most photos is its median over the photos, where the photos agree. The evidence is one-sided: a
part of the object that looks the same from all sides is not told from its surroundings, so these pixels must not carve.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy import ndimage

from lift3d.types import F32, Image

SIZE = 400
"""Longer side in pixels at which photos are compared."""
AGREEMENT = 0.5
"""Fraction of the photos in which a pixel must show its median colour."""
TOLERANCE = 10.0
"""Least difference in grey levels that tells a pixel from the surroundings, beside five times the noise."""
LEAST_AREA = 0.1
"""Surroundings that cover less of the picture are not believed."""


def still_background(photos: Sequence[Image]) -> tuple[NDArray[np.bool_], ...] | None:
    """For each photo (H, W) bool, True on the still surroundings; None for fewer than five photos, for photos of several sizes,
    and where nothing stands still.

    Brightness is equalised by the median ratio. Regions not connected to the border are dropped, and regions shrink by two small
    pixels: what is uncertain counts as the object.
    """
    sizes = {(photo.width, photo.height) for photo in photos}
    if len(photos) < 5 or len(sizes) != 1:
        return None
    width, height = sizes.pop()
    scale = min(1.0, SIZE / max(width, height))
    small = (max(round(width * scale), 8), max(round(height * scale), 8))
    stack = np.stack([_reduced(photo, small) for photo in photos])
    for _ in range(2):
        middle = np.median(stack, axis=0)
        for k in range(len(stack)):
            bright = (middle > 20) & (middle < 235) & (np.abs(stack[k] - middle) < 0.25 * middle)
            if bright.mean() > 0.05:
                stack[k] *= np.median(middle[bright] / np.maximum(stack[k][bright], 1.0))
    middle = np.median(stack, axis=0)
    difference = np.abs(stack - middle).max(-1)
    noise = 1.48 * float(np.median(np.minimum(difference, 50.0)))
    still = difference < max(TOLERANCE, min(5.0 * noise, 3.0 * TOLERANCE))
    known = still.mean(0) >= AGREEMENT
    out = []
    for k in range(len(photos)):
        region = ndimage.binary_opening(np.pad(still[k] & known, 2, mode="edge"), iterations=1)
        region = _touching_border(region[2:-2, 2:-2])
        region = ndimage.binary_erosion(region, iterations=2, border_value=1)
        picture = Pillow.fromarray(region.astype(np.uint8) * 255).resize(
            (width, height), Pillow.Resampling.BILINEAR
        )
        out.append(np.asarray(picture) >= 250)
    return tuple(out) if np.mean([region.mean() for region in out]) >= LEAST_AREA else None


def _reduced(photo: Image, size: tuple[int, int]) -> F32:
    """(h, w, 3) float32 box-filtered copy of `size` (width, height)."""
    return np.asarray(Pillow.fromarray(photo.pixels).resize(size, Pillow.Resampling.BOX), np.float32)


def _touching_border(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The components of a region (H, W) that reach the picture's border."""
    labels, _ = ndimage.label(region)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.isin(labels, np.unique(edge[edge > 0]))
