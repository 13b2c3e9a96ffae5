"""A masked square crop with a grey background: the input of the networks for single objects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.crop import Crop

GREY = 0.5
"""sRGB value in [0, 1] of the background, which the network receives as zero."""


def cut_out(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8], crop: Crop, size: int) -> NDArray[np.float32]:
    """(4, size, size) float32: RGB in [-1, 1] composited over grey, and the mask in [0, 1].

    rgb: (H, W, 3) sRGB bytes; alpha: (H, W) bytes; crop: in pixels of them. Beyond the image alpha is 0.
    """
    h, w = alpha.shape
    low = np.floor([crop.y - crop.half, crop.x - crop.half]).astype(int)
    high = np.ceil([crop.y + crop.half, crop.x + crop.half]).astype(int)
    y0, x0 = np.maximum(low, 0)
    y1, x1 = np.minimum(high, [h, w])
    y1, x1 = max(y1, y0), max(x1, x0)
    padded = np.zeros((high[0] - low[0], high[1] - low[1], 4), np.uint8)
    inside = padded[y0 - low[0] : y1 - low[0], x0 - low[1] : x1 - low[1]]
    a = alpha[y0:y1, x0:x1]
    inside[..., 3] = a
    inside[..., :3] = rgb[y0:y1, x0:x1]
    # Pillow weights colours by alpha in this mode, so the background does not bleed over the edge
    x, y, side = crop.x - crop.half - low[1], crop.y - crop.half - low[0], 2 * crop.half
    box = (x, y, min(x + side, padded.shape[1]), min(y + side, padded.shape[0]))
    small = np.asarray(Pil.fromarray(padded, "RGBA").resize((size, size), Pil.Resampling.BILINEAR, box))
    coverage = small[..., 3:].astype(np.float32) / 255
    colour = (small[..., :3].astype(np.float32) / 255 - GREY) * (2 * coverage)
    return np.ascontiguousarray(np.concatenate([colour, coverage], 2).transpose(2, 0, 1))
