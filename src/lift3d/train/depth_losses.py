"""Losses of inverse depth that is known up to scale and shift (Ranftl et al. 2020, "Towards robust monocular depth estimation",
arXiv:1907.01341)."""

from __future__ import annotations

import torch

SCALES = 4
TRIM = 0.2
EPSILON = 1e-4


def median_and_deviation(d: torch.Tensor, valid: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(B,) median t(d) and mean absolute deviation s(d) from it over the valid pixels of d (B, H, W), equation 6; s is at least
    EPSILON."""
    flat, inside = d.flatten(1), valid.flatten(1)
    missing = torch.where(inside, flat, torch.full_like(flat, torch.nan))
    t = torch.nan_to_num(missing.nanmedian(1).values)
    s = ((flat - t[:, None]).abs() * inside).sum(1) / inside.sum(1).clamp(min=1)
    return t, s.clamp(min=EPSILON)


def align(d: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """(d - t(d)) / s(d), equation 7: zero median and unit deviation."""
    t, s = median_and_deviation(d, valid)
    return (d - t[:, None, None]) / s[:, None, None]


def trimmed_mae(residual: torch.Tensor, valid: torch.Tensor, trim: float = TRIM) -> torch.Tensor:
    """Mean over the batch of half the mean absolute residual, the largest fraction `trim` of each image left out: equation 5. The
    sum over the rest is divided by all valid pixels, as in the paper."""
    size = torch.where(valid, residual.abs(), torch.zeros_like(residual)).flatten(1)
    count = valid.flatten(1).sum(1)
    order = size.sort(1, descending=True).values  # the zeros of invalid pixels come last
    start = (count - ((1 - trim) * count).long())[:, None]
    index = torch.arange(size.shape[1], device=size.device)[None]
    kept = (index >= start) & (index < count[:, None])
    return ((order * kept).sum(1) / (2 * count.clamp(min=1))).mean()


def gradient_loss(residual: torch.Tensor, valid: torch.Tensor, scales: int = SCALES) -> torch.Tensor:
    """Mean absolute gradient of the residual (B, H, W), summed over scales that halve: equation 11."""
    total = residual.new_zeros(())
    for k in range(scales):
        r, v = residual[:, :: 2**k, :: 2**k], valid[:, :: 2**k, :: 2**k]
        across, down = v[:, :, 1:] & v[:, :, :-1], v[:, 1:] & v[:, :-1]
        gx, gy = (r[:, :, 1:] - r[:, :, :-1]).abs() * across, (r[:, 1:] - r[:, :-1]).abs() * down
        count = v.flatten(1).sum(1).clamp(min=1)
        total = total + ((gx.flatten(1).sum(1) + gy.flatten(1).sum(1)) / count).mean()
    return total


def normal_loss(prediction: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean of 1 - cos of the angle between unit normals (B, 3, H, W), where the true normal is known (not zero)."""
    known = truth.square().sum(1) > 0.5
    return (((1 - (prediction * truth).sum(1)) * known).sum() / known.sum().clamp(min=1)).to(prediction.dtype)
