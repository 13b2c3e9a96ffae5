"""The baseline of segmentation: the labels that most training volumes have at the same relative place of the volume."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.volume.orientation import canonical_axes, from_canonical, to_canonical
from lift3d.inference.segmentation.resampling import resample
from lift3d.nets.segmentation.plan import Sizes
from lift3d.types.volumes import Grid, Labels

SIDE = 48
"""Voxels along each side of the mean label map."""


def mean_label_map(cases: Iterable[Labels], ids: tuple[int, ...]) -> NDArray[np.float32]:
    """(1 + labels, SIDE, SIDE, SIDE) fraction of the cases with each class, in canonical axes; the background first."""
    cube: Sizes = (SIDE, SIDE, SIDE)
    total, count = np.zeros((len(ids) + 1, *cube), np.float32), 0
    for labels in cases:
        canonical = to_canonical(labels.ids, labels)
        total[1:] += [resample(np.asarray(canonical == number, np.float32), cube) for number in ids]
        count += 1
    total /= max(count, 1)
    total[0] = 1 - total[1:].sum(0)
    return total


def mean_labels(mean: NDArray[np.float32], ids: tuple[int, ...], grid: Grid) -> Labels:
    """The most frequent class of each voxel of a grid, as labels."""
    x, y, z = canonical_axes(grid)[0]
    shape = (grid.shape[x], grid.shape[y], grid.shape[z])
    classes = np.stack([resample(one, shape) for one in mean]).argmax(0)
    found = np.array([0, *ids], np.uint16)[classes]
    return Labels.of(np.ascontiguousarray(from_canonical(found, grid)).astype(np.uint16), grid.affine)
