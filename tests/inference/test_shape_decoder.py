"""Decoding of latent codes: values of a stub network, and which decoded grids are cached."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.inference import networks, shape_decoder  # noqa: E402
from lift3d.inference.shape_decoder import CACHE_SIZE, decode_occupancy  # noqa: E402
from lift3d.nets.shape_autoencoder import ShapeAutoencoder  # noqa: E402


class Sum(ShapeAutoencoder):
    """Decodes a code to a constant grid, whose logit is the sum of the code."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.decoded: list[float] = []

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        self.decoded.append(float(code.sum()))
        return code.sum().expand(1, 3, 3, 3)


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Sum:
    stub = Sum()
    monkeypatch.setattr(shape_decoder, "_cache", type(shape_decoder._cache)())
    monkeypatch.setattr(
        networks, "load_network", lambda mapping, weights: (stub, SimpleNamespace(file=Path(f"{weights}.st")))
    )
    return stub


def code(value: float) -> np.ndarray:
    return np.full((1, 2, 2, 2), value / 8, np.float32)


def test_occupancy_is_the_sigmoid_of_the_logits_and_read_only(net: Sum) -> None:
    occupancy = decode_occupancy(code(2))
    assert occupancy.shape == (3, 3, 3) and occupancy.dtype == np.float32
    assert occupancy == pytest.approx(1 / (1 + np.exp(-2)))
    with pytest.raises(ValueError):
        occupancy[0, 0, 0] = 0


def test_a_code_is_decoded_once_for_each_autoencoder(net: Sum) -> None:
    first = decode_occupancy(code(1))
    assert decode_occupancy(code(1)) is first and net.decoded == [1]
    assert decode_occupancy(code(1), "mine") is not first and net.decoded == [1, 1]


def test_a_strided_code_equals_its_contiguous_copy(net: Sum) -> None:
    strided = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2)[:, :, :, ::-1]
    first = decode_occupancy(strided)
    assert decode_occupancy(np.ascontiguousarray(strided)) is first
    assert decode_occupancy(strided[:, :, :, ::-1]) is not first


def test_the_oldest_grid_leaves_the_full_cache(net: Sum) -> None:
    for value in range(CACHE_SIZE + 1):
        decode_occupancy(code(value))
    assert len(shape_decoder._cache) == CACHE_SIZE
    decode_occupancy(code(CACHE_SIZE))
    assert len(net.decoded) == CACHE_SIZE + 1
    decode_occupancy(code(0))
    assert net.decoded[-1] == 0 and len(net.decoded) == CACHE_SIZE + 2
    assert len(shape_decoder._cache) == CACHE_SIZE
