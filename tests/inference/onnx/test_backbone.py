"""The backbone's published file without torch: the same values, and pickles that name anything else are refused."""

from __future__ import annotations

import io
import os
import pickle

import numpy as np
import pytest

from lift3d.errors import MissingExtra
from lift3d.inference import backbone
from lift3d.inference.onnx.backbone import read_legacy


def published() -> bytes:
    try:
        return backbone.published_bytes()
    except MissingExtra:
        pytest.skip("the package with the weights is not installed")


def test_the_arrays_are_those_that_torch_reads() -> None:
    torch = pytest.importorskip("torch")
    arrays = read_legacy(published())
    tensors = torch.load(io.BytesIO(published()), "cpu", weights_only=True)
    assert arrays.keys() == tensors.keys() and len(arrays) > 200
    for name, tensor in tensors.items():
        assert np.array_equal(arrays[name], tensor.numpy()), name


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo harm",)


def test_a_pickle_that_names_a_function_is_refused() -> None:
    with pytest.raises(pickle.UnpicklingError, match="names posix.system|names nt.system"):
        read_legacy(pickle.dumps(Harmful()))


def test_features_of_both_runtimes_agree() -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    published()
    from lift3d.inference.picture_features import features_of

    pictures = np.random.default_rng(0).uniform(-1, 1, (3, 4, 160, 160)).astype(np.float32)
    a, b = features_of(pictures, "torch"), features_of(pictures, "onnx")
    assert a.shape == b.shape == (3, 1544) and np.abs(a - b).max() <= 1e-4 * np.abs(a).max()
    assert features_of(pictures[:0], "onnx").shape == (0, 1544)
