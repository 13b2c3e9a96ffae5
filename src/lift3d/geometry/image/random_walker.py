"""Refine a rough foreground map of an image by the image's own colours.

Colour histograms of foreground and background are weighted by the map. Their log likelihood ratio is added to the map's
log odds, and the result is the prior of a random walker that seldom crosses image edges (Grady 2005, "Multilabel random
walker image segmentation using prior models"): the minimum over x of

    sum_i PRIOR_WEIGHT (x_i - q_i)^2 + sum_ij w_ij (x_i - x_j)^2,  w_ij = exp(-EDGE_CONTRAST |c_i - c_j|^2 / mean) + 0.001.

GrabCut (Rother, Kolmogorov & Blake 2004) solves the same task by graph cuts, from a box.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.linalg import cg

from lift3d.types import F32, F64

BINS = 16
"""Histogram bins of a colour channel."""
MIN_DENSITY = 2e-5
"""Added to both colour densities, so that colours rare in both give a ratio near 1."""
COLOUR_WEIGHT, MAX_LOG_RATIO = 0.8, 3.0
"""Weight of the log likelihood ratio of the colours, and its largest absolute value."""
PRIOR_WEIGHT, EDGE_CONTRAST = 0.05, 1.5
ROUNDS, PRIOR_DECAY = 3, 0.6
"""Number of times the histograms are estimated, and the factor by which the weight of the rough map falls each time where
colours are informative: where the rough map is far off, the histograms are right before it is."""


def refine_mask(rgb: NDArray[np.uint8], foreground: F32, threshold: float = 0.5) -> F32:
    """Foreground probability (H, W) float32, 0.5 at the refined outline.

    rgb: (H, W, 3) sRGB bytes; foreground: (H, W) rough probability; threshold: its value at the outline.
    """
    colours = rgb.astype(np.float64) / 255
    log_odds = logit(foreground) - float(logit(np.array(threshold)))
    weights = edge_weights(colours)
    probability = 1 / (1 + np.exp(-log_odds))
    for k in range(ROUNDS):
        ratio = colour_log_ratio(rgb, probability)
        prior_weight = 1 - (1 - PRIOR_DECAY**k) * np.minimum(np.abs(ratio), 1)
        prior = 1 / (1 + np.exp(-(prior_weight * log_odds + COLOUR_WEIGHT * ratio)))
        probability = random_walk(prior, weights)
    return np.asarray(probability, np.float32)


def logit(probability: NDArray[np.floating]) -> F64:
    """Log odds of probabilities, clipped to [0.02, 0.98]."""
    p = np.clip(np.asarray(probability, np.float64), 0.02, 0.98)
    return np.asarray(np.log(p / (1 - p)))


def colour_log_ratio(rgb: NDArray[np.uint8] | F32, foreground: F64, background: F64 | None = None) -> F64:
    """(H, W) log likelihood ratio of each pixel's colour, foreground over background, within +-MAX_LOG_RATIO.

    rgb: (H, W, 3), 0 to 255; foreground, background (H, W): weights of the pixels in the two histograms; background is
    1 - foreground by default.
    """
    bins = (rgb.astype(np.float64) * BINS // 256).astype(np.int64)
    index = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    density = []
    for weight in (foreground, 1 - foreground if background is None else background):
        counts = np.bincount(index.ravel(), weight.ravel(), BINS**3).reshape((BINS,) * 3)
        counts = ndimage.gaussian_filter(counts, 1.0)
        density.append(counts.ravel()[index] / max(float(counts.sum()), 1e-9))
    ratio = np.log((density[0] + MIN_DENSITY) / (density[1] + MIN_DENSITY))
    return np.asarray(np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO))


def edge_weights(colours: F64) -> sp.csr_matrix:
    """(N, N) symmetric sparse matrix: weights w_ij of 4-neighbouring pixels of colours (H, W, 3) in [0, 1]."""
    h, w = colours.shape[:2]
    index = np.arange(h * w).reshape(h, w)
    rows, columns, values = [], [], []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        distance = ((colours[a] - colours[b]) ** 2).sum(-1)
        weight = np.exp(-EDGE_CONTRAST * distance / max(float(distance.mean()), 1e-9)) + 1e-3
        rows += [index[a].ravel(), index[b].ravel()]
        columns += [index[b].ravel(), index[a].ravel()]
        values += [weight.ravel(), weight.ravel()]
    where = (np.concatenate(rows), np.concatenate(columns))
    return sp.coo_matrix((np.concatenate(values), where), (h * w, h * w)).tocsr()


def random_walk(prior: F64, weights: sp.csr_matrix, prior_weight: float | F64 = PRIOR_WEIGHT) -> F64:
    """(H, W) the minimum of the random walker energy for a prior (H, W), by conjugate gradients (relative residual 1e-3).

    prior_weight: of each pixel's prior, a number or (H, W).
    """
    trust = np.broadcast_to(prior_weight, prior.shape).ravel()
    diagonal = np.asarray(weights.sum(1)).ravel() + trust
    system = sp.diags(diagonal) - weights
    start = prior.ravel()
    solution, _ = cg(system, trust * start, x0=start, rtol=1e-3, maxiter=200, M=sp.diags(1 / diagonal))
    return np.asarray(solution.reshape(prior.shape))
