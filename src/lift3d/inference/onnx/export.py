"""Export of the graphs of a network (inference/graphs.py) to ONNX.

torch traces each graph on an example (its exporter by TorchScript: seconds a graph, and every tensor keeps its name and values,
which its newer exporter by torch.export folds and renames). Names of sizes that may vary stay free. Paths and line numbers that
torch notes are removed, so that the same network gives the same bytes everywhere.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.errors import InputError, MissingExtra
from lift3d.inference.graphs import BOOLEAN, FLOAT, Graph, graphs_of
from lift3d.inference.torch_network import TorchNetwork
from lift3d.weights.onnx_file import GRAPH, GRAPHS, MAPPING

OPSET = 20
SIZES = {"batch": 2, "views": 3, "height": 64, "width": 96, "i": 16, "j": 24, "k": 32}
"""Sizes of the example; the networks take any multiple of 32 pixels, and any number of pictures."""
TOLERANCE = 1e-4
"""Largest difference between the runtimes, relative to the largest value of an output."""
_PREFIX = "net."
_CREATOR = "lift3d"


class _Part(nn.Module):
    """One graph of a network as a module."""

    def __init__(self, net: nn.Module, graph: Graph) -> None:
        super().__init__()
        self.net, self.graph = net, graph

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The outputs of the graph."""
        return self.graph.compute(self.net, *inputs)


def export_network(
    mapping: str, net: nn.Module, metadata: dict[str, str], with_weights: bool = True
) -> dict[str, bytes]:
    """The ONNX file of each graph of a network, by name, with metadata. net: in evaluation mode, in which it stays. with_weights:
    False leaves the values of parameters and buffers out; their names and shapes stay. MissingExtra without the package onnx;
    InputError for a network that cannot be exported."""
    require_onnx()
    graphs = graphs_of(mapping, net)
    common = {**metadata, MAPPING: mapping, GRAPHS: ",".join(graphs)}
    return {
        name: _export(net, graph, {**common, GRAPH: name}, with_weights) for name, graph in graphs.items()
    }


def require_onnx() -> None:
    """Raise MissingExtra where the package onnx is not installed."""
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtra("writing networks as ONNX", "export") from error


def example_inputs(graph: Graph, seed: int = 0, sizes: dict[str, int] | None = None) -> list[NDArray[Any]]:
    """Inputs of a graph: noise in [0, 1], small indices, and true. sizes: instead of SIZES."""
    rng, out = np.random.default_rng(seed), list[NDArray[Any]]()
    for given in graph.inputs:
        shape = tuple(n if isinstance(n, int) else (SIZES | (sizes or {}))[n] for n in given.shape)
        if given.kind == FLOAT:
            out.append(rng.random(shape, np.float32))
        else:
            out.append(np.ones(shape, bool) if given.kind == BOOLEAN else rng.integers(0, 2, shape))
    return out


def largest_difference(mapping: str, net: nn.Module, files: dict[str, bytes]) -> float:
    """The largest difference between onnxruntime and torch on an example, relative to the largest value of the output.
    MissingExtra without onnxruntime; InputError where it exceeds TOLERANCE."""
    from pathlib import Path

    from lift3d.inference.onnx.network import require_onnxruntime, start_session
    from lift3d.weights.onnx_file import parse_onnx

    require_onnxruntime()
    network, worst = TorchNetwork(mapping, net, mixed=False), 0.0
    for name, graph in graphs_of(mapping, net).items():
        session = start_session(parse_onnx(files[name], name), Path(name), {})
        inputs = example_inputs(graph, 1)
        found = session.run(None, {given.name: array for given, array in zip(graph.inputs, inputs)})
        for a, b in zip(found, network.run(name, *inputs)):
            worst = max(worst, float(np.abs(a - b).max() / max(float(np.abs(b).max()), 1e-9)))
    if not worst <= TOLERANCE:
        raise InputError(
            f"onnxruntime and torch differ by {worst:.1e} of the largest value", "report it with the weights"
        )
    return worst


def _export(net: nn.Module, graph: Graph, metadata: dict[str, str], with_weights: bool) -> bytes:
    import onnx

    inputs = tuple(torch.from_numpy(np.asarray(a)) for a in example_inputs(graph))
    free = {
        given.name: {k: n for k, n in enumerate(given.shape) if isinstance(n, str)} for given in graph.inputs
    }
    buffer: Any = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # on values that become constants, see the tests of other sizes
        try:
            torch.onnx.export(
                _Part(net, graph).eval(), inputs, buffer, dynamo=False, opset_version=OPSET, do_constant_folding=False,
                input_names=[given.name for given in graph.inputs], output_names=list(graph.outputs),
                dynamic_axes=free | {name: {0: "batch"} for name in graph.outputs},
            )  # fmt: skip
        except (RuntimeError, torch.onnx.errors.OnnxExporterError) as error:
            raise InputError(
                f"the graph {graph.name} of this network cannot be written as ONNX", str(error).split("\n")[0]
            ) from error
    model = onnx.load_from_string(buffer.getvalue())
    _clean(model, metadata)
    _separate(model.graph, set(net.state_dict()))
    _rename(model.graph, None if with_weights else set(net.state_dict()))
    onnx.checker.check_model(model) if with_weights else None
    return bytes(model.SerializeToString(deterministic=True))


def _clean(model: Any, metadata: dict[str, str]) -> None:
    """Remove what depends on the machine, and names that torch gives to sizes; add the metadata."""
    model.producer_name, model.producer_version, model.doc_string = _CREATOR, "", ""
    model.graph.name, model.graph.doc_string = metadata[GRAPH], ""
    del model.metadata_props[:]
    for key, value in sorted(metadata.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    del model.graph.value_info[:]
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for output in model.graph.output:
        for size in list(output.type.tensor_type.shape.dim)[1:]:
            if size.dim_param:
                size.ClearField("dim_param")


def _separate(graph: Any, own: set[str]) -> None:
    """Give each of the network's arrays `own` an initializer: torch replaces one that equals another by an Identity of it, which
    would be wrong for other weights."""
    held = {tensor.name: tensor for tensor in graph.initializer}
    for node in list(graph.node):
        if (
            node.op_type == "Identity"
            and node.input[0] in held
            and node.output[0].removeprefix(_PREFIX) in own
        ):
            copy = graph.initializer.add()
            copy.CopyFrom(held[node.input[0]])
            copy.name = node.output[0]
            graph.node.remove(node)


def _rename(graph: Any, empty: set[str] | None) -> None:
    """Give the initializers the names that they have in the network. empty: names of those whose values are left out."""
    import onnx

    for node in graph.node:
        for k, name in enumerate(node.input):
            node.input[k] = name.removeprefix(_PREFIX)
    for tensor in graph.initializer:
        tensor.name = tensor.name.removeprefix(_PREFIX)
        if empty is not None and tensor.name in empty:
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            place = tensor.external_data.add()
            place.key, place.value = "location", "weights"
