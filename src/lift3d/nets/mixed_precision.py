"""Use of bfloat16 where it is faster: CPUs without bfloat16 units multiply it several times slower than float32."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

import torch

UNITS = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Functions of `torch.cpu` that return whether the CPU has bfloat16 units."""


@functools.cache
def bfloat16_is_fast(device: str = "cpu") -> bool:
    """Whether a type of device ("cpu", "cuda") multiplies bfloat16 fast. Of CPUs, those with AMX or AVX512-BF16 do."""
    if device != "cpu":
        return True
    return any(bool(getattr(torch.cpu, name, bool)()) for name in UNITS)


def autocast_bfloat16(device: str = "cpu", enabled: bool = True) -> AbstractContextManager[None]:
    """A context in which matrix products are computed in bfloat16, if enabled and faster on this type of device."""
    return torch.autocast(device, torch.bfloat16, enabled=enabled and bfloat16_is_fast(device))
