"""OpenEXR files for the tests."""

from __future__ import annotations

import struct
import zlib

import numpy as np

from lift3d.io.height.exr import LINES, MAGIC


def write_exr(
    values: np.ndarray, compression: int = 3, kind: int = 2, channels: tuple[str, ...] = ("R",)
) -> bytes:
    """A scan line file in which every channel but the last holds zeros and the last one `values`; channels in alphabetic
    order."""
    height, width = values.shape
    dtype = {1: "<f2", 2: "<f4"}[kind]

    def attribute(name: str, what: str, data: bytes) -> bytes:
        return name.encode() + b"\0" + what.encode() + b"\0" + struct.pack("<i", len(data)) + data

    listed = b"".join(c.encode() + b"\0" + struct.pack("<iB3xii", kind, 0, 1, 1) for c in channels) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = MAGIC + struct.pack("<I", 2)
    head += attribute("channels", "chlist", listed) + attribute(
        "compression", "compression", bytes([compression])
    )
    head += attribute("dataWindow", "box2i", window) + attribute("displayWindow", "box2i", window) + b"\0"
    lines = LINES[compression]
    chunks = []
    for first in range(0, height, lines):
        raw = b""
        for row in values[first : first + lines]:
            for c in channels:
                raw += (row if c == channels[-1] else np.zeros_like(row)).astype(dtype).tobytes()
        if compression:
            b = np.frombuffer(raw, np.uint8)
            mixed = np.concatenate([b[0::2], b[1::2]]).astype(np.int64)
            mixed[1:] = np.diff(mixed) + 128 + 256
            packed = zlib.compress((mixed & 0xFF).astype(np.uint8).tobytes())
            raw = packed if len(packed) < len(raw) else raw
        chunks.append(struct.pack("<ii", first, len(raw)) + raw)
    at = len(head) + 8 * len(chunks)
    offsets = []
    for chunk in chunks:
        offsets.append(at)
        at += len(chunk)
    return head + struct.pack(f"<{len(offsets)}Q", *offsets) + b"".join(chunks)
