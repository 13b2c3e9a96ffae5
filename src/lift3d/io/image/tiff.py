"""TIFF files that Pillow cannot read or reads with a loss: more than 8 bits, floating point, and more than four channels
(TIFF 6.0, Adobe 1992; BigTIFF; GDAL's tag for missing values).

The structure is parsed here within bounds. Strips and tiles are decompressed by zlib or by Pillow, which is given each as a
grey picture of bytes: LZW, PackBits, LZMA and Zstandard do not depend on the type of the samples.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError

MAX_PIXELS = 170_000_000
MAX_BYTES = 2 << 30
"""Bytes of all samples of a picture."""
MAX_CHANNELS = 512
MAX_PAGES = 1000
(REDUCED, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, SAMPLES, ROWS, COUNTS, PLANAR, PREDICTOR, TILE_WIDTH,
 TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, EXTRA, FORMAT, ICC, NODATA) = (
    254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 323, 324, 325, 338, 339, 34675, 42113,
)  # fmt: skip
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_CODES = {
    1: "B",
    2: "s",
    3: "H",
    4: "I",
    6: "b",
    7: "s",
    8: "h",
    9: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
COMPRESSIONS = {
    2: "CCITT", 3: "CCITT fax 3", 4: "CCITT fax 4", 6: "JPEG (old)", 7: "JPEG", 33003: "JPEG 2000", 33005: "JPEG 2000",
    34676: "LogLuv", 34677: "LogLuv", 34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 50001: "WebP", 50002: "JPEG XL",
    52546: "JPEG XL",
}  # fmt: skip
UNPACKED_BY_PILLOW = {5: "LZW", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}


@dataclass(frozen=True)
class Page:
    """One picture of a file. tags: values by number; order: "<" or ">"; pages: full-size pictures in the file; index: of this
    picture among all; big: BigTIFF."""

    tags: dict[int, tuple[Any, ...]]
    order: Literal["<", ">"]
    pages: int
    index: int
    big: bool = False

    def get(self, tag: int, default: int) -> int:
        """The first value of a tag."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as stored."""
        return self.get(WIDTH, 0), self.get(HEIGHT, 0)

    @property
    def bits(self) -> tuple[int, ...]:
        """Bits of each sample of a pixel."""
        stated = tuple(int(b) for b in self.tags.get(BITS, (1,)))
        count = self.get(SAMPLES, 1)
        return stated * count if len(stated) == 1 else stated


def is_tiff(data: bytes) -> bool:
    """Whether the data are a TIFF or BigTIFF, by their first bytes."""
    return data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_page(data: bytes) -> Page:
    """The first picture of a file that is not a reduced copy of another. Raises ValueError or struct.error for damage."""
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    pages: list[dict[int, tuple[Any, ...]]] = []
    seen: set[int] = set()
    while at and at not in seen and len(pages) < MAX_PAGES:
        seen.add(at)
        try:
            tags, at = _directory(data, at, order, big)
        except (struct.error, ValueError):
            if not pages:
                raise
            break
        pages.append(tags)
    if not pages:
        raise ValueError("no picture")
    full = [
        k for k, tags in enumerate(pages) if not int(tags.get(REDUCED, (0,))[0]) & 5
    ]  # neither reduced nor a mask
    first = full[0] if full else 0
    return Page(pages[first], order, max(1, len(full)), first, big)


def _directory(data: bytes, at: int, order: str, big: bool) -> tuple[dict[int, tuple[Any, ...]], int]:
    """The tags of one directory, and the offset of the next."""
    head, entry, inline, word = ("Q", "HHQ", 8, "Q") if big else ("H", "HHI", 4, "I")
    (count,) = struct.unpack_from(order + head, data, at)
    at += struct.calcsize(order + head)
    step = struct.calcsize(order + entry) + inline
    if count > 4096 or at + count * step > len(data):
        raise ValueError("cut short")
    tags: dict[int, tuple[Any, ...]] = {}
    for k in range(count):
        tag, kind, number = struct.unpack_from(order + entry, data, at + k * step)
        size = _SIZES.get(kind, 0) * number
        where = at + (k + 1) * step - inline
        if size > inline:
            (where,) = struct.unpack_from(order + word, data, where)
        if kind in _CODES and 0 < size <= len(data) - where:
            code = f"{number}{_CODES[kind]}"
            tags[tag] = struct.unpack_from(order + code, data, where)
    end = at + count * step
    following = struct.unpack_from(order + word, data, end)[0] if end + inline <= len(data) else 0
    return tags, following


def read_samples(data: bytes, page: Page, name: str) -> NDArray[Any]:
    """(H, W, C) samples of a page in the type of the file, packed bits as uint8 or uint16. Raises InputError for what is not
    supported, ValueError and the like for damage."""
    width, height = page.size
    bits, channels = page.bits, page.get(SAMPLES, 1)
    kind = _sample_type(page, name)
    if not (width > 0 and height > 0 and 0 < channels <= MAX_CHANNELS and len(bits) == channels):
        raise ValueError("impossible size")
    if width * height > MAX_PIXELS or width * height * channels * kind.itemsize > MAX_BYTES:
        raise InputError(
            f"{name} is too large ({width}x{height} pixels, {channels} channels)", "make it smaller first"
        )
    planar = page.get(PLANAR, 1) == 2 and channels > 1
    each = 1 if planar else channels
    tiled = TILE_OFFSETS in page.tags
    across, down = (
        (page.get(TILE_WIDTH, 0), page.get(TILE_HEIGHT, 0))
        if tiled
        else (width, min(page.get(ROWS, height), height))
    )
    if not (0 < across <= width + 4096 and 0 < down <= height + 4096):
        raise ValueError("impossible tiles")
    offsets = page.tags[TILE_OFFSETS if tiled else OFFSETS]
    counts = page.tags.get(TILE_COUNTS if tiled else COUNTS) or (len(data) - int(offsets[0]),)
    columns, rows = -(-width // across), -(-height // down)
    out = np.zeros((height, width, channels), kind)
    for k in range(min(len(offsets), len(counts), columns * rows * (channels if planar else 1))):
        plane, index = divmod(k, columns * rows)
        y, x = index // columns * down, index % columns * across
        lines = down if tiled else min(down, height - y)
        chunk = data[int(offsets[k]) : int(offsets[k]) + int(counts[k])]
        block = _block(chunk, page, lines, across, each, kind, name)[: height - y, : width - x]
        out[y : y + block.shape[0], x : x + block.shape[1], plane : plane + each] = block
    return out


def _sample_type(page: Page, name: str) -> np.dtype[Any]:
    """The numpy type of the samples in native order."""
    bits, form = set(page.bits), {int(f) for f in page.tags.get(FORMAT, (1,))}
    if len(bits) == 1 and len(form) == 1:
        width, what = min(bits), min(form)
        if what == 3 and width in (16, 32, 64):
            return np.dtype(f"f{width // 8}")
        if what == 2 and width in (8, 16, 32):
            return np.dtype(f"i{width // 8}")
        if what in (1, 4) and 1 <= width <= 32:
            return np.dtype(np.uint8 if width <= 8 else np.uint16 if width <= 16 else np.uint32)
    stated = "complex" if form & {5, 6} else f"{'/'.join(str(b) for b in sorted(set(page.bits)))}-bit"
    raise InputError(
        f"{name} is a TIFF with {stated} samples, which lift3d does not read",
        "save it with 8 or 16 bits per channel",
    )


def _block(
    chunk: bytes, page: Page, lines: int, across: int, each: int, kind: np.dtype[Any], name: str
) -> NDArray[Any]:
    """(lines, across, each) samples of one strip or tile."""
    width = page.bits[0]
    line = -(-across * each * width // 8)
    raw = _decompressed(chunk, page, lines, line, name)
    if len(raw) < lines * line:
        raw = raw + bytes(lines * line - len(raw)) if len(raw) else b""
    if not raw:
        raise ValueError("cut short")
    values = np.frombuffer(raw, np.uint8, lines * line).reshape(lines, line)
    if page.get(266, 1) == 2 and page.get(COMPRESSION, 1) in (1, 8, 32946):  # bits of each byte reversed
        values = np.packbits(np.unpackbits(values, bitorder="little").reshape(values.shape + (8,)), axis=-1)[
            ..., 0
        ]
    predictor = page.get(PREDICTOR, 1) if page.get(COMPRESSION, 1) != 1 else 1
    if predictor == 3:  # bytes of each sample in planes, most significant first, differences along the row
        steps = np.cumsum(values.reshape(lines, -1, each), axis=1, dtype=np.uint8).reshape(
            lines, kind.itemsize, -1
        )
        whole = np.ascontiguousarray(steps.transpose(0, 2, 1)).view(kind.newbyteorder(">"))
        return whole.reshape(lines, across, each).astype(kind)
    if width not in (8, 16, 32, 64):
        packed = np.unpackbits(values, axis=1)[:, : across * each * width].reshape(
            lines, across * each, width
        )
        weights = 1 << np.arange(width - 1, -1, -1, dtype=np.uint64)
        top, largest = np.uint64(2 ** (8 * kind.itemsize) - 1), np.uint64(2**width - 1)
        numbers = packed.astype(np.uint64) @ weights * top // largest  # in the range of the type
        samples = numbers.astype(kind).reshape(lines, across, each)
    else:
        samples = (
            np.ascontiguousarray(values).view(kind.newbyteorder(page.order)).reshape(lines, across, each)
        )
    if predictor == 2:
        whole = samples.astype(kind)
        unsigned = whole.view(f"u{kind.itemsize}")
        return np.cumsum(unsigned, axis=1, dtype=unsigned.dtype).view(kind)
    return samples.astype(kind)


def _decompressed(chunk: bytes, page: Page, lines: int, line: int, name: str) -> bytes:
    """At most lines * line bytes."""
    method = page.get(COMPRESSION, 1)
    if method == 1:
        return chunk[: lines * line]
    if method in (8, 32946):
        return zlib.decompressobj().decompress(chunk, lines * line)
    if method in UNPACKED_BY_PILLOW:
        return _by_pillow(chunk, method, lines, line, page.get(266, 1))
    packed = COMPRESSIONS.get(method, f"number {method}")
    raise InputError(
        f"{name} is a TIFF with {len(page.bits)} channels of {page.bits[0]} bits and {packed} compression, which lift3d does not "
        "read",
        "save it without compression",
    )


def _by_pillow(chunk: bytes, method: int, lines: int, line: int, fill: int) -> bytes:
    """A compressed strip, given to Pillow as a grey picture of line x lines bytes."""
    tags = [(WIDTH, line), (HEIGHT, lines), (BITS, 8), (COMPRESSION, method), (PHOTOMETRIC, 1), (266, fill)]
    tags += [(OFFSETS, 8), (SAMPLES, 1), (ROWS, lines), (COUNTS, len(chunk))]
    padded = chunk + bytes(len(chunk) % 2)
    rows = b"".join(struct.pack("<HHII", tag, 4 if tag not in (BITS, COMPRESSION, PHOTOMETRIC, 266, SAMPLES) else 3, 1, value)
                    for tag, value in sorted(tags))  # fmt: skip
    file = (
        struct.pack("<2sHI", b"II", 42, 8 + len(padded))
        + padded
        + struct.pack("<H", len(tags))
        + rows
        + bytes(4)
    )
    with Pil.open(io.BytesIO(file), formats=["TIFF"]) as picture:
        return picture.tobytes()


def missing_values(samples: NDArray[Any], page: Page) -> NDArray[np.bool_] | None:
    """(H, W): True where all channels have the value that GDAL's tag declares as missing; None without such pixels."""
    stated = page.tags.get(NODATA)
    text = b"".join(v for v in stated if isinstance(v, bytes)).decode("latin1") if stated else ""
    if not re.fullmatch(r"\s*[-+]?\d+(\.\d*)?([eE][-+]?\d+)?\s*\0*\s*", text):
        return None
    found = (samples == np.float64(text.strip("\0 "))).all(-1)
    return found if found.any() else None
