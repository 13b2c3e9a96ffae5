"""Guarantees about the depth of a single photo."""

from __future__ import annotations

from typing import Any

import numpy as np

from lift3d.geometry.camera.projection import pixel_rays
from lift3d.mapping import Guarantee, Mapping
from lift3d.types import Depth, Image


def _depth_of_photo(mapping: Mapping[Any, Any], source: Image, result: Depth) -> str | None:
    if result.z.shape != source.pixels.shape[:2]:
        return f"the depth has {result.z.shape[1]} x {result.z.shape[0]} pixels"
    known = result.z > 0
    expected = np.ones(known.shape, bool) if source.mask is None else source.mask
    if not np.isfinite(result.z).all() or not np.array_equal(known, expected):
        return "depth is missing, negative or not finite"
    surface = known if result.confidence is None else known & (result.confidence >= 0.5)
    middle = float(np.median(result.z[surface if surface.any() else known])) if known.any() else 1.0
    if abs(middle - 1) > 1e-3:
        return f"the median depth is {middle:.3f}"
    if result.normals is None:
        return "there are no normals"
    rays, n = pixel_rays(result.camera), result.normals.astype(np.float64)
    if ((n * rays).sum(-1)[known] >= 0).any():
        return "a normal does not face the camera"
    off = np.abs(np.linalg.norm(n[known], axis=-1) - 1)
    return "a normal is no unit vector" if len(off) and off.max() > 3e-3 else None


DEPTH_OF_PHOTO = Guarantee(
    "depth_of_photo",
    "depth at every opaque pixel of the photo, with median 1 over surfaces, unit normals that face the camera",
    _depth_of_photo,
)
