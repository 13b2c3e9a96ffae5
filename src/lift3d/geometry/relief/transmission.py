"""Thickness of a translucent plate from the brightness that it shall have before a light.

The transmission of a plate of thickness t is T = T0 exp(-t / mu) (Bouguer, Lambert, Beer). The thickness runs from thin to
thick, so the transmission relative to the thinnest place runs from tau = exp(-(thick - thin) / mu) to 1. The luminance of the
photo, in linear light, is mapped to this range linearly, so that the plate before a light has the tones of the photo with the
contrast that the material allows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.types import F32, F64

LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Weights of linear sRGB (ITU-R BT.709)."""
ENDS = (0.2, 99.8)
"""Percentiles of the luminance that become the thickest and the thinnest place."""


def linear_luminance(pixels: NDArray[np.uint8], mask: NDArray[np.bool_] | None = None) -> F32:
    """(H, W) float32 luminance in [0, 1], linear light, of (H, W, 3) sRGB bytes; 1 (white) outside the mask (H, W)."""
    out = np.empty(pixels.shape[:2], np.float32)
    for first in range(0, len(out), 512):  # bounded working memory
        out[first : first + 512] = srgb8_to_linear(pixels[first : first + 512]) @ LUMINANCE
    if mask is not None:
        out[~mask] = 1.0
    return out


def resample(values: F32, shape: tuple[int, int]) -> F64:
    """(R, C) float64 values at the nodes of a grid over a picture (H, W): averaged where there are more pixels than nodes."""
    picture = Pil.fromarray(np.ascontiguousarray(values, np.float32))
    kind = (
        Pil.Resampling.BOX
        if shape[0] <= values.shape[0] and shape[1] <= values.shape[1]
        else Pil.Resampling.BILINEAR
    )
    return np.asarray(picture.resize((shape[1], shape[0]), kind), np.float64)


def thickness_from_luminance(
    luminance: F64, thin: float, thick: float, attenuation: float, negative: bool = False
) -> F64:
    """(R, C) thickness in [thin, thick] from luminance (R, C), linear light of any scale.

    attenuation: mu, the length along which the transmission falls to 1/e. negative: bright places become thick. Raises
    ValueError for a luminance that is the same everywhere.
    """
    low, high = np.percentile(luminance, ENDS)
    if not high > low:
        low, high = float(luminance.min()), float(luminance.max())
    if not high > low:
        raise ValueError("the luminance is the same everywhere")
    brightness = np.clip((luminance - low) / (high - low), 0.0, 1.0)
    if negative:
        brightness = 1.0 - brightness
    darkest = np.exp(-(thick - thin) / attenuation)
    relative = darkest + (1.0 - darkest) * brightness
    return np.clip(thin - attenuation * np.log(np.maximum(relative, 1e-300)), thin, thick)


def transmission(thickness: F64, attenuation: float) -> F64:
    """Transmission exp(-t / mu) of thickness t, without losses at the surfaces."""
    return np.exp(-thickness / attenuation)
