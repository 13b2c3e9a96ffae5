"""What photos are connected by matches, which decides how long to search for the others."""

from __future__ import annotations

import numpy as np

from lift3d.geometry.sfm.features import Pair
from lift3d.geometry.sfm.search import largest_component


def pair(i: int, j: int, matches: int) -> Pair:
    return Pair(i, j, np.zeros((matches, 2), np.uint32))


def test_photos_are_connected_by_pairs_with_enough_matches() -> None:
    pairs = [pair(0, 1, 40), pair(1, 2, 30), pair(2, 3, 9), pair(3, 4, 50)]
    assert largest_component(pairs, 6, 15) == 3
    assert largest_component(pairs, 6, 5) == 5
    assert largest_component(pairs, 6, 100) == 1
    assert largest_component([], 4, 15) == 1
