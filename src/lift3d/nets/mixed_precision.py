"""Half precision where it is faster. Processors without units for bfloat16 multiply it several times slower than float32."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

import torch

UNITS = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")


@functools.cache
def bfloat16_is_fast(device: str = "cpu") -> bool:
    """Does a kind of device ("cpu", "cuda") have units for bfloat16? Of processors, those with AMX or AVX512-BF16."""
    if device != "cpu":
        return True
    return any(bool(getattr(torch.cpu, name, bool)()) for name in UNITS)


def autocast_bfloat16(device: str = "cpu", wanted: bool = True) -> AbstractContextManager[None]:
    """Matrix products in bfloat16 within, if that is wanted and faster."""
    return torch.autocast(device, torch.bfloat16, enabled=wanted and bfloat16_is_fast(device))
