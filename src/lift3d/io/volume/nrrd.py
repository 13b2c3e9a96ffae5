"""NRRD volumes: attached (.nrrd) or with the values in a file beside the header (.nhdr); raw, gzip, bzip2 or text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.data_bytes import MAX_HEADER, beside, open_file, read_numbers, read_values
from lift3d.io.volume.limits import MAX_VOXELS, check_size, printable, size_text, volume_of
from lift3d.io.volume.nifti import choose_time
from lift3d.io.volume.nrrd_header import Header, affine_of, parse, spatial_axes
from lift3d.io.volume.scaling import scaled
from lift3d.types.volumes import Volume

MAGIC = b"NRRD000"
CODECS = {"raw": "raw", "gz": "zlib", "gzip": "zlib", "bz2": "bz2", "bzip2": "bz2"}
TEXT = ("ascii", "text", "txt")
SEGMENT = re.compile(r"Segment(\d{1,4})_(Name|LabelValue|Layer)")


def is_nrrd(head: bytes) -> bool:
    """Whether the first bytes of a file are those of NRRD."""
    return head.startswith(MAGIC)


def read(
    path: Path, *, time: int | None, spacing: Sequence[float] | None, notes: Callable[[str], None]
) -> Volume:
    """The volume of a file; see `reading.read_volume`. Raises InputError."""
    name = printable(path.name)
    with open_file(path) as file:
        header = read_header(file, name)
        if len(header.sizes) < 3:
            raise InputError(
                f"{name} has {len(header.sizes)} dimensions, not three", "give a volume of slices"
            )
        axes = spatial_axes(header)
        shape = [header.sizes[i] for i in axes]
        if math.prod(header.sizes) > 64 * MAX_VOXELS:
            raise InputError(
                f"{name} states {size_text(header.sizes)} values, above the limit", "give a smaller volume"
            )
        check_size(shape, name)
        affine = affine_of(header, axes, spacing, notes)
        others = [i for i in range(len(header.sizes)) if i not in axes and header.sizes[i] > 1]
        if len(others) > 1:
            raise InputError(
                f"{name} has {len(header.sizes)} dimensions ({size_text(header.sizes)})",
                "give a volume of three dimensions",
            )
        index = choose_time(math.prod(header.sizes[i] for i in others), time, name, notes)
        stored = _stored(path, file, header)
    picked = tuple(
        slice(None) if i in axes else index if i in others else 0 for i in range(len(header.sizes))
    )
    return volume_of(scaled(stored[picked], 1.0, 0.0, name), affine, None, name)


def read_header(file: BinaryIO, name: str) -> Header:
    """The header at the beginning of a file, which is left behind it. Raises InputError."""
    lines: list[str] = []
    size = 0
    while True:
        raw = file.readline(MAX_HEADER)
        size += len(raw)
        if size > MAX_HEADER:
            raise damaged_file(name, "has a header without an end")
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not raw or not line:
            break
        lines.append(line)
    return parse(lines[1:], name)


def _stored(path: Path, file: BinaryIO, header: Header) -> NDArray[np.generic]:
    """The stored numbers, in the shape of `header.sizes`."""
    stated = header.text("data file", "datafile")
    if not stated:
        return _values(file, header)
    words = stated.split()
    if words[0].upper() == "LIST" or "%" in words[0]:
        raise InputError(f"{header.name} states its values in several files", "save it as one .nrrd file")
    with open_file(beside(path, stated)) as data:
        return _values(data, header)


def _values(file: BinaryIO, header: Header) -> NDArray[np.generic]:
    """The stored numbers from a file that is open where they, or what is to be skipped, begin."""
    encoding = header.text("encoding").lower()
    line_skip, byte_skip = header.whole("line skip", "lineskip"), header.whole("byte skip", "byteskip")
    if byte_skip < -1 or not 0 <= line_skip <= 10_000:
        what = f"a byte skip of {byte_skip}" if byte_skip < -1 else f"a line skip of {line_skip}"
        raise damaged_file(header.name, f"states {what}")
    for _ in range(line_skip):
        file.readline(MAX_HEADER)
    count = math.prod(header.sizes)
    if encoding in TEXT:
        numbers = read_numbers(file, count, byte_skip, header.name)
        if header.dtype.kind in "iu":
            info = np.iinfo(header.dtype.name)
            if not ((numbers >= info.min) & (numbers <= info.max) & (numbers == np.rint(numbers))).all():
                raise damaged_file(header.name, "has values that do not fit their stated type")
        return numbers.astype(header.dtype.newbyteorder("=")).reshape(header.sizes, order="F")
    if encoding not in CODECS:
        raise InputError(
            f"{header.name} is encoded as {printable(encoding, 30)!r}, which is not read",
            "save it as raw or gzip",
        )
    data = read_values(file, CODECS[encoding], byte_skip, count * header.dtype.itemsize, header.name)
    return data.view(header.dtype).reshape(header.sizes, order="F")


def label_names(path: Path) -> dict[int, str]:
    """Names of label numbers in the key/value pairs of a segmentation of 3D Slicer; empty where there are none."""
    name = printable(path.name)
    with open_file(path) as file:
        header = read_header(file, name)
    segments: dict[str, dict[str, str]] = {}
    for key, value in header.pairs.items():
        if match := SEGMENT.fullmatch(key):
            segments.setdefault(match[1], {})[match[2]] = value
    found = {}
    for one in segments.values():
        number = one.get("LabelValue", "")
        if number.isascii() and number.isdigit() and len(number) < 10 and one.get("Name"):
            found[int(number)] = printable(one["Name"], 60)
    return found
