"""Weights in eight bits: near the originals, the same as tensors and as arrays, half as large."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lift3d.weights import find, load_arrays, load_tensors
from lift3d.weights.eight_bits import LEAST_SIZE, SCALE, pack_arrays, quantise

pytest.importorskip("safetensors")


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=2, max_dims=4, max_side=6),
        elements=st.floats(-1000, 1000, width=32),
    )
)
def test_no_value_is_farther_than_half_a_step(values: np.ndarray) -> None:
    codes, scale = quantise(values)
    step = scale.astype(np.float32)
    assert codes.dtype == np.int8 and scale.shape == (len(values), *[1] * (values.ndim - 1))
    error = np.abs(codes * step - values)
    assert (error <= 0.5001 * step + 1e-6).all()
    top = np.abs(values).reshape(len(values), -1).max(1)
    assert (step.ravel() <= np.maximum(top / 127 * 1.002, 1e-4)).all()


def test_a_file_in_eight_bits_is_read_as_single_precision(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from safetensors.numpy import save

    rng = np.random.default_rng(0)
    held = {
        "a.weight": rng.normal(size=(64, 32, 3, 3)).astype(np.float32),
        "a.bias": rng.normal(size=64).astype(np.float32),
        "small": rng.normal(size=(4, 4)).astype(np.float32),
        "count": np.array(3, np.int64),
        "other.scale": rng.normal(size=8).astype(np.float32),
    }
    packed = pack_arrays(held)
    assert held["a.weight"].size >= LEAST_SIZE and packed["a.weight"].dtype == np.int8
    assert "a.weight" + SCALE in packed and packed["small"].dtype == np.float16
    data = save(packed)
    (tmp_path / "net.safetensors").write_bytes(data)
    card = {"mapping": "gan", "sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "net.json").write_text(json.dumps(card))
    read = load_arrays(tmp_path / "net.safetensors")
    assert set(read) == set(held) and read["a.weight"].dtype == np.float32
    largest = np.abs(held["a.weight"]).max()
    np.testing.assert_allclose(read["a.weight"], held["a.weight"], atol=largest / 127 / 2 * 1.01)
    np.testing.assert_allclose(read["other.scale"], held["other.scale"], rtol=1e-3)
    tensors = load_tensors(find(tmp_path / "net.safetensors").file)
    assert set(tensors) == set(held)
    for name, values in read.items():
        np.testing.assert_array_equal(tensors[name].numpy(), values)
