"""A network that torch computes, see `lift3d.inference.runtimes.Network`."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.inference.graphs import graphs_of
from lift3d.inference.networks import inference_mode
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.weights import PretrainedCfg


class TorchNetwork:
    """A network of a mapping in evaluation mode. found: the card of its weights; None for a network that has none. mixed: whether
    graphs that allow it are computed in bfloat16 where that is faster."""

    def __init__(
        self, mapping: str, net: torch.nn.Module, found: PretrainedCfg | None = None, mixed: bool = True
    ) -> None:
        self.net, self._found, self.mixed = net, found, mixed
        self._graphs = graphs_of(mapping, net)

    @property
    def found(self) -> PretrainedCfg:
        """The card of the weights."""
        assert self._found is not None
        return self._found

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the graphs."""
        return tuple(self._graphs)

    def run(self, graph: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """The outputs of a graph, computed on the device of the network without gradients."""
        spec = self._graphs[graph]
        first = next(chain(self.net.parameters(), self.net.buffers()), None)
        device = first.device if first is not None else torch.device("cpu")
        given = []
        for array in arrays:
            x = torch.from_numpy(np.ascontiguousarray(array)).to(device)
            given.append(x.contiguous(memory_format=torch.channels_last) if spec.channels_last else x)
        with inference_mode(), autocast_bfloat16(device.type, spec.mixed and self.mixed):
            outputs = spec.compute(self.net, *given)
        return tuple(out.cpu().numpy() for out in outputs)
