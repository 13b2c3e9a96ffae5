"""PNG files with 16 bits per channel and colours or transparency, of which Pillow keeps the upper 8 bits
(Portable Network Graphics, third edition, W3C 2025: chunks 5, filters 9).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.kernels import njit_kernel

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Channels of each colour type that has 16 bits."""
MAX_BYTES = 2 << 30


def has_lost_bits(data: bytes) -> bool:
    """Whether the data are a PNG of 16 bits per channel, of a type of which Pillow keeps 8, and not interlaced."""
    return (
        data[:8] == b"\x89PNG\r\n\x1a\n"
        and data[24:25] == b"\x10"
        and data[25:26] in (b"\2", b"\4", b"\6")
        and not data[28]
    )


def read_samples(data: bytes) -> NDArray[np.uint16]:
    """(H, W, C) samples. Raises ValueError, struct.error or zlib.error for damaged data."""
    width, height, _, kind = struct.unpack_from(">IIBB", data, 16)
    channels = CHANNELS[kind]
    line = 2 * channels * width
    if not 0 < height * (line + 1) <= MAX_BYTES:
        raise ValueError("impossible size")
    parts, at = [], 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            parts.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    raw = zlib.decompressobj().decompress(b"".join(parts), height * (line + 1))
    rows = np.frombuffer(raw, np.uint8, height * (line + 1)).reshape(height, line + 1)
    out = np.zeros((height, line), np.uint8)
    _unfilter(rows, 2 * channels, out)
    return out.view(">u2").astype(np.uint16).reshape(height, width, channels)


@njit_kernel
def _unfilter(rows: NDArray[np.uint8], step: int, out: NDArray[np.uint8]) -> None:
    """Undo the filter of each row, the number of which is its first byte. step: bytes of a pixel. out: zeros (H, line)."""
    for y in range(rows.shape[0]):
        method = rows[y, 0]
        for x in range(rows.shape[1] - 1):
            a = int(out[y, x - step]) if x >= step else 0
            b = int(out[y - 1, x]) if y > 0 else 0
            predicted = 0
            if method == 1:
                predicted = a
            elif method == 2:
                predicted = b
            elif method == 3:
                predicted = (a + b) // 2
            elif method == 4:
                c = int(out[y - 1, x - step]) if x >= step and y > 0 else 0
                p = a + b - c
                pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
                if pa <= pb and pa <= pc:
                    predicted = a
                elif pb <= pc:
                    predicted = b
                else:
                    predicted = c
            out[y, x] = np.uint8((int(rows[y, x + 1]) + predicted) & 255)
