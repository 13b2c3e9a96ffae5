"""A network that onnxruntime computes, see `lift3d.inference.runtimes.Network`.

The package has each graph (inference/graphs.py) as an ONNX file without weights, in weights/graphs; the weights are those of the
.safetensors file, so that they are not in the package twice. An exported file has both.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, MissingExtra
from lift3d.inference.networks import THREADS
from lift3d.inference.runtimes import has_onnxruntime
from lift3d.weights import FOLDER, PretrainedCfg, find, is_packaged, load_arrays, require_mapping
from lift3d.weights.onnx_file import CARD, GRAPHS, MAPPING, SUFFIX, OnnxFile, graph_path, read_onnx

GRAPH_FOLDER = FOLDER / "graphs"
AGAIN = "export the network again with lift3d export"
Arrays = dict[str, NDArray[Any]]
_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}


class OnnxNetwork:
    """A network of named graphs. found: the card of its weights; None for a network that has none. main: the file of the first
    graph; arrays: the weights, which the files lack; empty for exported files."""

    def __init__(self, found: PretrainedCfg | None, main: Path, arrays: Arrays | None = None) -> None:
        require_onnxruntime()
        self._found, self._main, self._arrays = found, main, arrays or {}
        first = read_onnx(main)
        self._graphs = tuple(first.metadata.get(GRAPHS, "").split(","))
        self._card = first.metadata.get(CARD)
        self._run = functools.cache(self._session)

    @property
    def found(self) -> PretrainedCfg:
        """The card of the weights."""
        assert self._found is not None
        return self._found

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the graphs."""
        return self._graphs

    def run(self, graph: str, *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """The outputs of a graph. InputError for a graph that is not in the files."""
        session = self._run(graph)
        given: dict[str, NDArray[Any]] = {
            value.name: np.ascontiguousarray(array, _TYPES[value.type])
            for value, array in zip(session.get_inputs(), arrays, strict=True)
        }
        return tuple(session.run(None, given))

    def _session(self, graph: str) -> Any:
        path = graph_path(self._main, graph, self._graphs)
        if graph not in self._graphs or not path.is_file():
            raise InputError(f"{self._main} lacks {path.name}, which computes {graph}", AGAIN)
        file = read_onnx(path)
        if not self._arrays and file.metadata.get(CARD) != self._card:
            raise InputError(f"{path.name} and {self._main.name} were exported from different weights", AGAIN)
        return start_session(file, path, self._arrays)


def start_session(file: OnnxFile, path: Path, arrays: Arrays) -> Any:
    """A session of onnxruntime for a file whose external initializers are in `arrays`. InputError for a file that it refuses, or
    of which an initializer is missing."""
    import onnxruntime

    absent = sorted(set(file.missing) - set(arrays))
    if absent:
        raise InputError(f"{path} lacks the values of {absent[0]}", AGAIN)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads wait asleep
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(arrays[name]) for name in file.missing]
    options.add_external_initializers(list(file.missing), values)
    try:
        session = onnxruntime.InferenceSession(file.data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises a dozen classes of its own that share no base but this
        raise InputError(f"{path} cannot be computed by onnxruntime", AGAIN) from error
    if any(value.type not in _TYPES for value in session.get_inputs()):
        raise InputError(f"{path} has inputs of an unknown type", AGAIN)
    session.lift3d_values = values  # the session reads them where they are
    return session


@functools.lru_cache(8)
def open_onnx(mapping: str, weights: str | Path | None = None) -> OnnxNetwork:
    """The network of a mapping. weights: as in `open_network`. InputError for weights for whose network the package has no graph,
    and for an .onnx file of another mapping."""
    require_onnxruntime()
    found = find(weights if weights is not None else mapping)
    require_mapping(found, mapping)
    if found.file.suffix == SUFFIX:
        if read_onnx(found.file).missing:
            raise InputError(f"{found.file} is a graph without weights", AGAIN)
        return OnnxNetwork(found, found.file)
    arrays = network_arrays(mapping, found)
    return OnnxNetwork(found, packaged_graph(mapping, found, arrays), arrays)


def network_arrays(mapping: str, found: PretrainedCfg) -> Arrays:
    """Parameters and buffers of the network of a mapping by the names that they have in it. InputError as `load_arrays`."""
    return {
        name.removeprefix("net."): array
        for name, array in load_arrays(found.file, mapping).items()
        if not name.startswith("critic.")
    }


def packaged_graph(mapping: str, found: PretrainedCfg, arrays: Arrays) -> Path:
    """The main graph of the package that belongs to these weights. InputError where it has none."""
    names = sorted(GRAPH_FOLDER.glob(f"*{SUFFIX}"))
    own = GRAPH_FOLDER / f"{found.name}{SUFFIX}"
    for path in [*([own] if is_packaged(found.name) and own.is_file() else []), *names]:
        file = read_onnx(path)
        fits = all(name in arrays and arrays[name].shape == shape for name, shape in file.missing.items())
        if file.metadata.get(MAPPING) == mapping and "." not in path.stem and fits:
            return path
    raise InputError(
        f"the package has no graph for the network of {found.file.name}, which differs from its own",
        "where torch is installed, lift3d export --weights writes an .onnx file, to be given in its place",
    )


def require_onnxruntime() -> None:
    """Raise MissingExtra where onnxruntime is not installed."""
    if not has_onnxruntime():
        raise MissingExtra("the runtime onnx", "onnx")
