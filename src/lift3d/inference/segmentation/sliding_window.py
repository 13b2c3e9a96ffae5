"""Prediction of a volume in overlapping windows, averaged with Gaussian weights, with optional mirroring (Isensee et al. 2021,
Nature Methods 18)."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.segmentation.plan import Sizes

F32 = NDArray[np.float32]
OVERLAP = 0.5
"""Distance of windows as a fraction of their sides."""
SIGMA = 1 / 8
"""Standard deviation of the Gaussian weights as a fraction of the sides."""
LEAST_WEIGHT = 1e-3


def starts(size: int, window: int) -> list[int]:
    """First voxels of the windows along one axis: evenly spaced, from boundary to boundary, at most OVERLAP windows apart."""
    if size <= window:
        return [0]
    count = int(np.ceil((size - window) / (window * OVERLAP))) + 1
    return [int(round(k * (size - window) / (count - 1))) for k in range(count)]


@functools.lru_cache(4)
def gaussian_weights(window: Sizes) -> F32:
    """(X, Y, Z) weights of a window, 1 at its centre and LEAST_WEIGHT at least."""
    axes = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n * SIGMA)) ** 2) for n in window]
    weights = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    return np.asarray(np.maximum(weights / weights.max(), LEAST_WEIGHT), np.float32)


def padded(values: F32, window: Sizes) -> tuple[F32, tuple[slice, slice, slice]]:
    """(the volume with zeros on both sides of axes that are shorter than the window, where the volume lies in it)."""
    before = [(max(w - n, 0)) // 2 for n, w in zip(values.shape, window)]
    after = [max(w - n, 0) - b for n, w, b in zip(values.shape, window, before)]
    x, y, z = (slice(b, b + n) for b, n in zip(before, values.shape))
    return np.pad(values, list(zip(before, after))), (x, y, z)


def predict_probabilities(
    net: torch.nn.Module, values: F32, window: Sizes, mirror: Sequence[int] = (), bfloat16: bool = True,
    progress: Callable[[float], None] | None = None,
) -> F32:  # fmt: skip
    """Probabilities (classes, X, Y, Z) of a volume (X, Y, Z) that is resampled and normalised.

    mirror: axes along which each window is mirrored in turn, in all combinations; the predictions are averaged. bfloat16:
    computes in bfloat16 where the device is fast at it. progress(fraction): called after each window."""
    whole, inside = padded(values, window)
    corners = list(itertools.product(*(starts(n, w) for n, w in zip(whole.shape, window))))
    weights = gaussian_weights(window)
    total, weight = None, np.zeros(whole.shape, np.float32)
    for k, corner in enumerate(corners):
        place = tuple(slice(c, c + w) for c, w in zip(corner, window))
        found = predict_window(net, whole[place], mirror, bfloat16)
        if len(corners) == 1:
            return np.ascontiguousarray(found[(slice(None), *inside)])
        if total is None:
            total = np.zeros((len(found), *whole.shape), np.float32)
        total[(slice(None), *place)] += found * weights
        weight[place] += weights
        if progress is not None:
            progress((k + 1) / len(corners))
    assert total is not None
    total /= weight
    return np.ascontiguousarray(total[(slice(None), *inside)])


def predict_window(net: torch.nn.Module, values: F32, mirror: Sequence[int], bfloat16: bool) -> F32:
    """Probabilities (classes, X, Y, Z) of one window, averaged over its mirror images."""
    device = next(net.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(values))[None, None].to(device)
    flips = [f for n in range(len(mirror) + 1) for f in itertools.combinations([2 + a for a in mirror], n)]
    with torch.no_grad(), autocast_bfloat16(device.type, bfloat16):
        found = [torch.softmax(net(x.flip(f)).float(), 1).flip(f) for f in flips]
    return np.asarray(torch.stack(found).mean(0)[0].cpu().numpy(), np.float32)
