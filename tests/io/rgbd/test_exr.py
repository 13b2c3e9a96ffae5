"""OpenEXR: what is written is read, in every supported type and compression; damaged files are refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from exr_files import write_exr
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.io.rgbd.exr import read_exr


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 40),
    st.integers(1, 30),
    st.sampled_from([0, 2, 3]),
    st.sampled_from([1, 2]),
    st.integers(0, 99),
)
def test_values_come_back(height: int, width: int, compression: int, kind: int, seed: int) -> None:
    values = (
        np.random.default_rng(seed)
        .uniform(0, 5, (height, width))
        .round(2)
        .astype(np.float16)
        .astype(np.float32)
    )
    assert np.array_equal(read_exr(write_exr(values, compression, kind)), values)


def test_the_depth_channel_is_chosen() -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(read_exr(write_exr(values, channels=("A", "B", "G", "R"))), values)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_damage_is_an_error_of_the_decoder(data: st.DataObject) -> None:
    whole = write_exr(np.ones((20, 10), np.float32))
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = (
        whole[:at] if data.draw(st.booleans()) else whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]
    )
    try:
        out = read_exr(broken)
    except (
        ValueError,
        struct.error,
        zlib.error,
        KeyError,
        IndexError,
        OverflowError,
        MemoryError,
        TypeError,
    ):
        return
    assert out.ndim == 2


@pytest.mark.parametrize("compression", [1, 4, 5])
def test_other_compressions_are_named(compression: int) -> None:
    data = bytearray(write_exr(np.ones((4, 4), np.float32)))
    data[data.index(b"compression\0compression\0") + 28] = compression
    with pytest.raises(ValueError, match="compression"):
        read_exr(bytes(data))
