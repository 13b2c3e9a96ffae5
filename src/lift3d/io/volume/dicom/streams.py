"""Compressed streams of pixels checked before and while they are decoded: decoders accept some that are cut short."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from lift3d.errors import damaged_file

STDERR = 2
ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
COMPLAINTS = (b"Corrupt JPEG data", b"Premature end of JPEG", b"Bogus ", b"Unsupported marker")
"""What the JPEG decoder writes to the standard error stream when it goes on with a damaged picture."""
END = b"\xff\xd9"
"""The last two bytes of a stream of JPEG, JPEG-LS or JPEG 2000."""


def check_items(file: BinaryIO, name: str) -> None:
    """Raise InputError, with the bytes wanted and found, unless all items of compressed pixels lie within the file, which is open
    where they begin."""
    size = os.fstat(file.fileno()).st_size
    while True:
        head = file.read(8)
        if head[:4] == SEQUENCE_END:
            return
        if len(head) < 8 or head[:4] != ITEM:
            raise damaged_file(name, "is cut short: its compressed pixels have no end")
        length = int.from_bytes(head[4:], "little")
        left = size - file.tell()
        if length > left:
            raise damaged_file(
                name, f"is cut short: {length} bytes of compressed pixels wanted, {left} found"
            )
        file.seek(length, os.SEEK_CUR)


def check(data: bytes, is_jpeg_2000: bool, expected: tuple[int, int, int], name: str) -> None:
    """Raise InputError unless a stream is whole, of the expected (bits, rows, columns); it may have fewer bits."""
    stated = _codestream_size(data) if is_jpeg_2000 else _start_of_frame(data)
    if stated is None:
        raise damaged_file(name, "has compressed pixels without a header")
    bits, rows, columns = expected
    if stated[1:] != (rows, columns):
        raise damaged_file(
            name, f"has pixels of {stated[2]} x {stated[1]}, another size than its header states"
        )
    if stated[0] > bits:
        raise damaged_file(name, f"has pixels of {stated[0]} bits, more than its header states")
    if not data.rstrip(b"\0").endswith(END):
        raise damaged_file(name, f"is cut short: its compressed pixels, {len(data)} bytes, have no end")


@contextmanager
def watched(name: str) -> Iterator[None]:
    """Raises InputError when a decoder complains on the standard error stream while the block runs; other text is passed on."""
    try:
        saved = os.dup(STDERR)
    except OSError:  # a program without a standard error stream
        yield
        return
    with tempfile.TemporaryFile() as heard:
        try:
            os.dup2(heard.fileno(), STDERR)
            try:
                yield
            finally:
                os.dup2(saved, STDERR)
        finally:
            os.close(saved)
        heard.seek(0)
        text = heard.read(1 << 16)
    if any(complaint in text for complaint in COMPLAINTS):
        raise damaged_file(name, "has damaged pixels: the decoder found errors in them")
    if text:
        os.write(STDERR, text)


def _start_of_frame(data: bytes) -> tuple[int, int, int] | None:
    """(bits, rows, columns) of the frame header of a JPEG or JPEG-LS stream, or None where there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return data[at + 4], rows, columns
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _codestream_size(data: bytes) -> tuple[int, int, int] | None:
    """(bits, rows, columns) of a JPEG 2000 codestream, or None where there is none."""
    at = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if at < 0 or len(data) < at + 43:
        return None
    right, bottom, left, top = (int.from_bytes(data[at + n : at + n + 4], "big") for n in (8, 12, 16, 20))
    return (data[at + 42] & 0x7F) + 1, bottom - top, right - left
