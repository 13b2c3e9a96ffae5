"""Vertices merged by exact position after rounding to float32, the precision of mesh files."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import F64


def weld_exact(v: F64) -> tuple[F64, NDArray[np.int32]]:
    """(positions (U, 3) float64 that hold float32 values, row (V,) int32 of each vertex in them).

    Rows keep the order of first appearance, so a mesh without duplicates is unchanged; -0 equals 0. Vertices that are
    not finite, or overflow float32, are not merged.
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(v, np.float32).reshape(-1, 3) + np.float32(0)
    n = len(single)
    if n == 0:
        return np.zeros((0, 3)), np.zeros(0, np.int32)
    bits = single.view(np.uint32)
    order = np.lexsort((bits[:, 2], bits[:, 1], bits[:, 0]))
    sorted_bits = bits[order]
    new = np.ones(n, bool)
    new[1:] = (sorted_bits[1:] != sorted_bits[:-1]).any(1) | ~np.isfinite(single[order[1:]]).all(1)
    group = np.cumsum(new) - 1
    first = order[new]  # lexsort is stable: the first appearance leads its group
    rank = np.empty(len(first), np.int32)
    by_appearance = np.argsort(first, kind="stable")
    rank[by_appearance] = np.arange(len(first), dtype=np.int32)
    row = np.empty(n, np.int32)
    row[order] = rank[group]
    return single[first[by_appearance]].astype(np.float64), row
