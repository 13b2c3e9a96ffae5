"""The plan of a segmentation network from the fingerprint of its data, by the rules of nnU-Net (Isensee et al. 2021, Nature
Methods 18; its configuration 3d_fullres), and the memory and time of its training.

It differs from nnU-Net in five points. The batch and the width are those of the options: on a processor time is scarce, not
memory. Volumes are mirrored from left to right alone, and not at all where a name of a label has a side; nnU-Net mirrors all
axes. Values of "mr" are clipped to percentiles 0.5 and 99.5 of each volume before they are normalised. Volumes are resampled
linearly with a low-pass filter. Stages have residual blocks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from lift3d.nets.segmentation.plan import Plan, Sizes
from lift3d.train.segmentation.fingerprint import Fingerprint

Floats = tuple[float, float, float]
ANISOTROPY = 3.0
"""A spacing that is so many times the others' is taken from percentile 10 instead of the median."""
LEAST_SIDE = 4
"""Smallest side in voxels of the coarsest stage."""
FIRST_PATCH = 256**3
"""Voxels of the patch before it is bounded by the volumes' median shape."""
MOST_WIDTH = 320
BLOCKS = (1, 1, 2, 2, 2, 2, 2, 2)
SIDES = re.compile(r"(^|[^a-z])(left|right|lh|rh|l|r)([^a-z]|$)", re.IGNORECASE)
MEMORY = 4.0
"""Default limit of the memory of a training step, in GB."""


@dataclass(frozen=True)
class Estimate:
    """weights: their number. bytes: memory of a training step. operations: multiplications and additions of a training step,
    forward and backward."""

    weights: int
    bytes: int
    operations: int

    def seconds(self, rate: float) -> float:
        """Duration of a step at a rate of operations per second."""
        return self.operations / rate


def make_plan(
    fingerprint: Fingerprint, width: int, batch: int, memory: float = MEMORY, widest: int = MOST_WIDTH
) -> Plan:
    """The plan of a data set. width: channels of the first stage. batch: patches in a step. memory: limit of a step in GB, to
    which the patch is reduced. widest: channels that no stage exceeds."""
    spacing = target_spacing(fingerprint)
    median = np.median(fingerprint.shapes * fingerprint.spacings / spacing, 0)
    first = (1 / np.array(spacing)) * (FIRST_PATCH * float(np.prod(spacing))) ** (1 / 3)
    patch = np.minimum(np.round(first), np.maximum(np.round(median), 1)).astype(int)
    while True:
        plan = _plan_of(fingerprint, spacing, patch, width, widest)
        if estimate(plan, batch).bytes <= memory * 1e9 or max(plan.patch) <= 2 * LEAST_SIDE:
            return plan
        ratio = np.array(plan.patch) / np.maximum(median, 1)
        axis = max(
            (k for k in range(3) if plan.patch[k] > 2 * LEAST_SIDE), key=lambda k: (ratio[k], plan.patch[k])
        )
        patch = np.array(plan.patch)
        patch[axis] -= plan.divisor[axis]


def target_spacing(fingerprint: Fingerprint) -> Floats:
    """Median spacing along each axis; an axis with thick slices has percentile 10, but not less than the others' largest."""
    target = np.median(fingerprint.spacings, 0)
    shape = np.median(fingerprint.shapes * fingerprint.spacings / target, 0)
    worst = int(target.argmax())
    others = [k for k in range(3) if k != worst]
    thick = target[worst] > ANISOTROPY * target[others].max()
    if thick and shape[worst] * ANISOTROPY < shape[others].min():
        finer = float(np.percentile(fingerprint.spacings[:, worst], 10))
        largest = float(target[others].max())
        target[worst] = finer if finer > largest else largest + 1e-5
    x, y, z = (round(float(s), 6) for s in target)
    return x, y, z


def stages(spacing: Floats, patch: np.ndarray) -> tuple[list[Sizes], list[Sizes], Sizes]:
    """(strides, kernels, patch rounded up to multiples of the strides) of a patch.

    A stage halves the axes of at least 2 LEAST_SIDE voxels whose spacing is less than twice the finest; kernels are 1 along
    axes of twice the finest spacing or more, until a stage has reached it."""
    at, sides = np.array(spacing), np.array(patch, float)
    strides: list[Sizes] = [(1, 1, 1)]
    kernels, wide = [], [False] * 3
    while True:
        wide = [w or bool(s / at.min() < 2) for w, s in zip(wide, at)]
        kernels.append(_sizes([3 if w else 1 for w in wide]))
        valid = [k for k in range(3) if sides[k] >= 2 * LEAST_SIDE]
        if not valid or len(strides) == 6:
            break
        finest = min(at[k] for k in valid)
        chosen = [k for k in valid if at[k] / finest < 2]
        step = _sizes([2 if k in chosen else 1 for k in range(3)])
        strides.append(step)
        at, sides = at * step, np.ceil(sides / step)
    divisor = np.prod(np.array(strides), 0)
    rounded = _sizes([int(math.ceil(p / d) * d) for p, d in zip(patch, divisor)])
    return strides, kernels, rounded


def _sizes(values: list[int]) -> Sizes:
    x, y, z = values
    return x, y, z


def _plan_of(fingerprint: Fingerprint, spacing: Floats, patch: np.ndarray, width: int, widest: int) -> Plan:
    strides, kernels, rounded = stages(spacing, patch)
    if len(strides) == 1:  # a volume too small to be halved: two stages all the same
        strides, kernels = [*strides, (1, 1, 1)], kernels * 2
    extents = fingerprint.shapes * fingerprint.spacings
    summary = (extents.min(0), np.median(extents, 0), extents.max(0))
    return Plan(
        fingerprint.modality,
        spacing,
        rounded,
        tuple(strides),
        tuple(kernels),
        tuple(min(width * 2**k, widest) for k in range(len(strides))),
        BLOCKS[: len(strides)],
        fingerprint.ids,
        fingerprint.names,
        () if any(SIDES.search(name) for name in fingerprint.names) else (0,),
        tuple((round(float(e[0]), 3), round(float(e[1]), 3), round(float(e[2]), 3)) for e in summary),
        fingerprint.intensity,
        tuple(round(value, 4) for value in fingerprint.contrast),
    )


def estimate(plan: Plan, batch: int) -> Estimate:
    """The memory and operations of a training step, counted from the layers of `ResidualUNet3d`."""
    weights = values = operations = 0
    sides, volumes = np.array(plan.patch), []

    def layer(before: int, after: int, kernel: Sizes, voxels: int) -> None:
        nonlocal weights, values, operations
        weights += before * after * math.prod(kernel)
        values += 3 * after * voxels  # output, normalised output, activation
        operations += 2 * before * after * math.prod(kernel) * voxels

    before = plan.widths[0]
    layer(1, before, plan.kernels[0], int(np.prod(sides)))
    for width, stride, kernel, blocks in zip(plan.widths, plan.strides, plan.kernels, plan.blocks):
        sides = sides // stride
        volumes.append(int(np.prod(sides)))
        for k in range(blocks):
            layer(before if k == 0 else width, width, kernel, volumes[-1])
            layer(width, width, kernel, volumes[-1])
            before = width
    for k in range(len(plan.widths) - 1, 0, -1):
        coarse, fine = plan.widths[k], plan.widths[k - 1]
        weights += coarse * fine * math.prod(plan.strides[k])
        operations += 2 * coarse * fine * volumes[k - 1]
        layer(2 * fine, fine, plan.kernels[k - 1], volumes[k - 1])
        values += (3 * fine + 3 * plan.classes) * volumes[k - 1]
    memory = 4 * (batch * values + 6 * weights)
    return Estimate(weights, memory, 3 * batch * operations)


def describe_plan(plan: Plan, batch: int, rate: float, steps: int) -> list[str]:
    """Sentences about a plan and its training, for people. rate: operations per second of this machine."""
    cost = estimate(plan, batch)
    size = " x ".join(map(str, plan.patch))
    spacing = " x ".join(f"{s:.3g}" for s in plan.spacing)
    values = {
        "ct": "ct, by the mean and deviation of the data set",
        "mr": "mr, by the mean and deviation of each volume",
        "any": "any contrast, by percentiles of each volume",
    }[plan.modality]
    labels = ", ".join(f"{number} {name}" for number, name in zip(plan.ids, plan.names))
    mirror = "left and right are mirrored" if plan.mirror else (
        "nothing is mirrored, because names of labels have sides"
    )  # fmt: skip
    hours = cost.seconds(rate) * steps / 3600
    return [
        f"labels {labels}; {mirror}",
        f"spacing {spacing} mm, patch {size}, {len(plan.widths)} stages of {', '.join(map(str, plan.widths))} channels",
        f"values are normalised as {values}",
        f"{cost.weights / 1e6:.1f} million weights, about {cost.bytes / 1e9:.1f} GB of memory",
        f"about {cost.seconds(rate):.1f} s a step, {hours:.1f} h for {steps} steps",
    ]
