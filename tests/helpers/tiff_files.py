"""TIFF files of any kind, written tag by tag."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

KINDS = {"u": 1, "i": 2, "f": 3}


def write_tiff(
    path: Path,
    samples: np.ndarray,
    photometric: int,
    tags: dict[int, tuple[int, ...]] | None = None,
    order: str = "<",
    planar: bool = False,
    compression: int = 1,
    predictor: int = 1,
    rows: int = 7,
    ascii_tags: dict[int, str] | None = None,
    big: bool = False,
) -> Path:
    """Write (H, W, C) samples in strips of `rows` rows."""
    height, width, channels = samples.shape
    planes = [samples[..., c : c + 1] for c in range(channels)] if planar else [samples]
    strips = []
    for plane in planes:
        for y in range(0, height, rows):
            block = plane[y : y + rows]
            if predictor == 2:
                block = np.concatenate([block[:, :1], np.diff(block, axis=1)], 1)
            data = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(order)))
            raw = data.tobytes()
            if predictor == 3:
                size = samples.dtype.itemsize
                shuffled = np.ascontiguousarray(block.astype(block.dtype.newbyteorder(">"))).view(np.uint8)
                shuffled = shuffled.reshape(len(block), -1, size).transpose(0, 2, 1).reshape(len(block), -1)
                step = plane.shape[2]
                wide = shuffled.reshape(len(block), -1, step)
                raw = np.concatenate([wide[:, :1], np.diff(wide, axis=1)], 1).astype(np.uint8).tobytes()
            strips.append(zlib.compress(raw) if compression == 8 else raw)
    entries: dict[int, tuple[int, ...]] = {
        256: (width,), 257: (height,), 258: (8 * samples.dtype.itemsize,) * channels, 259: (compression,), 262: (photometric,),
        277: (channels,), 278: (rows,), 284: (2 if planar else 1,), 317: (predictor,),
        339: (KINDS[samples.dtype.kind],) * channels,
    }  # fmt: skip
    entries |= tags or {}
    word, at, head = ("Q", 16, "Q") if big else ("I", 8, "H")
    body, offsets = b"", []
    for strip in strips:
        offsets.append(at + len(body))
        body += strip
    entries[273], entries[279] = tuple(offsets), tuple(len(s) for s in strips)
    inline = struct.calcsize(word)
    rows_out = b""
    names = {tag: text.encode() + b"\0" for tag, text in (ascii_tags or {}).items()}
    for tag in sorted([*entries, *names]):
        if tag in names:
            kind, count, data = 2, len(names[tag]), names[tag]
        else:
            wide_type = 16 if big else 4
            kind = wide_type if tag in (273, 279) else 3
            count = len(entries[tag])
            data = struct.pack(f"{order}{count}{word if kind == wide_type else 'H'}", *entries[tag])
        if len(data) > inline:
            where, body = at + len(body), body + data
            data = struct.pack(order + word, where)
        rows_out += struct.pack(f"{order}HH{word}", tag, kind, count) + data.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    first = at + len(body)
    header = struct.pack(order + "HHHQ", 43, 8, 0, first) if big else struct.pack(order + "HI", 42, first)
    directory = struct.pack(order + head, len(entries) + len(names)) + rows_out + bytes(inline)
    path.write_bytes(mark + header + body + directory)
    return path
