"""A rough share of a thing in a picture, sharpened by the picture's own colours.

Colours of the thing and of what is around it are counted where the share says so; their likelihood ratio is added to the share's
log odds, and the result is spread by random walks that seldom cross an edge of the picture: random walks with priors (Grady
2005, "Multilabel random walker image segmentation using prior models"), here the minimum over x of

    sum_i STAY (x_i - q_i)^2 + sum_ij w_ij (x_i - x_j)^2,    w_ij = exp(-EDGES |c_i - c_j|^2 / mean) + 0.001.

What GrabCut (Rother, Kolmogorov & Blake 2004) does by cuts, with a share instead of a box to begin with.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse.linalg import cg

from lift3d.types import F32, F64

BINS = 16
"""Of a colour channel."""
MIN_DENSITY = 2e-5
"""A colour that is rarer than this in both tells nothing."""
COLOUR_WEIGHT, MAX_LOG_RATIO = 0.8, 3.0
"""Weight of the colours' log ratio, and what it is at most."""
PRIOR_WEIGHT, EDGE_CONTRAST = 0.05, 1.5
ROUNDS, PRIOR_DECAY = 3, 0.6
"""How often colours are counted anew, and how much of the rough share's say is left each time where colours tell something: where
it is far off, colours that are counted by it are right before it is."""


def refine_mask(rgb: NDArray[np.uint8], share: F32, level: float = 0.5) -> F32:
    """(H, W) share of the thing, half where its edge is, of (H, W, 3) sRGB and a rough share whose edge is at `level`."""
    colours = rgb.astype(np.float64) / 255
    said = logit(share) - float(logit(np.array(level)))
    weights = edge_weights(colours)
    out = 1 / (1 + np.exp(-said))
    for k in range(ROUNDS):
        ratio = colour_log_ratio(rgb, out)
        left = 1 - (1 - PRIOR_DECAY**k) * np.minimum(np.abs(ratio), 1)
        prior = 1 / (1 + np.exp(-(left * said + COLOUR_WEIGHT * ratio)))
        out = random_walk(prior, weights)
    return np.asarray(out, np.float32)


def logit(share: NDArray[np.floating]) -> F64:
    p = np.clip(np.asarray(share, np.float64), 0.02, 0.98)
    return np.asarray(np.log(p / (1 - p)))


def colour_log_ratio(rgb: NDArray[np.uint8], share: F64) -> F64:
    """(H, W) log of how much likelier each pixel's colour is in the thing than around it, within LOUDEST."""
    bins = rgb.astype(np.int64) * BINS // 256
    number = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    found = []
    for weight in (share, 1 - share):
        counts = np.bincount(number.ravel(), weight.ravel(), BINS**3).reshape((BINS,) * 3)
        counts = ndimage.gaussian_filter(counts, 1.0)
        found.append(counts.ravel()[number] / max(float(counts.sum()), 1e-9))
    ratio = np.log((found[0] + MIN_DENSITY) / (found[1] + MIN_DENSITY))
    return np.asarray(np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO))


def edge_weights(colours: F64) -> sp.csr_matrix:
    """(N, N) of neighbouring pixels, symmetric."""
    h, w = colours.shape[:2]
    number = np.arange(h * w).reshape(h, w)
    rows, columns, values = [], [], []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        apart = ((colours[a] - colours[b]) ** 2).sum(-1)
        weight = np.exp(-EDGE_CONTRAST * apart / max(float(apart.mean()), 1e-9)) + 1e-3
        rows += [number[a].ravel(), number[b].ravel()]
        columns += [number[b].ravel(), number[a].ravel()]
        values += [weight.ravel(), weight.ravel()]
    where = (np.concatenate(rows), np.concatenate(columns))
    return sp.coo_matrix((np.concatenate(values), where), (h * w, h * w)).tocsr()


def random_walk(prior: F64, weights: sp.csr_matrix) -> F64:
    """The minimum, by conjugate gradients."""
    diagonal = np.asarray(weights.sum(1)).ravel() + PRIOR_WEIGHT
    system = sp.diags(diagonal) - weights
    start = prior.ravel()
    found, _ = cg(system, PRIOR_WEIGHT * start, x0=start, rtol=1e-3, maxiter=200, M=sp.diags(1 / diagonal))
    return np.asarray(found.reshape(prior.shape))
