"""Networks loaded with their weights, cached, and the context in which they are applied."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lift3d.errors import InputError
from lift3d.nets import require_torch
from lift3d.weights import PretrainedCfg, find, load_arrays, load_tensors
from lift3d.weights.onnx_file import SUFFIX

if TYPE_CHECKING:
    import torch

LATENT_SPACE = "latent_space"
"""Key of the card of an exported autoencoder: its latent space."""
THREADS = 2
"""Number of torch threads during inference. It is fixed because another number rounds sums differently, and because numba's
kernels change it."""


@contextmanager
def inference_mode() -> Iterator[None]:
    """A context without gradients and with a fixed number of threads, so that outputs are reproducible."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(8)
def load_network(mapping: str, weights: str | Path | None = None) -> tuple[torch.nn.Module, PretrainedCfg]:
    """The network of a mapping in evaluation mode, and the card of its weights. weights: name or path; None: the packaged
    weights. InputError for weights that do not fit the network."""
    require_torch()
    found = find(weights if weights is not None else mapping)
    tensors = load_tensors(found.file, mapping)
    net = _build(mapping, found)
    own = net.state_dict()
    tensors = {name.removeprefix("net."): t for name, t in tensors.items() if not name.startswith("critic.")}
    if set(tensors) != set(own) or any(tensors[k].shape != own[k].shape for k in own):
        raise InputError(
            f"{found.file.name} does not fit the network that its card describes",
            "download weights and card again",
        )
    net.load_state_dict(tensors)
    return net.eval(), found


def _build(mapping: str, cfg: PretrainedCfg) -> torch.nn.Module:
    from lift3d.nets.factory import create_network

    config, data = dict(cfg.require_config()), dict(cfg.data_digest)
    if mapping in ("voxels_to_label", "embedding_to_label"):
        data["labels"] = cfg.require_labels()
    try:
        return create_network(mapping, config, data)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the card of these weights lacks {error}", "download weights and card again"
        ) from error


def latent_space_id(found: PretrainedCfg) -> str:
    """Identifier of an autoencoder's latent space: a hash of its encoder in half precision. It is the same for a run's weights
    and the packaged weights made from them, and does not depend on the decoder. The card of an exported network states it."""
    if found.file.suffix == SUFFIX:
        return str(found.extra.get(LATENT_SPACE))
    return _space(found.file, found.file.stat().st_mtime_ns)


@functools.lru_cache(8)
def _space(file: Path, changed: int) -> str:
    import hashlib

    arrays = load_arrays(file)
    digest = hashlib.sha256()
    for name in sorted(
        name for name in arrays if name.startswith("encoder.") and arrays[name].dtype.kind == "f"
    ):
        digest.update(name.encode() + arrays[name].astype(np.float16).tobytes())
    return digest.hexdigest()[:16]
