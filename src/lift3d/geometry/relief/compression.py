"""Compression of heights to a bas-relief in the gradient domain (Weyrich et al. 2007, "Digital bas-relief from 3D scenes").

The differences of neighbouring heights across silhouettes are removed (section 4.1: the gap in depth between an object and
what is behind it says nothing about either of them), the others are attenuated by C(x) = log(1 + a x) / a, equation 1, which
keeps small differences and compresses large ones. Bands of the attenuated field, from fine to coarse, are weighted, as
the layers of Ji et al. 2014 ("Bas-relief modeling from normal images with intuitive styles") are, so that fine detail stays
visible. The heights are then those whose differences are nearest to this field (section 4.4), by the Poisson equation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.relief.poisson import differences, integrate
from lift3d.types import F64

SILHOUETTE = 0.03
"""Difference between neighbouring nodes, as a fraction of the range of the heights, above which they are a silhouette."""
BANDS = ((0.004, 1.6), (0.02, 1.25), (0.08, 1.0))
"""(sigma as a fraction of the longer side, weight of the band that is finer than it); what is coarser has weight COARSE."""
COARSE = 0.8
EDGE = 0.25
"""Height of the lowest known place above the background, as a fraction of the depth, if there is a background."""
ENDS = (0.05, 99.95)
"""Percentiles of the compressed heights that become lowest and highest."""


def compress_heights(heights: F64, known: NDArray[np.bool_] | None = None, strength: float = 5.0) -> F64:
    """(H, W) heights in [0, 1] of a bas-relief; 0 on the background.

    heights: (H, W), larger towards the viewer, of any scale; known: (H, W) True on the object, False on the background whose
    heights are not used. strength: a of C(x), for differences in units of the range of the heights over the longer side; near
    0 the heights keep their proportions. Raises ValueError if all known heights are equal.
    """
    inside = np.ones(heights.shape, bool) if known is None else known
    if not inside.any():
        raise ValueError("no height is known")
    low, high = np.percentile(heights[inside], (0.5, 99.5))
    if not high > low:
        low, high = float(heights[inside].min()), float(heights[inside].max())
    if not high > low:
        raise ValueError("all heights are equal")
    longest = max(heights.shape)
    scaled = np.where(inside, (heights - low) / (high - low), 0.0)
    right, down = differences(scaled)
    right[(np.abs(right) > SILHOUETTE) | ~(inside[:, 1:] & inside[:, :-1])] = 0.0
    down[(np.abs(down) > SILHOUETTE) | ~(inside[1:] & inside[:-1])] = 0.0
    factor = _attenuation(right * longest, down * longest, strength)
    right, down = (_weighted(d * longest, longest) for d in (right * factor[:, :-1], down * factor[:-1]))
    result = integrate(right, down)
    return normalised(result, inside)


def normalised(values: F64, inside: NDArray[np.bool_]) -> F64:
    """Values (H, W) scaled to [0, 1] on `inside`, where there is a background to [EDGE, 1]; 0 elsewhere."""
    low, high = np.percentile(values[inside], ENDS)
    if not high > low:
        low, high = float(values[inside].min()), float(values[inside].max())
    out = np.clip((values - low) / max(high - low, 1e-300), 0.0, 1.0)
    if inside.all():
        return out
    return np.where(inside, EDGE + (1 - EDGE) * out, 0.0)


def _attenuation(right: F64, down: F64, strength: float) -> F64:
    """(H, W) C(x) / x of the length x of the gradient at each node, equation 1 of Weyrich et al."""
    length = np.hypot(np.pad(right, ((0, 0), (0, 1)), "edge"), np.pad(down, ((0, 1), (0, 0)), "edge"))
    x = np.maximum(strength * length, 1e-9)
    return np.log1p(x) / x


def _weighted(field: F64, longest: int) -> F64:
    """The field with its bands weighted."""
    out, finer = np.zeros_like(field), field
    for sigma, weight in BANDS:
        coarser = ndimage.gaussian_filter(field, sigma * longest, mode="nearest", truncate=3.0)
        out += weight * (finer - coarser)
        finer = coarser
    return out + COARSE * finer


def luminance_detail(luma: F64, sigma: float = 0.008) -> F64:
    """(H, W) detail in about [-1, 1]: luma (H, W) in [0, 1] minus its mean over a neighbourhood of sigma, a fraction of the
    longer side."""
    return np.asarray(luma - ndimage.gaussian_filter(luma, sigma * max(luma.shape), mode="nearest"))


def noise_level(values: F64) -> float:
    """Standard deviation of the noise of (H, W) values, from the response to a mask that planes and edges along the axes do
    not excite (Immerkaer 1996, "Fast noise variance estimation", equation 3), without the largest tenth of it, the corners."""
    if min(values.shape) < 3:
        return 0.0
    second = values[:, 2:] - 2 * values[:, 1:-1] + values[:, :-2]
    response = np.abs(second[2:] - 2 * second[1:-1] + second[:-2])
    response = response[response <= np.percentile(response, 90)]
    rest = 1.21  # what the largest tenth of a normal distribution adds to the mean
    return rest * float(np.sqrt(np.pi / 2)) * float(response.mean()) / 6


def smoothed(values: F64, radius: int, epsilon: float) -> F64:
    """Values (H, W) smoothed where they vary by less than epsilon: the guided filter with the values as their own guide (He, Sun
    and Tang 2013, equations 5 to 8). radius: half the side of the windows."""
    size = 2 * radius + 1
    mean = ndimage.uniform_filter(values, size, mode="nearest")
    variance = np.maximum(ndimage.uniform_filter(values**2, size, mode="nearest") - mean**2, 0.0)
    a = variance / (variance + max(epsilon, 1e-150) ** 2)
    b = (1 - a) * mean
    return np.asarray(
        ndimage.uniform_filter(a, size, mode="nearest") * values
        + ndimage.uniform_filter(b, size, mode="nearest")
    )
