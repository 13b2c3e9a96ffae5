"""What an autoencoder makes of codes: shares of full cells. Who chooses among draws, and then makes a solid of one, asks twice
for the same."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from lift3d.types import F32

AUTOENCODER = "autoencoder"
CACHE_SIZE = 8
"""Answers that are kept, a megabyte each."""
_kept: OrderedDict[tuple[str, bytes], F32] = OrderedDict()
_lock = threading.Lock()


def decode_occupancy(code: F32, autoencoder: str | None = None) -> F32:
    """(64, 64, 64) shares of full cells of a code (Z, P, P, P), not to be written to; autoencoder: a run's folder or a weights
    file, the package's own if not given."""
    import torch

    from lift3d.inference.networks import inference_mode, load_network
    from lift3d.nets.mixed_precision import autocast_bfloat16
    from lift3d.nets.shape_autoencoder import ShapeAutoencoder

    net, found = load_network(AUTOENCODER, autoencoder)
    assert isinstance(net, ShapeAutoencoder)
    key = (str(found.file), np.ascontiguousarray(code).tobytes())
    with _lock:
        if key in _kept:
            return _kept[key]
    with inference_mode(), autocast_bfloat16():
        said = net.decode(torch.from_numpy(np.ascontiguousarray(code))[None])
    share = np.asarray(torch.sigmoid(said.float())[0].numpy())
    share.flags.writeable = False
    with _lock:
        _kept[key] = share
        while len(_kept) > CACHE_SIZE:
            _kept.popitem(last=False)
    return share
