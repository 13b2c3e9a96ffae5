"""Checks that a volume looks like those on which a network was trained, before and after its segmentation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_axes, canonical_spacing
from lift3d.inference.segmentation.preprocessing import F32
from lift3d.inference.segmentation.result import Segmentation
from lift3d.nets.segmentation.plan import Plan
from lift3d.types.volumes import HOUNSFIELD, Volume

EXTENT = 1.5
"""How many times smaller or larger than all training volumes a volume may be, along each axis."""
SPACING = 3.0
"""How many times the planned spacing a volume's spacing may be."""
DOUBTFUL, REFUSED = 0.92, 0.75
"""Fractions of the usual mean expected Dice below which a segmentation is called doubtful, and below which it is refused. Of
held-back hippocampi the expected Dice is 0.92 to 0.96, of reflected or inverted ones 0.67 to 0.83, of noise 0.24 to 0.58."""
LARGEST_SHIFT = 1.5
"""Largest difference in deviations between a label's mean value and that of the training, both against the background."""


def check_volume(volume: Volume, plan: Plan) -> None:
    """InputError where the extents, the spacing or the values of a volume are far from those of the training."""
    axes = canonical_axes(volume)[0]
    extent = [volume.shape[k] * float(volume.spacing[k]) for k in axes]
    least, _, largest = plan.extents
    for size, low, high in zip(extent, least, largest):
        if not low / EXTENT <= size <= high * EXTENT:
            found, usual = (" x ".join(f"{x:.0f}" for x in e) for e in (extent, plan.extents[1]))
            raise InputError(
                f"the volume is {found} mm large, those of this task are about {usual} mm",
                "crop it to the same region, or choose another task",
            )
    coarse = max(own / planned for own, planned in zip(canonical_spacing(volume), plan.spacing))
    if coarse > SPACING:
        raise InputError(
            f"the voxels of the volume are {coarse:.1f} times as far apart as this task's",
            "give a finer volume",
        )
    if plan.modality == "ct":
        _check_hounsfield(volume, plan)
    elif plan.modality == "mr" and volume.unit == HOUNSFIELD:
        raise InputError("the volume is a CT, and this task was trained on MR", "choose another task")


def _check_hounsfield(volume: Volume, plan: Plan) -> None:
    low, high = (float(x) for x in np.percentile(np.asarray(volume.values, np.float32), (1, 99)))
    wanted = plan.intensity
    if volume.unit not in (None, HOUNSFIELD) or low >= wanted.high or high <= wanted.low:
        raise InputError(
            f"the values of the volume ({low:g} to {high:g}) are not the Hounsfield units of this task "
            f"({wanted.low:g} to {wanted.high:g})",
            "give a CT with its rescale slope and intercept applied",
        )


def class_means(values: F32, classes: NDArray[np.uint8], count: int) -> tuple[float, ...]:
    """Mean value of each class < count; nan for a class that does not occur."""
    voxels = np.bincount(classes.ravel(), minlength=count)
    sums = np.bincount(classes.ravel(), weights=values.ravel(), minlength=count)
    return tuple(float(s / n) if n else float("nan") for s, n in zip(sums, voxels))


def check_segmentation(found: Segmentation) -> None:
    """InputError where the network is so uncertain that the volume cannot show what it was trained on."""
    if found.usual is not None and found.expected_dice < REFUSED * found.usual:
        raise InputError(
            "the volume does not look like those of this task "
            f"(expected Dice {found.expected_dice:.2f}, usually {found.usual:.2f})",
            "check its region, contrast and orientation, or choose another task",
        )


def doubts(found: Segmentation, plan: Plan) -> list[str]:
    """Sentences about what in a segmentation does not look like the training data; none where nothing does."""
    out = [
        f"{one.name}: no voxel was found" for one in found.certainty if not one.millilitres
    ]  # fmt: skip
    if found.usual is not None and found.expected_dice < DOUBTFUL * found.usual:
        out.append(
            f"the network is uncertain of the whole volume (expected Dice {found.expected_dice:.2f}, usually {found.usual:.2f})"
        )
    if plan.modality == "any":
        return out
    for one, mean, usual in zip(found.certainty, found.means[1:], plan.contrast[1:]):
        shift = (mean - found.means[0]) - (usual - plan.contrast[0])
        if abs(shift) > LARGEST_SHIFT:
            side = "brighter" if shift > 0 else "darker"
            out.append(f"{one.name}: the voxels are far {side} than in the training data")
    return out
