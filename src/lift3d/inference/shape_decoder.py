"""Decoding of latent codes to occupancy, with a cache, because rejection sampling and the extraction of the solid decode the same
code."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from lift3d.inference.network import open_network
from lift3d.inference.runtimes import choose_runtime
from lift3d.types import F32

AUTOENCODER = "autoencoder"
CACHE_SIZE = 8
"""Maximum number of cached grids, of a megabyte each."""
_cache: OrderedDict[tuple[str, bytes], F32] = OrderedDict()
_lock = threading.Lock()


def decode_occupancy(code: F32, autoencoder: str | None = None, runtime: str | None = None) -> F32:
    """Occupancy (64, 64, 64) of a latent code (Z, P, P, P), as a read-only array. autoencoder: a run's folder or a weights file;
    None: the packaged autoencoder. runtime: as in `open_network`."""
    net = open_network(AUTOENCODER, autoencoder, runtime)
    key = (f"{choose_runtime(runtime, autoencoder)} {net.found.file}", np.ascontiguousarray(code).tobytes())
    with _lock:
        if key in _cache:
            return _cache[key]
    occupancy = net.run("decode", code[None])[0][0]
    occupancy.flags.writeable = False
    with _lock:
        _cache[key] = occupancy
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return occupancy
