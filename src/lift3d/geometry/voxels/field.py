"""Signed distance of a mesh on a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.mesh.distances import build_search_tree, closest_in_tree
from lift3d.geometry.voxels.inside_test import inside_mask
from lift3d.types import F32, F64


def sample_field(
    v: F64, f: NDArray[np.int32], origin: F64, step: float, shape: tuple[int, int, int], kind: str
) -> F32:
    """(X, Y, Z) float32 at the points origin + step * (i, j, k): 1 inside and 0 outside, or distances, negative inside."""
    solid = inside_mask(v, f, origin, step, shape)
    if kind == "occupancy":
        return solid.astype(np.float32)
    if kind != "signed_distance":
        raise InputError(f"voxels of kind {kind!r}", "use occupancy or signed_distance")
    places = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3) * step + origin
    far = closest_in_tree(build_search_tree(v, f), places)[1].reshape(shape)
    return np.where(solid, -far, far).astype(np.float32)
