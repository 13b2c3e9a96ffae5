"""Depth in OpenEXR files: one part of scan lines, of which one channel is read, uncompressed or with ZIP or ZIPS compression
(https://openexr.com/en/latest/OpenEXRFileLayout.html).
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from lift3d.types import F32

MAGIC = b"\x76\x2f\x31\x01"
LINES = {0: 1, 2: 1, 3: 16}
"""Scan lines in a chunk, by compression: none, ZIPS, ZIP."""
NAMES = ("Z", "D", "R", "Y", "depth", "V")
"""Channels with the depth, the best first."""
MAX_PIXELS = 1 << 26
TYPES = {0: ("<u4", 4), 1: ("<f2", 2), 2: ("<f4", 4)}


def read_exr(data: bytes) -> F32:
    """(H, W) float32 values of a channel. Raises ValueError, struct.error or zlib.error for other or damaged files."""
    if data[:4] != MAGIC:
        raise ValueError("it is no OpenEXR file")
    flags = struct.unpack_from("<I", data, 4)[0]
    if flags & 0xFF != 2 or flags & 0x1A00:
        raise ValueError("tiles, deep data and several parts are not read")
    attributes, at = _header(data)
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    if not (width > 0 and height > 0 and width * height <= MAX_PIXELS):
        raise ValueError("impossible size")
    compression = attributes["compression"][0]
    if compression not in LINES:
        raise ValueError("its compression is not read; save it with ZIP compression")
    channels = _channels(attributes["channels"])
    name = next((n for n in NAMES if n in dict(channels)), channels[0][0])
    per_line = sum(TYPES[kind][1] for _, kind in channels) * width
    skip = sum(TYPES[kind][1] for n, kind in channels[: [n for n, _ in channels].index(name)]) * width
    dtype, size = TYPES[dict(channels)[name]]
    lines = LINES[compression]
    chunks = -(-height // lines)
    offsets = struct.unpack_from(f"<{chunks}Q", data, at)
    out = np.zeros((height, width), np.float32)
    for offset in offsets:
        y, length = struct.unpack_from("<ii", data, offset)
        first = y - y0
        count = min(lines, height - first)
        if first < 0 or count <= 0 or length < 0:
            raise ValueError("a chunk lies outside the picture")
        raw = data[offset + 8 : offset + 8 + length]
        if compression and length < per_line * count:
            raw = _unpacked(zlib.decompressobj().decompress(raw, per_line * count))
        if len(raw) < per_line * count:
            raise ValueError("it is cut short")
        for line in range(count):
            start = line * per_line + skip
            out[first + line] = np.frombuffer(raw[start : start + size * width], dtype)
    return out


def _header(data: bytes) -> tuple[dict[str, bytes], int]:
    """(attributes, position behind the header)."""
    at, found = 8, {}
    while data[at : at + 1] != b"\0":
        name_end = data.index(b"\0", at, at + 256)
        type_end = data.index(b"\0", name_end + 1, name_end + 257)
        size = struct.unpack_from("<i", data, type_end + 1)[0]
        if size < 0 or type_end + 5 + size > len(data):
            raise ValueError("it is cut short")
        found[data[at:name_end].decode("latin-1")] = data[type_end + 5 : type_end + 5 + size]
        at = type_end + 5 + size
    return found, at + 1


def _channels(data: bytes) -> list[tuple[str, int]]:
    """(name, type) of each channel in the order of the file."""
    at, out = 0, []
    while data[at : at + 1] not in (b"\0", b""):
        end = data.index(b"\0", at)
        kind, _, x, y = struct.unpack_from("<iB3xii", data, end + 1)
        if kind not in TYPES or (x, y) != (1, 1):
            raise ValueError("a channel has an unknown type or a reduced size")
        out.append((data[at:end].decode("latin-1"), kind))
        at = end + 17
    if not out:
        raise ValueError("it has no channels")
    return out


def _unpacked(raw: bytes) -> bytes:
    """Undo the predictor and the interleaving of the bytes that precede the compression."""
    values = np.frombuffer(raw, np.uint8).astype(np.int64)
    values[1:] -= 128
    total = (np.cumsum(values) & 0xFF).astype(np.uint8)
    half = (len(total) + 1) // 2
    out = np.empty_like(total)
    out[0::2], out[1::2] = total[:half], total[half:]
    return out.tobytes()
