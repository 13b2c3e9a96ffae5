"""The plan of a segmentation network: spacing, patch, stages, normalisation and labels, as JSON values. Needs no torch."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Sizes = tuple[int, int, int]
MODALITIES = ("ct", "mr", "any")
"""ct: Hounsfield units, normalised by the values of the whole data set; mr: values without a unit, normalised by the values of
each volume; any: the contrast is arbitrary, percentiles of each volume become -2 and 2."""
MOST_LABELS, MOST_STAGES, LARGEST_SIDE = 255, 8, 1024


@dataclass(frozen=True)
class Intensity:
    """Values of the training data. low, high: percentiles 0.5 and 99.5; mean, deviation: of the values between them.

    For "ct" they are those of labelled voxels in the data set. For "mr" they are those of normalised volumes (mean 0,
    deviation 1), averaged over the cases. For
    "any" they are not used."""

    low: float
    high: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Plan:
    """All that a segmentation network needs besides its weights; axes are those of a volume in canonical (RAS+) order.

    modality: one of MODALITIES. spacing: millimetres. patch: voxels. strides, kernels: of each stage along the three axes, the
    first stride 1. widths: channels of the stages. blocks: residual blocks of each encoder stage. ids: the label of each class
    but the background, in the order of the output channels 1, 2, ...; names: of the same. mirror: axes along which volumes are
    mirrored in training and inference. extents: least, median and largest extent of the training volumes in millimetres, along
    the three axes. intensity: see `Intensity`. contrast: mean normalised value of each class, the background first."""

    modality: str
    spacing: tuple[float, float, float]
    patch: Sizes
    strides: tuple[Sizes, ...]
    kernels: tuple[Sizes, ...]
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    ids: tuple[int, ...]
    names: tuple[str, ...]
    mirror: tuple[int, ...]
    extents: tuple[tuple[float, float, float], ...]
    intensity: Intensity
    contrast: tuple[float, ...]

    def __post_init__(self) -> None:
        """ValueError for sizes that do not fit together, or out of range."""
        stages = len(self.widths)
        _check(self.modality in MODALITIES, f"there is no modality called {self.modality}")
        _check(2 <= stages <= MOST_STAGES, "a network has 2 to 8 stages")
        _check(all(len(x) == stages for x in (self.strides, self.kernels, self.blocks)), "stages differ")
        _check(all(0 < w <= 1024 for w in self.widths), "widths are 1 to 1024")
        _check(all(0 < b <= 16 for b in self.blocks), "a stage has 1 to 16 blocks")
        _check(all(len(s) == 3 and set(s) <= {1, 2} for s in self.strides), "strides are 1 or 2")
        _check(self.strides[0] == (1, 1, 1), "the first stage has stride 1")
        _check(all(len(k) == 3 and set(k) <= {1, 3} for k in self.kernels), "kernels are 1 or 3")
        _check(len(self.patch) == 3 and all(0 < p <= LARGEST_SIDE for p in self.patch), "a patch has 3 sides")
        _check(all(p % d == 0 for p, d in zip(self.patch, self.divisor)), "strides divide the patch")
        _check(len(self.spacing) == 3 and all(0 < s < 100 for s in self.spacing), "spacings are positive")
        _check(0 < len(self.ids) <= MOST_LABELS, f"there are 1 to {MOST_LABELS} labels")
        _check(list(self.ids) == sorted(set(self.ids)) and self.ids[0] > 0, "ids ascend and are positive")
        _check(len(self.names) == len(self.ids), "each label has a name")
        _check(set(self.mirror) <= {0, 1, 2}, "axes are 0, 1 and 2")
        numbers = [
            *dataclasses.astuple(self.intensity),
            *self.contrast,
            *(x for e in self.extents for x in e),
        ]
        _check(all(math.isfinite(float(x)) for x in numbers), "all numbers are finite")
        _check(self.intensity.deviation > 0, "the deviation of the values is positive")

    @property
    def classes(self) -> int:
        """Output channels: the labels and the background."""
        return len(self.ids) + 1

    @property
    def divisor(self) -> Sizes:
        """The product of the strides along each axis: sides of inputs are multiples of it."""
        x, y, z = (math.prod(s[axis] for s in self.strides) for axis in range(3))
        return x, y, z

    def to_json(self) -> dict[str, Any]:
        """JSON values: lists in place of tuples."""
        return dict(_lists(dataclasses.asdict(self)))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Plan:
        """The plan of JSON values. KeyError, TypeError or ValueError where values are missing or invalid."""
        known = {f.name: values[f.name] for f in dataclasses.fields(cls) if f.name != "intensity"}
        return cls(**{k: _tuples(v) for k, v in known.items()}, intensity=Intensity(**values["intensity"]))


def _check(right: bool, what: str) -> None:
    if not right:
        raise ValueError(what)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _lists(v) for k, v in value.items()}
    return [_lists(v) for v in value] if isinstance(value, (tuple, list)) else value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, (tuple, list)) else value
