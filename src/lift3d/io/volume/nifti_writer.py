"""`write_nifti`: volumes and label maps as NIfTI-1, the same bytes for the same input."""

from __future__ import annotations

import gzip
import html
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.io.files.atomic import writing
from lift3d.io.volume.nifti_header import V1, choose_affine, parse
from lift3d.types.arrays import F64
from lift3d.types.volumes import Labels, Volume

OFFSET = 352
LEVEL = 6
CODES = {"u1": 2, "i2": 4, "f4": 16, "u2": 512}
LABEL_INTENT = 1002
MAX_SIZE = 32_767
DESCRIPTION = b"lift3d; not a medical device"

CARET, LEAST_EXTENSION = 30, 208
"""Code of an extension of Caret and Workbench, and its least size: the header with it is longer than that of NIfTI-2."""


def stored_values(volume: Volume | Labels) -> NDArray[np.generic]:
    """The array that is written, little endian: uint8 or uint16 for labels, int16 for whole values that fit, else float32.

    Raises InputError where label ids are above 65535."""
    if isinstance(volume, Labels):
        high = int(volume.ids.max())
        if high > 65_535:
            raise InputError(f"labels go up to {high}, above 65535", "renumber them")
        return volume.ids.astype("<u1" if high < 256 else "<u2", copy=False)
    values = volume.values
    info = np.iinfo(np.int16)
    if values.dtype.kind in "iu" and info.min <= int(values.min()) and int(values.max()) <= info.max:
        return values.astype("<i2", copy=False)
    return values.astype("<f4", copy=False)


def write_nifti(volume: Volume | Labels, path: Path) -> None:
    """Write a volume or label map to .nii, or .nii.gz (without a date, so that the bytes depend on the contents alone).

    The affine is stored as sform, and as qform too where it has no shear. Raises InputError for other endings and for volumes
    that the format does not hold."""
    path = Path(path)
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise InputError(f"{path.name} does not end in .nii or .nii.gz", "name the file so")
    if max(volume.shape) > MAX_SIZE:
        raise InputError(
            f"{max(volume.shape)} slices are more than NIfTI-1 holds ({MAX_SIZE})", "write NRRD instead"
        )
    stored = stored_values(volume)
    header = _header(volume, stored.dtype)
    with writing(path) as part, open(part, "wb") as file:
        if name.endswith(".gz"):
            with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
                packed.write(header)
                write_slices(packed, stored)
        else:
            file.write(header)
            write_slices(file, stored)


def write_slices(file: BinaryIO | gzip.GzipFile, stored: NDArray[np.generic]) -> None:
    """The values (I, J, K), the index i running fastest, a slice at a time."""
    for k in range(stored.shape[2]):
        file.write(stored[..., k].tobytes(order="F"))


def _extension(names: Mapping[int, str]) -> bytes:
    """The header extension with a table of labels, as Connectome Workbench writes it; empty without names."""
    if not names:
        return b""
    rows = "".join(
        f'<Label Key="{number}">{html.escape(name)}</Label>' for number, name in sorted(names.items())
    )
    text = f"<CaretExtension><VolumeInformation><LabelTable>{rows}</LabelTable></VolumeInformation></CaretExtension>"
    data = text.encode("utf-8")
    size = max(LEAST_EXTENSION, -(-(len(data) + 8) // 16) * 16)
    return struct.pack("<2i", size, CARET) + data.ljust(size - 8, b"\0")


def _header(volume: Volume | Labels, dtype: np.dtype[np.generic]) -> bytes:
    """The bytes before the values: 352 and, of labels with names, an extension."""
    code = CODES[f"{dtype.kind}{dtype.itemsize}"]
    spacing, affine = volume.spacing, volume.affine
    header = bytearray(OFFSET)
    struct.pack_into("<i", header, 0, V1)
    struct.pack_into("<8h", header, 40, 3, *volume.shape, 1, 1, 1, 1)
    intent = LABEL_INTENT if isinstance(volume, Labels) else 0
    struct.pack_into("<4h", header, 68, intent, code, dtype.itemsize * 8, 0)
    handed = -1.0 if volume.is_mirrored else 1.0
    struct.pack_into("<8f", header, 76, handed, *spacing, 1, 1, 1, 1)
    extension = _extension(volume.names) if isinstance(volume, Labels) else b""
    header[348] = 1 if extension else 0
    struct.pack_into("<3f", header, 108, OFFSET + len(extension), 1, 0)
    header[123] = 2  # millimetres
    header[148 : 148 + len(DESCRIPTION)] = DESCRIPTION
    header[344:348] = b"n+1\0"
    struct.pack_into("<12f", header, 280, *affine[:3].ravel())
    quaternion = _quaternion(affine, spacing, handed)
    struct.pack_into("<2h", header, 252, 0 if quaternion is None else 1, 1)
    if quaternion is not None:
        struct.pack_into("<6f", header, 256, *quaternion, *affine[:3, 3])
    parsed = parse(bytes(header), "volume")
    choose_affine(parsed, "volume", lambda _: None)  # refuses what could not be read again
    return bytes(header) + extension


def _quaternion(affine: F64, spacing: F64, handed: float) -> F64 | None:
    """(3,) b, c, d of the rotation of an affine, or None where it has a shear."""
    turn = affine[:3, :3] / spacing * [1, 1, handed]
    if np.abs(turn.T @ turn - np.eye(3)).max() > 1e-6:
        return None
    # the eigenvector of the largest eigenvalue of Bar-Itzhack's matrix: exact for rotations of any angle
    k = np.array([
        [turn[0, 0] - turn[1, 1] - turn[2, 2], 0, 0, 0],
        [turn[1, 0] + turn[0, 1], turn[1, 1] - turn[0, 0] - turn[2, 2], 0, 0],
        [turn[2, 0] + turn[0, 2], turn[2, 1] + turn[1, 2], turn[2, 2] - turn[0, 0] - turn[1, 1], 0],
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1], np.trace(turn)],
    ])  # fmt: skip
    _, vectors = np.linalg.eigh(k, "L")
    b, c, d, a = vectors[:, 3]
    return np.array([b, c, d]) * (1.0 if a >= 0 else -1.0)
