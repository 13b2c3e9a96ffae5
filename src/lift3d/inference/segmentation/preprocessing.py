"""From a volume as it was read to the input of a segmentation network, and back: canonical axes, spacing and values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_axes, canonical_spacing, to_canonical
from lift3d.inference.segmentation.resampling import resample
from lift3d.nets.segmentation.plan import Plan, Sizes
from lift3d.types.volumes import Grid, Volume

F32 = NDArray[np.float32]
LOW, HIGH = 0.5, 99.5
"""Percentiles to which values are clipped before they are normalised."""


def network_shape(grid: Grid, spacing: tuple[float, float, float]) -> Sizes:
    """The shape in canonical order of a grid that is resampled to this spacing, at least one voxel along each axis."""
    axes = canonical_axes(grid)[0]
    x, y, z = (
        max(round(grid.shape[axis] * own / wanted), 1)
        for axis, own, wanted in zip(axes, canonical_spacing(grid), spacing)
    )
    return x, y, z


def normalise(values: F32, plan_modality: str, intensity: tuple[float, float, float, float] | None) -> F32:
    """Values of mean 0 and deviation 1, roughly or exactly, after clipping.

    "ct": by (low, high, mean, deviation) of the training data. "mr": by the volume's own percentiles, mean and deviation.
    "any": the volume's own percentiles become -2 and 2, without regard to how much background there is.
    InputError where all values of the volume are equal."""
    if plan_modality == "ct":
        assert intensity is not None
        low, high, mean, deviation = intensity
        return np.asarray((np.clip(values, low, high) - mean) / deviation, np.float32)
    low, high = (float(x) for x in np.percentile(values, (LOW, HIGH)))
    clipped = np.clip(values, low, high) if high > low else values
    deviation = float(clipped.std(dtype=np.float64))
    if not deviation > 1e-12 * max(1.0, abs(high)) or (plan_modality == "any" and not high > low):
        raise InputError(
            f"all values of the volume are {float(values.flat[0]):g}", "give a volume that shows an object"
        )
    if plan_modality == "any":
        return np.asarray((clipped - low) * (4 / (high - low)) - 2, np.float32)
    return np.asarray((clipped - float(clipped.mean(dtype=np.float64))) / deviation, np.float32)


def check_finite(volume: Volume) -> None:
    """InputError where a value of the volume is not finite."""
    if volume.values.dtype.kind == "f" and not np.isfinite(volume.values).all():
        count = int((~np.isfinite(volume.values)).sum())
        raise InputError(
            f"{volume.source or 'the volume'} has {count} values that are not finite",
            "write them as a number of the background",
        )


def network_input(volume: Volume, plan: Plan) -> F32:
    """The volume (X, Y, Z) in canonical axes, resampled to the planned spacing and normalised. InputError for values that are
    not finite or all equal."""
    check_finite(volume)
    i = plan.intensity
    values = np.asarray(to_canonical(volume.values, volume), np.float32)
    scaled = normalise(values, plan.modality, (i.low, i.high, i.mean, i.deviation))
    return resample(scaled, network_shape(volume, plan.spacing))
