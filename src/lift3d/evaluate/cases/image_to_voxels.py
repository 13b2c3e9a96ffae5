"""Test images with their ground truth for reconstruction from photos, and the choice of the best, median and worst results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.train.data.view_set import View, ViewSet, network_input
from lift3d.types import F32


@dataclass(frozen=True)
class PhotoCase:
    """view: the image and its camera; images (V, 4, 128, 128): network inputs of that view and up to two more of the same
    shape."""

    view: View
    images: F32


def photo_cases(solids: ViewSet, limit: int | None) -> list[PhotoCase]:
    """One image of each shape of the set, or of `limit` evenly spaced shapes, with up to two more images of the same shape. The
    choice depends on the index of the shape alone."""
    shapes = sorted(solids.views)
    if limit is not None and limit < len(shapes):
        shapes = [shapes[int(i)] for i in np.linspace(0, len(shapes) - 1, limit)]
    cases = []
    for shape in shapes:
        order = np.random.default_rng(shape).permutation(solids.views[shape])
        views = [v for i in order if (v := solids.view(int(i))) is not None][:3]
        if views:
            cases.append(PhotoCase(views[0], np.stack([network_input(v) for v in views])))
    return cases


def best_median_worst(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Indices of the `count` largest values (N,), of as many around the median, and of the `count` smallest."""
    order = np.argsort(-values)
    middle = max((len(order) - count) // 2, 0)
    return np.concatenate([order[:count], order[middle : middle + count], order[-count:]])
