"""A network with its weights behind one interface, whichever library computes it: torch, or onnxruntime without torch."""

from __future__ import annotations

from pathlib import Path

from lift3d.inference.runtimes import ONNX, Network, choose_runtime
from lift3d.nets import require_torch


def open_network(mapping: str, weights: str | Path | None = None, runtime: str | None = None) -> Network:
    """The network of a mapping with its weights. weights: a packaged name, a run's folder, a weights file or an exported .onnx
    file; None: the packaged weights. runtime: "torch" or "onnx"; None: torch where it is installed.

    InputError for an unknown runtime and for weights that do not fit; MissingExtra where the library is not installed."""
    if choose_runtime(runtime, weights) == ONNX:
        from lift3d.inference.onnx.network import open_onnx

        return open_onnx(mapping, weights)
    require_torch()
    from lift3d.inference import networks
    from lift3d.inference.torch_network import TorchNetwork

    return TorchNetwork(mapping, *networks.load_network(mapping, weights))
