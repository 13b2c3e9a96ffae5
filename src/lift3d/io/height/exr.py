"""One channel of an OpenEXR file (OpenEXR File Layout, Academy Software Foundation): scan lines, not compressed or by RLE or
zlib.

Tiled, deep and multi-part files and wavelet compression (PIZ, PXR24, B44, DWA) are refused with what to do instead.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.types import F32

MAGIC = b"\x76\x2f\x31\x01"
MAX_PIXELS = 170_000_000
LINES = {0: 1, 1: 1, 2: 1, 3: 16}
"""Compression (none, RLE, zlib of one line, zlib of 16 lines) -> scan lines in a block."""
NAMES = {4: "PIZ", 5: "PXR24", 6: "B44", 7: "B44A", 8: "DWAA", 9: "DWAB"}
TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}
WANTED = ("Z", "depth.Z", "Depth.Z", "D", "V", "depth", "Depth", "Y", "R", "height", "G", "B")
"""Channels in the order in which they are taken for the heights; else the first."""


def is_exr(data: bytes) -> bool:
    """Whether the data are an OpenEXR file, by their first bytes."""
    return data[:4] == MAGIC


def read_exr(data: bytes, name: str) -> F32:
    """(H, W) float32 values of the channel that holds heights: Z, V, depth, Y or the first one of a grey picture.

    Raises InputError for a kind of file that is not read, and InputError, ValueError, struct.error or zlib.error for damage.
    """
    if not is_exr(data):
        raise ValueError("not an OpenEXR file")
    version = struct.unpack_from("<I", data, 4)[0]
    if version & 0xFF > 2 or version & 0x1A00:
        raise InputError(
            f"{name} is a tiled, deep or multi-part OpenEXR file", "save it as scan lines of one part"
        )
    attributes, at = _attributes(data, 8)
    compression = attributes["compression"][0]
    if compression not in LINES:
        raise InputError(
            f"{name} is compressed by {NAMES.get(compression, 'an unknown method')}",
            "save the OpenEXR file with ZIP compression",
        )
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise damaged_file(name, f"has an impossible size of {width}x{height}")
    channels = _channels(attributes["channels"], name)
    line = sum(np.dtype(kind).itemsize for _, kind in channels) * width
    names = [c for c, _ in channels]
    chosen = _chosen(names)
    if names[chosen] in ("R", "G", "B") and {"R", "G", "B"} <= set(names):
        raise InputError(
            f"{name} has colours and no heights", "save a photo as PNG or JPEG, and heights as one channel"
        )
    start = sum(np.dtype(kind).itemsize for _, kind in channels[:chosen]) * width
    kind = channels[chosen][1]
    lines = LINES[compression]
    blocks = -(-height // lines)
    offsets = np.frombuffer(data, "<u8", blocks, at)
    out = np.full((height, width), np.nan, np.float32)
    for offset in offsets.tolist():
        if offset + 8 > len(data):
            raise ValueError("offset outside the file")
        first, size = struct.unpack_from("<ii", data, offset)
        first -= y0
        rows = min(lines, height - first)
        if first < 0 or rows < 1 or size < 0:
            raise ValueError("block outside the picture")
        raw = _unpacked(data[offset + 8 : offset + 8 + size], compression, rows * line)
        block = np.frombuffer(raw, np.uint8, rows * line).reshape(rows, line)
        part = np.ascontiguousarray(block[:, start : start + np.dtype(kind).itemsize * width])
        out[first : first + rows] = part.view(kind).astype(np.float32)
    return out


def _attributes(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    """The header's attributes by name, and where it ends."""
    found: dict[str, bytes] = {}
    while data[at] and len(found) < 1000:
        end = data.index(0, at, at + 256)
        key, at = data[at:end].decode("latin-1"), end + 1
        at = data.index(0, at, at + 256) + 1  # the type's name
        size = struct.unpack_from("<i", data, at)[0]
        if size < 0 or at + 4 + size > len(data):
            raise ValueError("attribute outside the file")
        found[key] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found, at + 1


def _channels(data: bytes, name: str) -> list[tuple[str, str]]:
    """(name, type) of every channel, in the order of the file."""
    found: list[tuple[str, str]] = []
    at = 0
    while data[at] and len(found) < 1000:
        end = data.index(0, at)
        kind, _, across, down = struct.unpack_from("<iIii", data, end + 1)
        if (across, down) != (1, 1):
            raise InputError(
                f"{name} has subsampled channels", "save it with all channels at full resolution"
            )
        found.append((data[at:end].decode("latin-1"), TYPES[kind]))
        at = end + 17
    return found


def _chosen(names: list[str]) -> int:
    """Index of the channel that holds the heights."""
    for wanted in WANTED:
        for k, name in enumerate(names):
            if name == wanted or name.endswith(f".{wanted}"):
                return k
    return 0


def _unpacked(data: bytes, compression: int, size: int) -> bytes:
    """`size` bytes of a block; one that would not have become smaller is stored as it is."""
    if compression == 0 or len(data) == size:
        return data
    packed = _run_lengths(data, size) if compression == 1 else zlib.decompressobj().decompress(data, size)
    if len(packed) != size:
        raise ValueError("block of another size")
    delta = np.frombuffer(packed, np.uint8).astype(np.int64)
    delta[1:] -= 128
    plain = np.cumsum(delta).astype(np.uint8)
    half = (size + 1) // 2
    out: NDArray[np.uint8] = np.empty(size, np.uint8)
    out[0::2], out[1::2] = plain[:half], plain[half:]
    return out.tobytes()


def _run_lengths(data: bytes, size: int) -> bytes:
    """Run length decoding: a negative count is followed by as many bytes, another by one byte to be repeated count + 1 times."""
    out, at = bytearray(), 0
    while at < len(data) and len(out) <= size:
        count = data[at] - 256 if data[at] > 127 else data[at]
        if count < 0:
            out += data[at + 1 : at + 1 - count]
            at += 1 - count
        else:
            out += data[at + 1 : at + 2] * (count + 1)
            at += 2
    return bytes(out)
