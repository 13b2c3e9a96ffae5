"""Networks with their weights, ready to be asked: what stands between the maps and torch."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError
from lift3d.nets import require_torch
from lift3d.weights import Weights, config_of, find, tensors_of

if TYPE_CHECKING:
    import torch

THREADS = 2
"""Of torch while a network is asked: sums over another number of threads round otherwise, and numba's kernels change it."""


@contextmanager
def asking() -> Iterator[None]:
    """Without gradients, and the same on every occasion."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


@functools.lru_cache(4)
def network(mapping: str, weights: str | Path | None = None) -> tuple[torch.nn.Module, Weights]:
    """The network of a mapping in evaluation mode, and the weights it has; weights: name or path, the package's own if
    not given. InputError for weights that do not fit."""
    require_torch()
    found = find(weights if weights is not None else mapping)
    tensors = tensors_of(found.file, mapping)
    net = _made(mapping, config_of(found.card))
    own = net.state_dict()
    held = {name.removeprefix("net."): t for name, t in tensors.items() if not name.startswith("critic.")}
    if set(held) != set(own) or any(held[k].shape != own[k].shape for k in own):
        raise InputError(
            f"{found.file.name} does not fit the network that its card describes",
            "get weights and card again",
        )
    net.load_state_dict(held)
    return net.eval(), found


def _made(mapping: str, config: dict[str, Any]) -> torch.nn.Module:
    try:
        if mapping == "image_to_mask":
            from lift3d.nets.unet import mask_net

            return mask_net(int(config["width"]))
        if mapping == "points_to_voxels":
            from lift3d.nets.completion import Completion

            return Completion(int(config["width"]), int(config["layers"]))
        from lift3d.nets.views_to_volume import Plain, ViewsToVolume

        if config["kind"] == "plain":
            return Plain(int(config["width"]))
        return ViewsToVolume(int(config["width"]), int(config["layers"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the card of these weights lacks {error}", "get weights and card again") from error
