"""The bytes of the values of a volume: decompressed in bounded pieces, counted, and placed in an array.

Every reader states how many bytes it wants before they are read, so that a compressed file cannot fill the memory.
"""

from __future__ import annotations

import bz2
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.limits import printable

CHUNK = 1 << 20
MAX_HEADER = 1 << 20
MAX_DEFLATE_RATIO = 1040
"""Deflate cannot expand beyond 1032 : 1."""


def open_file(path: Path) -> BinaryIO:
    """A regular file opened to read. Raises InputError when it is missing, no regular file, or not readable."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a file", "name a file in it")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file", "copy its contents to a file first")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", "check the path") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({getattr(error, 'strerror', None) or error})", "check its permissions"
        ) from error


def beside(header: Path, stated: str) -> Path:
    """The data file that a header states. Raises InputError where it lies outside the folder of the header, or is missing."""
    outside = InputError(
        f"{header.name} states its values in {printable(stated)!r}, outside its own folder",
        "put the data file beside the header and state its name alone",
    )
    clean = stated.replace("\\", "/").strip()
    if not clean or "\0" in clean or clean.startswith("/") or ":" in clean or ".." in clean.split("/"):
        raise outside
    folder = header.parent
    path = folder / clean
    real = Path(os.path.realpath(path))
    homes = {Path(os.path.realpath(folder)), Path(os.path.realpath(header)).parent}
    if not any(real.is_relative_to(home) for home in homes):
        raise outside
    if not path.is_file():
        raise InputError(
            f"{header.name} states its values in {printable(stated)!r}, which is missing",
            "put the data file beside the header",
        )
    return path


def decompressed(file: BinaryIO, codec: str, name: str) -> Iterator[bytes]:
    """Pieces of at most `CHUNK` bytes of the rest of a file. codec: "raw", "zlib" (or gzip, detected) or "bz2".

    A compressed stream that ends too early ends the pieces; one that is damaged raises InputError."""
    if codec == "raw":
        while piece := file.read(CHUNK):
            yield piece
        return
    pending, decoder = b"", _decoder(codec)
    try:
        while True:
            if decoder.eof:
                rest = decoder.unused_data + file.read(CHUNK)
                if not rest.startswith(b"\x1f\x8b" if codec == "zlib" else b"BZh"):
                    return
                pending, decoder = rest, _decoder(codec)
            hungry = not pending and getattr(decoder, "needs_input", True)
            if hungry and not (pending := file.read(CHUNK)):
                raise EOFError
            piece = decoder.decompress(pending, CHUNK)
            pending = decoder.unconsumed_tail if codec == "zlib" else b""
            if piece:
                yield piece
    except EOFError:
        return
    except (zlib.error, OSError, ValueError) as error:
        raise damaged_file(name, "is damaged: its compressed values cannot be unpacked") from error


def _decoder(codec: str):  # type: ignore[no-untyped-def]
    """A decompressor with a bounded `decompress(data, most)`."""
    return bz2.BZ2Decompressor() if codec == "bz2" else zlib.decompressobj(wbits=47)


def read_values(
    file: BinaryIO, codec: str, skip: int, want: int, name: str, *, to_end: bool = True
) -> NDArray[np.uint8]:
    """`want` bytes after `skip` bytes of the decompressed rest of a file. skip -1: the last bytes of it.

    to_end: also check that nothing follows. Raises InputError with the numbers of bytes wanted and found."""
    if codec == "raw":
        left = os.fstat(file.fileno()).st_size - file.tell()
    else:
        here = file.tell()
        left = (os.fstat(file.fileno()).st_size - here) * MAX_DEFLATE_RATIO if codec == "zlib" else want
    if left < want + max(skip, 0):
        found = max(left - max(skip, 0), 0)
        if codec == "raw":
            raise _short(name, want, found)
        raise damaged_file(name, f"is cut short: {want} bytes of values wanted, at most {found} can be there")
    pieces = decompressed(file, codec, name)
    if skip == -1:
        return _last(pieces, want, name)
    buffer = np.empty(want, np.uint8)
    target, got = memoryview(buffer.data), 0
    for piece in pieces:
        if skip:
            cut = min(skip, len(piece))
            skip, piece = skip - cut, piece[cut:]
        take = min(want - got, len(piece))
        target[got : got + take] = piece[:take]
        got += take
        if take < len(piece) and to_end:
            raise _surplus(name, want)
        if got == want and not to_end:
            break
    if got < want:
        raise _short(name, want, got)
    return buffer


def _last(pieces: Iterator[bytes], want: int, name: str) -> NDArray[np.uint8]:
    """The last `want` bytes of the pieces, after a header of at most `MAX_HEADER` bytes."""
    data = bytearray()
    for piece in pieces:
        data += piece
        if len(data) > want + MAX_HEADER:
            raise _surplus(name, want)
    if len(data) < want:
        raise _short(name, want, len(data))
    return np.frombuffer(data, np.uint8)[len(data) - want :]


def _short(name: str, want: int, found: int) -> InputError:
    """The error of a file with too few bytes."""
    return damaged_file(name, f"is cut short: {want} bytes of values wanted, {found} found")


def _surplus(name: str, want: int) -> InputError:
    """The error of a file with too many bytes."""
    return damaged_file(
        name, f"contradicts itself: its header states {want} bytes of values, but more follow"
    )


def read_numbers(file: BinaryIO, want: int, skip: int, name: str) -> NDArray[np.float64]:
    """`want` numbers written as text, after `skip` bytes. Raises InputError for another count and for other words."""
    if skip < 0:
        raise damaged_file(name, "counts its text from the end, which is not possible")
    file.read(min(skip, MAX_HEADER))
    limit = want * 40 + CHUNK
    text = file.read(limit + 1)
    words = text.replace(b",", b" ").split()
    if len(words) < want:
        raise damaged_file(name, f"is cut short: {want} values wanted, {len(words)} found")
    if len(words) > want or len(text) > limit:
        raise damaged_file(name, f"contradicts itself: its header states {want} values, but more follow")
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise damaged_file(name, "has values that are no numbers") from error
