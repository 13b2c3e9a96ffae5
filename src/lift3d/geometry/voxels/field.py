"""Occupancy or signed distance of a mesh sampled on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.voxels.inside_test import inside_mask
from lift3d.types import F32, F64


def sample_field(
    v: F64, f: NDArray[np.int32], origin: F64, step: float, shape: tuple[int, int, int], quantity: str
) -> F32:
    """(X, Y, Z) float32 at the points origin + step * (i, j, k).

    quantity: "occupancy" (1 inside, 0 outside) or "signed_distance" (in the unit of v, negative inside). Raises
    InputError for another quantity.
    """
    solid = inside_mask(v, f, origin, step, shape)
    if quantity == "occupancy":
        return solid.astype(np.float32)
    if quantity != "signed_distance":
        raise InputError(f"voxels of {quantity!r}", "use occupancy or signed_distance")
    points = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3) * step + origin
    distance = closest_in_tree(build_search_tree(v, f), points)[1].reshape(shape)
    return np.where(solid, -distance, distance).astype(np.float32)
