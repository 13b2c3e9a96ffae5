"""Test pictures with their ground-truth voxels, and the choice of the worst, median and best results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.train.data.view_set import View, ViewSet, network_input
from lift3d.types import F32


@dataclass(frozen=True)
class Case:
    """A picture that is guessed from, and other pictures of its thing."""

    view: View
    pictures: F32


def cases_of(solids: ViewSet, limit: int | None) -> list[Case]:
    """One picture of each shape, and up to two more of it; which of them follows from the shape alone."""
    shapes = sorted(solids.views)
    if limit is not None and limit < len(shapes):
        shapes = [shapes[int(i)] for i in np.linspace(0, len(shapes) - 1, limit)]
    cases = []
    for shape in shapes:
        order = np.random.default_rng(shape).permutation(solids.views[shape])
        views = [v for i in order if (v := solids.view(int(i))) is not None][:3]
        if views:
            cases.append(Case(views[0], np.stack([network_input(v) for v in views])))
    return cases


def worst_median_best(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Numbers of the `count` best, of as many around the median, and of the worst."""
    order = np.argsort(-values)
    middle = max((len(order) - count) // 2, 0)
    return np.concatenate([order[:count], order[middle : middle + count], order[-count:]])
