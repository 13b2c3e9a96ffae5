"""Kernels shared out by bands over all cores, without numba's parallel loops.

A parallel loop of numba is compiled twice, once by itself and once inside its function; the process that compiles it
runs the one, those that load it from the cache run the other. With `fastmath` the two may round differently, and
the same photos would give other bytes on the first day than on the second.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

PER_THREAD = 8
"""Bands per thread, so that one slow band does not keep the others waiting."""


def run_in_bands(njit_kernel: Callable[..., None], rows: int, scratch: Callable[[], Any], *args: Any) -> None:
    """`kernel(first, last, scratch(), *args)` for bands that cover range(rows); the kernel must release the
    interpreter (`nogil=True`) and no band may read what another writes. As many threads as numba is set to."""
    threads = numba.get_num_threads()
    count = max(min(rows, threads * PER_THREAD), 1)
    edges = [rows * i // count for i in range(count + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda i: njit_kernel(edges[i], edges[i + 1], scratch(), *args), range(count)):
            pass


njit_kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
"""How the renderer's kernels are compiled: they hold no lock, start no threads, and 1 / 0 is inf."""

njit_inline = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
"""The same for what they call by pixel: an array as an argument is ten words, so it becomes a part of its caller."""
