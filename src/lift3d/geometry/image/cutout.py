"""A square of a picture with what is not the thing made grey: what a network of single things sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.crop import Crop

GREY = 0.5
"""What stands for nothing, in sRGB from 0 to 1: zero for the network."""


def cut_out(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.float32]:
    """(4, size, size): colour from -1 to 1 over grey, and the mask from 0 to 1, of (H, W, 3) sRGB and (H, W) alpha."""
    h, w = alpha.shape
    low = np.floor([crop.y - crop.half, crop.x - crop.half]).astype(int)
    high = np.ceil([crop.y + crop.half, crop.x + crop.half]).astype(int)
    y0, x0 = np.maximum(low, 0)
    y1, x1 = np.minimum(high, [h, w])
    y1, x1 = max(y1, y0), max(x1, x0)
    held = np.zeros((high[0] - low[0], high[1] - low[1], 4), np.uint8)
    part = held[y0 - low[0] : y1 - low[0], x0 - low[1] : x1 - low[1]]
    a = alpha[y0:y1, x0:x1]
    part[..., 3] = a
    part[..., :3] = rgb[y0:y1, x0:x1]
    # Pillow weighs colours by alpha in this mode, so that what lies behind does not bleed over the edge
    x, y, side = crop.x - crop.half - low[1], crop.y - crop.half - low[0], 2 * crop.half
    box = (x, y, min(x + side, held.shape[1]), min(y + side, held.shape[0]))
    small = np.asarray(Pil.fromarray(held, "RGBA").resize((size, size), Pil.Resampling.BILINEAR, box))
    share = small[..., 3:].astype(np.float32) / 255
    colour = (small[..., :3].astype(np.float32) / 255 - GREY) * (2 * share)
    return np.ascontiguousarray(np.concatenate([colour, share], 2).transpose(2, 0, 1))
