"""What a silhouette says of the cells behind it: a ray through the thing meets it somewhere.

A network that is asked which cells are full says "no" of every cell along a ray when it does not know at which depth the leg of
a chair stands; the leg is lost, though the photo shows it. Here such rays get the stretch that is most likely full.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.types import F32

ALONG = 0.7
"""Cells by which shares are smoothed along the rays: the depth of a surface is known no better, and steps show."""
ACROSS = 1.0
"""Cells across the rays over which neighbours tell each other at which depth they are full."""
INSIDE = 0.5
"""Share of the silhouette in a ray's square from which on the ray goes through the thing."""
FAINTEST = 0.03
"""A ray on which no cell is more likely than this sees a fault of the mask."""
SHORTEST, LONGEST = 2, 8
"""Cells of a stretch."""
CLEARLY = 1.25
"""Times the level: what the cells of a stretch get at least."""


def behind_silhouette(share: F32, silhouette: F32, level: float) -> F32:
    """(D, H, W) shares, smoothed along the rays (first axis), where every ray of the silhouette (H, W, from 0 to 1) has cells
    above the level: as many as it is expected to have, where they are most likely."""
    out = ndimage.gaussian_filter1d(share, ALONG, axis=0)
    peak = out.max(0)
    v, u = np.nonzero((silhouette > INSIDE) & (peak < level) & (peak > FAINTEST))
    if not len(v):
        return np.asarray(out, np.float32)
    around = ndimage.gaussian_filter(out, (ALONG, ACROSS, ACROSS))[:, v, u]
    rays: NDArray[np.float32] = out[:, v, u]
    lengths = np.clip(np.rint(rays.sum(0)), SHORTEST, LONGEST).astype(int)
    sums = np.concatenate([np.zeros((1, len(v))), np.cumsum(around, 0)])
    least = min(CLEARLY * level, (1 + level) / 2)
    for length in np.unique(lengths):
        which = np.flatnonzero(lengths == length)
        first = (sums[length:, which] - sums[:-length, which]).argmax(0)
        for k in range(length):
            rays[first + k, which] = np.maximum(rays[first + k, which], least)
    out[:, v, u] = rays
    return np.asarray(out, np.float32)
