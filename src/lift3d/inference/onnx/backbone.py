"""The pre-trained backbone (inference/backbone.py) without torch: its published file read by NumPy, computed by onnxruntime.

The file is in torch's format before version 1.6: five pickles, the fourth with the tensors and the fifth with the keys of their
storages, then the values of each storage behind their number. It is only read after its sha256 was found to be the published
one, and its pickles may name nothing but a dictionary and a tensor.
"""

from __future__ import annotations

import functools
import io
import pickle
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.inference.backbone import BACKBONE, published_bytes
from lift3d.inference.onnx.network import GRAPH_FOLDER, OnnxNetwork
from lift3d.nets.dense.batch_norm import fold
from lift3d.weights.onnx_file import SUFFIX

_STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@functools.lru_cache(1)
def open_backbone() -> OnnxNetwork:
    """The backbone with its head. MissingExtra without onnxruntime or the backbone's package; InputError where its file is not
    the published one."""
    arrays = {
        name: np.ascontiguousarray(array, np.float32)
        for name, array in fold(read_legacy(published_bytes()), np.sqrt, True).items()
    }
    return OnnxNetwork(None, GRAPH_FOLDER / f"{BACKBONE}{SUFFIX}", arrays)


def read_legacy(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays by name of a file in torch's format before 1.6. pickle.UnpicklingError for one that names anything else."""
    file = io.BytesIO(data)
    for _ in range(3):  # magic number, version, and the sizes of the machine's types
        _Unpickler(file).load()
    reader = _Unpickler(file)
    state = reader.load()
    for key in _Unpickler(file).load():
        storage = reader.storages[key]
        count = int(np.frombuffer(file.read(8), "<i8")[0])
        storage.values = np.frombuffer(file.read(count * storage.kind.itemsize), storage.kind)
    return {name: tensor.array() for name, tensor in state.items()}


class _Storage:
    """The values of a storage, which follow behind the pickles. kind: their type."""

    def __init__(self, kind: np.dtype[Any]) -> None:
        self.kind, self.values = kind, np.zeros(0, kind)


class _Tensor:
    """A view of a storage: from `offset` on, of a shape with strides in elements."""

    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def array(self) -> NDArray[Any]:
        """The values. ValueError for a view that exceeds its storage."""
        values, last = self.storage.values, sum((n - 1) * step for n, step in zip(self.shape, self.strides))
        if min((*self.shape, *self.strides, self.offset, 0)) < 0 or not 0 <= self.offset + last < len(values):
            raise ValueError("a tensor exceeds its storage")
        strides = [step * values.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


def _rebuild(storage: _Storage, offset: int, shape: Any, strides: Any, *_: object) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Reads pickles that consist of numbers, texts, dictionaries and tensors."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The few names that the file may use."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"the file names {module}.{name}")

    def persistent_load(self, identity: Any) -> _Storage:
        """The storage ("storage", type, key, device, number of elements, view)."""
        _, kind, key, *_ = identity
        return self.storages.setdefault(key, _Storage(kind))
