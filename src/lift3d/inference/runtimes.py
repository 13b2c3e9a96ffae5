"""The libraries that compute networks, and the interface that a network has with each of them (inference/network.py)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.weights import PretrainedCfg
from lift3d.weights.onnx_file import SUFFIX

TORCH, ONNX = "torch", "onnx"
RUNTIMES = (TORCH, ONNX)
"""The libraries that compute networks. The second does not need the first."""


class Network(Protocol):
    """A network with its weights."""

    @property
    def found(self) -> PretrainedCfg:
        """The card of the weights."""
        ...

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the graphs (inference/graphs.py), the main one first."""
        ...

    def run(self, graph: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """The outputs of a graph for a batch of inputs, in the order in which inference/graphs.py names them."""
        ...


def choose_runtime(runtime: str | None = None, weights: str | Path | None = None) -> str:
    """The library that computes a network: `runtime` if given, else onnxruntime for .onnx files and where torch is missing.
    InputError for an unknown one, and for torch with an .onnx file."""
    if runtime not in (None, *RUNTIMES):
        raise InputError(f"there is no runtime called {runtime}", f"choose from {', '.join(RUNTIMES)}")
    exported = weights is not None and Path(weights).suffix == SUFFIX
    if exported and runtime == TORCH:
        raise InputError(
            f"{weights} cannot be computed by torch", "use runtime onnx, or the weights it was exported from"
        )
    if runtime is not None:
        return runtime
    return ONNX if exported or (not has_torch() and has_onnxruntime()) else TORCH


@functools.cache
def has_torch() -> bool:
    """Whether torch can be imported."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


@functools.cache
def has_onnxruntime() -> bool:
    """Whether onnxruntime can be imported."""
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True
