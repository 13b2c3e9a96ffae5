"""Sharpness of a photo, judged by its own edges against its own noise.

An edge that is as sharp as the pixels allow loses a third or more of its gradient in a further small blur, and an edge that
is blurred by two pixels hardly any (after Crete et al. 2007, "The blur effect"). Only edges that stand out from the noise
count, and of these the sharpest: matt plaster shows soft shading everywhere, but its silhouette is sharp. Motion blurs the edges
across it only, so edges are judged by orientation. A photo without edges tells nothing about its sharpness.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from lift3d.types import F32, F64

BLURRED = 0.17
"""Sharpness below which a photo counts as blurred."""
DOUBTFUL = 0.22
"""Sharpness below which blur is the likely cause where photos do not match at all."""
NO_EDGES = 1.0
"""Sharpness of a photo in which no edge stands out from the noise."""
FINE, COARSE = 0.7, 1.4
"""Standard deviations in pixels of the two blurs whose gradients are compared."""
OVER_NOISE = 24.0
"""Gradient of an edge, as a multiple of the standard deviation of the noise in the gradient."""
QUANTISATION = 0.6
"""Least noise that is assumed, in grey levels: contours of rounded grey levels are no edges."""
ORIENTATIONS = 4
MIN_EDGES = 40
"""Edge pixels of an orientation below which it is not judged."""
QUANTILE = 0.8
"""The sharpest edges: this quantile of the loss."""


def noise_level(grey: F32) -> float:
    """Standard deviation of white noise in a grey photo (H, W): median absolute response of a filter that ignores planes and
    edges along the axes (Immerkaer 1996)."""
    g = grey.astype(np.float32)
    mixed = (
        g[:-2, :-2] + g[2:, :-2] + g[:-2, 2:] + g[2:, 2:]
        - 2 * (g[:-2, 1:-1] + g[2:, 1:-1] + g[1:-1, :-2] + g[1:-1, 2:]) + 4 * g[1:-1, 1:-1]
    )  # fmt: skip
    return float(np.median(np.abs(mixed))) * 1.4826 / 6.0


def sharpness(grey: F32) -> float:
    """Fraction of the gradient that a small blur takes from the sharpest edges of the grey photo (H, W), in the orientation
    with the softest ones: about 0.25 to 0.5 if sharp, below 0.15 if blurred; 1 where no edge stands out from the noise."""
    fine, coarse = (_gradient(gaussian_filter(grey.astype(np.float64), s)) for s in (FINE, COARSE))
    size = np.linalg.norm(coarse, axis=-1)
    # noise of standard deviation s has a gradient of s / (sqrt(8 pi) sigma^2) after a Gaussian blur
    noise = max(noise_level(grey), QUANTISATION) / (np.sqrt(8 * np.pi) * COARSE**2)
    unit = coarse / np.maximum(size, 1e-12)[..., None]
    edge = (size > OVER_NOISE * noise) & _is_ridge(size, unit)
    if edge.sum() < MIN_EDGES:
        return NO_EDGES
    along = (fine[edge] * unit[edge]).sum(-1)
    loss = np.clip(1.0 - size[edge] / np.maximum(along, 1e-9), 0.0, 1.0)
    angle = np.arctan2(unit[edge][:, 1], unit[edge][:, 0])
    group = np.rint(angle / (np.pi / ORIENTATIONS)).astype(int) % ORIENTATIONS
    least = max(MIN_EDGES, 0.08 * edge.sum())
    values = [
        float(np.quantile(loss[group == k], QUANTILE))
        for k in range(ORIENTATIONS)
        if (group == k).sum() >= least
    ]
    return min(values) if values else float(np.quantile(loss, QUANTILE))


def _gradient(image: F64) -> F64:
    """(H - 2, W - 2, 2) central differences (x, y)."""
    return np.stack([image[1:-1, 2:] - image[1:-1, :-2], image[2:, 1:-1] - image[:-2, 1:-1]], -1) / 2


def _is_ridge(size: F64, unit: F64) -> np.ndarray:
    """(H, W) bool: whether the gradient is at least as large as at its two neighbours along its direction."""
    h, w = size.shape
    out = np.zeros((h, w), bool)
    y, x = np.mgrid[1 : h - 1, 1 : w - 1]
    step = np.rint(unit[1:-1, 1:-1]).astype(int)
    here = size[1:-1, 1:-1]
    ahead = size[y + step[..., 1], x + step[..., 0]]
    behind = size[y - step[..., 1], x - step[..., 0]]
    out[1:-1, 1:-1] = (here >= ahead) & (here > behind)
    return out
