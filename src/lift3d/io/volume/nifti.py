"""NIfTI-1 and NIfTI-2 volumes in single files, plain or gzipped."""

from __future__ import annotations

import html
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.io.volume.data_bytes import decompressed, open_file, read_values
from lift3d.io.volume.limits import check_size, printable, size_text, volume_of
from lift3d.io.volume.nifti_header import V1, V2, Header, choose_affine, parse
from lift3d.io.volume.scaling import scaled
from lift3d.types.arrays import F64
from lift3d.types.volumes import Volume

GZIP = b"\x1f\x8b"
MAX_EXTENSIONS = 16 << 20
LABEL = re.compile(rb'<Label\b[^>]*?\bKey="(\d{1,9})"[^>]*>(?:\s*<!\[CDATA\[)?([^<\]]{1,200})')


def _start(head: bytes) -> bytes:
    """The first bytes, unpacked where they are gzipped."""
    if not head.startswith(GZIP):
        return head
    try:
        return zlib.decompressobj(wbits=31).decompress(head, V2)
    except zlib.error:
        return b""


def is_nifti(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a NIfTI volume in one file, plain or gzipped."""
    start = _start(head)
    size = {struct.unpack(order + "i", start[:4])[0] for order in "<>"} if len(start) >= 4 else set()
    return (V1 in size and start[344:347] == b"n+1") or (V2 in size and start[4:7] == b"n+2")


def is_pair(head: bytes) -> bool:
    """Whether the first bytes are those of a header of NIfTI or ANALYZE whose values are in another file."""
    start = _start(head)
    return len(start) >= V1 and V1 in {struct.unpack(order + "i", start[:4])[0] for order in "<>"}


def read(
    path: Path, *, time: int | None, spacing: Sequence[float] | None, notes: Callable[[str], None]
) -> Volume:
    """The volume of a file; see `reading.read_volume`. Raises InputError."""
    name = printable(path.name)
    with open_file(path) as file:
        codec, header = _header(file, name)
        affine = (
            _told(header, spacing, name, notes) if spacing is not None else choose_affine(header, name, notes)
        )
        check_size(header.shape[:3], name)
        index = _which(header, time, name, notes)
        want = math.prod(header.shape[:3]) * header.dtype.itemsize
        file.seek(0)
        last = len(header.shape) == 3 or index == header.shape[3] - 1
        data = read_values(file, codec, header.offset + index * want, want, name, to_end=last)
    stored: NDArray[np.generic] = data.view(header.dtype).reshape(header.shape[:3], order="F")
    return volume_of(scaled(stored, header.slope, header.intercept, name), affine, None, name)


def _header(file: BinaryIO, name: str) -> tuple[str, Header]:
    """(how the file is packed, its header)."""
    codec = "zlib" if file.read(2) == GZIP else "raw"
    file.seek(0)
    data = b""
    for piece in decompressed(file, codec, name):
        data += piece
        if len(data) >= V2:
            break
    return codec, parse(data[:V2], name)


def _which(header: Header, time: int | None, name: str, notes: Callable[[str], None]) -> int:
    """The index of the volume to read of a file with several. Raises InputError where it must be chosen."""
    if len(header.shape) > 4:
        raise InputError(
            f"{name} has {len(header.shape)} dimensions ({size_text(header.shape)})",
            "give a volume of three dimensions",
        )
    count = header.shape[3] if len(header.shape) == 4 else 1
    return choose_time(count, time, name, notes)


def choose_time(count: int, time: int | None, name: str, notes: Callable[[str], None]) -> int:
    """The index of one of `count` volumes of a file. Raises InputError where it must be chosen, or does not exist."""
    if count == 1:
        if time not in (None, 0):
            raise InputError(f"{name} holds one volume, so there is no time {time}", "leave out --time")
        return 0
    if time is None:
        raise InputError(
            f"{name} is 4-D: it holds {count} volumes", f"choose one with --time 0 to {count - 1}"
        )
    if not 0 <= time < count:
        raise InputError(f"{name} has no time {time}", f"choose one with --time 0 to {count - 1}")
    notes(f"time {time} of 0 to {count - 1} was read")
    return time


def _told(header: Header, spacing: Sequence[float], name: str, notes: Callable[[str], None]) -> F64:
    """The affine of a spacing that the user states, for a file without one."""
    if header.sform[1] is not None or header.qform[1] is not None:
        raise InputError(f"{name} states its own spacing", "leave out --spacing")
    return stated_axes(spacing, "RAS", name, notes)


def stated_axes(spacing: Sequence[float], axes: str, name: str, notes: Callable[[str], None]) -> F64:
    """The affine (4, 4) to RAS mm where a file states no orientation: axes are taken as `axes` ("RAS" or "LPS"), and noted."""
    notes(f"{name} states no orientation: its axes are taken as {axes}, so left and right may be exchanged")
    sign = [1, 1, 1] if axes == "RAS" else [-1, -1, 1]
    return np.diag([*(np.array(spacing, np.float64) * sign), 1.0])


def label_names(path: Path) -> dict[int, str]:
    """Names of label numbers in the extensions of a header, as segmentation tools write them; empty where there are none."""
    name = printable(path.name)
    with open_file(path) as file:
        codec, header = _header(file, name)
        file.seek(0)
        if not V2 < header.offset <= MAX_EXTENSIONS:
            return {}
        data = b""
        for piece in decompressed(file, codec, name):
            data += piece
            if len(data) >= header.offset:
                break
    found = {}
    for key, text in LABEL.findall(data[V1 : header.offset]):
        found[int(key)] = printable(html.unescape(text.decode("utf-8", "replace")).strip(), 60)
    return found
