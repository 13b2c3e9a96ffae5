"""Height fields: heights over a picture plane, from which reliefs are made."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.types.arrays import F32, _require
from lift3d.types.views import Image


@dataclass(frozen=True, eq=False)
class HeightField:
    """Heights over a picture plane, as the front of a relief has them.

    values (H, W) float32: larger is nearer to the viewer, of any scale and offset, so that inverse depth serves as well; row 0 is
    at the top. known (H, W) bool: False on a background without a height, whose values are not used; None where all are known.
    image: the photo of the same view, of any size, or None. name: of the file it was read from.
    """

    values: F32
    known: NDArray[np.bool_] | None = None
    image: Image | None = None
    name: str = ""

    def __post_init__(self) -> None:
        v = self.values
        _require(v.ndim == 2 and v.dtype == np.float32, "HeightField.values must be (H, W) float32")
        _require(
            self.known is None or (self.known.dtype == np.bool_ and self.known.shape == v.shape),
            "HeightField.known must be (H, W) bool",
        )
        inside = v if self.known is None else v[self.known]
        _require(bool(np.isfinite(inside).all()), "HeightField.values must be finite where they are known")
