"""Reading of NIfTI-1 files, a short form until `lift3d.io.volume` reads all formats."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import damaged_file
from lift3d.io.files.read import read_bytes
from lift3d.types.volumes import Labels, Volume

_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}


def _read(path: Path) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """(values, affine) of a file."""
    data = read_bytes(path)
    try:
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        end = "<" if struct.unpack("<i", data[:4])[0] == 348 else ">"
        dim = struct.unpack(end + "8h", data[40:56])
        kind = _TYPES[struct.unpack(end + "h", data[70:72])[0]]
        at, slope, offset = struct.unpack(end + "3f", data[108:120])
        shape = dim[1:4]
        values: NDArray[np.generic] = np.frombuffer(data, end + kind, int(np.prod(shape)), int(at))
    except (struct.error, ValueError, KeyError, OSError, EOFError) as error:
        raise damaged_file(path.name, f"is not a readable NIfTI file ({error})") from error
    values = values.reshape(shape, order="F").astype(kind)
    if slope not in (0.0, 1.0) or offset:
        values = np.asarray(np.asarray(values, np.float64) * slope + offset, np.float32)
    affine = np.eye(4)
    affine[:3] = np.array(struct.unpack(end + "12f", data[280:328])).reshape(3, 4)
    return values, affine


def read_volume(path: Path) -> Volume:
    """The volume of a file with an sform."""
    values, affine = _read(path)
    return Volume.of(values, affine, source=path.name)


def read_labels(path: Path) -> Labels:
    """The labels of a file with an sform."""
    values, affine = _read(path)
    return Labels.of(values.astype(np.uint16), affine, source=path.name)
