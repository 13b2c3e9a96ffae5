"""Shapes, pictures and words of the test split, for retrieval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F32


@dataclass(frozen=True, eq=False)
class Held:
    """What is known of a split's shapes. shapes (N,); asked: pictures (N, 4, 128, 128), one of each; views: rendered ones of
    all, one shape's after the other, with owners (M,); things: vectors of each; pixels, code: baselines' features of both."""

    shapes: list[int]
    asked: F32
    queries: F32
    things: list[F32]
    owners: NDArray[np.int64]
    features: dict[str, tuple[F32, F32]]
    space: str = ""
