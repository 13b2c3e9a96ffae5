"""MetaImage volumes: one file (.mha), or a header with the values in a file beside it (.mhd); raw, zlib, gzip or text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.data_bytes import MAX_HEADER, beside, open_file, read_numbers, read_values
from lift3d.io.volume.limits import MAX_VOXELS, check_size, printable, size_text, volume_of
from lift3d.io.volume.nifti import choose_time
from lift3d.io.volume.nrrd_header import LENGTHS
from lift3d.io.volume.scaling import scaled
from lift3d.types.arrays import F64
from lift3d.types.volumes import Volume

TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
KEYS = ("ObjectType", "NDims", "Comment", "DimSize", "BinaryData")
MAX_LINES = 2000
YES = ("true", "1", "t", "yes")


def is_metaimage(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a header of MetaImage."""
    first, _, _ = head.partition(b"=")
    return first.strip().decode("latin-1") in KEYS and b"=" in head


def read(
    path: Path, *, time: int | None, spacing: Sequence[float] | None, notes: Callable[[str], None]
) -> Volume:
    """The volume of a file; see `reading.read_volume`. Raises InputError."""
    name = printable(path.name)
    with open_file(path) as file:
        fields = read_fields(file, name)
        sizes = _sizes(fields, name)
        if len(sizes) < 3:
            raise InputError(f"{name} has {len(sizes)} dimensions, not three", "give a volume of slices")
        check_size(sizes[:3], name)
        if len(sizes) > 4 or math.prod(sizes) > 64 * MAX_VOXELS:
            raise InputError(
                f"{name} has {len(sizes)} dimensions ({size_text(sizes)})",
                "give a volume of three dimensions",
            )
        affine = _affine(fields, len(sizes), spacing, name, notes)
        index = choose_time(sizes[3] if len(sizes) == 4 else 1, time, name, notes)
        stated = fields["ElementDataFile"]
        if stated.upper() in ("LOCAL", "LOCAL_ZLIB"):
            stored = _values(file, fields, sizes, name)
        elif stated.upper().startswith("LIST") or "%" in stated:
            raise InputError(f"{name} states its values in several files", "save it as one .mha file")
        else:
            with open_file(beside(path, stated)) as data:
                stored = _values(data, fields, sizes, name)
    volume = stored[..., index] if stored.ndim == 4 else stored
    return volume_of(scaled(volume, 1.0, 0.0, name), affine, None, name)


def read_fields(file: BinaryIO, name: str) -> dict[str, str]:
    """The fields of a header, up to ElementDataFile, with the file left behind it. Raises InputError."""
    fields: dict[str, str] = {}
    for _ in range(MAX_LINES):
        raw = file.readline(MAX_HEADER // 16)
        if not raw:
            raise damaged_file(name, "is cut short: its header has no ElementDataFile")
        key, equals, value = raw.decode("utf-8", "replace").partition("=")
        if not raw.strip():
            continue
        if not equals or not key.strip().isascii() or not key.strip().isprintable():
            raise damaged_file(
                name, f"has a header line that is no text of MetaImage ({printable(key.strip(), 40)!r})"
            )
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return fields
    raise damaged_file(name, "has a header without an end")


def _sizes(fields: dict[str, str], name: str) -> list[int]:
    """The sizes of all axes, without trailing ones beyond the third."""
    words = fields.get("DimSize", "").split()
    sizes = [int(w) if w.isascii() and w.isdigit() and len(w) < 16 else 0 for w in words]
    if fields.get("NDims", "") != str(len(sizes)) or not sizes or min(sizes) < 1 or len(sizes) > 10:
        raise damaged_file(
            name,
            f"states sizes {printable(fields.get('DimSize', ''), 40)!r} of {printable(fields.get('NDims', ''), 10)!r} dimensions",
        )
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    return sizes


def _affine(
    fields: dict[str, str],
    count: int,
    spacing: Sequence[float] | None,
    name: str,
    notes: Callable[[str], None],
) -> F64:
    """The affine (4, 4) to RAS mm of a header in LPS. Raises InputError where it states no spacing."""
    dims = int(fields["NDims"])
    unit = LENGTHS.get(fields.get("DistanceUnits", "mm").strip('"').lower())
    if unit is None:
        raise InputError(
            f"{name} states {printable(fields['DistanceUnits'], 30)!r} as unit of length", "write it in mm"
        )
    stated = _numbers(fields, ("ElementSpacing", "ElementSize"), dims, name)
    if stated is None:
        if spacing is None:
            raise InputError(
                f"{name} states no spacing",
                "give its voxel size in millimetres, for example --spacing 0.5,0.5,0.5",
            )
        lengths = np.array(spacing, np.float64)
    elif spacing is not None:
        raise InputError(f"{name} states its own spacing", "leave out --spacing")
    else:
        lengths = stated[:3] * unit
        if lengths.min() <= 0:
            raise InputError(
                f"{name} states a spacing of {' x '.join(f'{s:g}' for s in stated[:3])}", "export it again"
            )
    matrix = _numbers(fields, ("TransformMatrix", "Orientation", "Rotation"), dims * dims, name)
    if matrix is None:
        notes(f"{name} states no directions: its axes are taken as LPS, so left and right may be exchanged")
        matrix = np.eye(dims).ravel()
    origin = _numbers(fields, ("Offset", "Position", "Origin"), dims, name)
    if origin is None:
        notes(f"{name} states no origin: 0, 0, 0 is used")
        origin = np.zeros(dims)
    axes = matrix.reshape(dims, dims)
    if count == 4 and (abs(axes[3, :3]).max() > 0 or abs(axes[:3, 3]).max() > 0):
        raise InputError(f"{name} turns its fourth axis into space", "give a volume of three dimensions")
    affine = np.eye(4)
    affine[:3, :3] = axes[:3, :3].T * lengths
    affine[:3, 3] = origin[:3] * unit
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    return np.asarray(affine)


def _numbers(fields: dict[str, str], names: Sequence[str], count: int, name: str) -> F64 | None:
    """(count,) finite numbers of the first of some fields that is there, or None. Raises InputError."""
    field = next((n for n in names if n in fields), None)
    if field is None:
        return None
    try:
        numbers = np.array([float(word) for word in fields[field].split()])
    except ValueError:
        numbers = np.array([math.nan])
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise damaged_file(name, f"states {field} as {printable(fields[field], 40)!r}, not {count} numbers")
    return numbers


def _values(file: BinaryIO, fields: dict[str, str], sizes: Sequence[int], name: str) -> NDArray[np.generic]:
    """The stored numbers, in the shape of `sizes`."""
    code = TYPES.get(fields.get("ElementType", "").upper())
    channels = fields.get("ElementNumberOfChannels", "1")
    if code is None or channels != "1":
        what = (
            f"{printable(channels, 10)} channels"
            if code
            else f"values of type {printable(fields.get('ElementType', ''), 30)!r}"
        )
        raise InputError(f"{name} has {what}, which are not read", "give one number for each voxel")
    msb = fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")).lower()
    dtype = np.dtype((">" if msb in YES else "<") + code)
    skip_text = fields.get("HeaderSize", "0")
    if not skip_text.lstrip("-").isdigit() or len(skip_text) > 15 or int(skip_text) < -1:
        raise damaged_file(name, f"states a HeaderSize of {printable(skip_text, 20)!r}")
    skip, count = int(skip_text), math.prod(sizes)
    if fields.get("BinaryData", "True").lower() not in YES:
        return read_numbers(file, count, skip, name).astype(dtype.newbyteorder("=")).reshape(sizes, order="F")
    codec = "zlib" if fields.get("CompressedData", "False").lower() in YES else "raw"
    data = read_values(file, codec, skip, count * dtype.itemsize, name)
    return data.view(dtype).reshape(sizes, order="F")
