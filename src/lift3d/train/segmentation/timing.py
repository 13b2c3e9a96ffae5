"""The speed of this machine on a planned network, measured on a small patch."""

from __future__ import annotations

import dataclasses
import time

import torch

from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.segmentation.plan import Plan, Sizes
from lift3d.nets.segmentation.unet import ResidualUNet3d
from lift3d.train.segmentation.planning import estimate

SIDE = 32


def measure_rate(plan: Plan, bfloat16: bool, device: str = "cpu") -> float:
    """Operations per second of a training step, as `estimate` counts them, on a patch of about SIDE voxels a side."""
    x, y, z = (min(p, max(d, SIDE // d * d)) for p, d in zip(plan.patch, plan.divisor))
    small: Sizes = (x, y, z)
    with torch.random.fork_rng(devices=[]):
        net = ResidualUNet3d.of(plan).to(device).train()
        image = torch.randn(1, 1, *small, device=device)
        for _ in range(2):  # the first pass prepares the kernels
            started = time.perf_counter()
            with autocast_bfloat16(device, bfloat16):
                loss = torch.stack([out.float().square().mean() for out in net(image)]).sum()
            loss.backward()
            loss.item()
            seconds = time.perf_counter() - started
    return estimate(dataclasses.replace(plan, patch=small), 1).operations / max(seconds, 1e-6)
