"""A 4-ary minimum heap of edges in parallel arrays, as numba kernels use it (Cormen et al., Introduction to
Algorithms)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def sift_down(key: Any, item: Any, n: int, i: int) -> None:
    """Restore the heap key[:n] after entry i has grown: no key is below that of its parent (i - 1) // 4."""
    k, it = key[i], item[i]
    while True:
        child = 4 * i + 1
        if child >= n:
            break
        best = child
        for c in range(child + 1, min(child + 4, n)):
            if key[c] < key[best]:
                best = c
        if key[best] >= k:
            break
        key[i], item[i] = key[best], item[best]
        i = best
    key[i], item[i] = k, it


@njit(cache=True, nogil=True)
def sift_up(key: Any, item: Any, i: int) -> None:
    """Restore the heap after entry i has shrunk or was appended."""
    k, it = key[i], item[i]
    while i > 0:
        parent = (i - 1) >> 2
        if key[parent] <= k:
            break
        key[i], item[i] = key[parent], item[parent]
        i = parent
    key[i], item[i] = k, it


@njit(cache=True, nogil=True)
def grow(key: Any, item: Any, first: Any, second: Any, when: Any, capacity: int) -> Any:
    """Copies of the heap's arrays with `capacity` entries; new slots are numbered in order."""
    n = len(key)
    key2, item2 = np.empty(capacity, np.float64), np.arange(capacity).astype(np.int32)
    a, b, c = np.empty(capacity, np.int32), np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    key2[:n], item2[:n], a[:n], b[:n], c[:n] = key, item, first, second, when
    return key2, item2, a, b, c
