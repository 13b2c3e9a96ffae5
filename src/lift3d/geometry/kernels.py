"""Compilation options of numba kernels, and the distribution of a kernel over threads without numba's parallel loops.

Numba compiles a parallel loop twice, by itself and inside its function. The process that compiles it runs one
version, processes that load it from the cache run the other. With `fastmath` the two may round differently, so that
equal input would not give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

PER_THREAD = 8
"""Bands per thread: more than one, so that a slow band does not leave the other threads idle."""


def run_in_bands(kernel: Callable[..., None], rows: int, scratch: Callable[[], Any], *args: Any) -> None:
    """Call `kernel(first, last, scratch(), *args)` for bands [first, last) that cover range(rows), on numba's number
    of threads.

    The kernel must release the interpreter lock (`nogil=True`). No band may read what another band writes.
    """
    threads = numba.get_num_threads()
    count = max(min(rows, threads * PER_THREAD), 1)
    edges = [rows * i // count for i in range(count + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda i: kernel(edges[i], edges[i + 1], scratch(), *args), range(count)):
            pass


njit_kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Decorator of a kernel: cached, without the interpreter lock, with IEEE division (1 / 0 is inf)."""

njit_inline = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)
"""Decorator of a function that kernels call per pixel: inlined, since an array argument costs ten machine words per
call."""
