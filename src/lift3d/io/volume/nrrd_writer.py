"""`write_nrrd`: volumes and label maps as one NRRD file in LPS millimetres, as 3D Slicer reads them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.io.files.atomic import writing
from lift3d.io.volume.nifti_writer import LEVEL, stored_values, write_slices
from lift3d.types.volumes import Labels, Volume

TYPES = {"u1": "uint8", "u2": "uint16", "i2": "int16", "f4": "float"}
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_nrrd(volume: Volume | Labels, path: Path) -> None:
    """Write a volume or label map to .nrrd, gzipped without a date. Names of labels are written as segments of 3D Slicer.

    Raises InputError for another ending and for label ids above 65535."""
    path = Path(path)
    if path.suffix.lower() != ".nrrd":
        raise InputError(f"{path.name} does not end in .nrrd", "name the file so")
    stored = stored_values(volume)
    affine = LPS @ volume.affine + 0.0
    vectors = [f"({','.join(repr(float(x)) for x in affine[:3, i])})" for i in range(4)]
    lines = [
        "NRRD0004",
        "# written by lift3d; not a medical device",
        f"type: {TYPES[f'{stored.dtype.kind}{stored.dtype.itemsize}']}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(str(n) for n in volume.shape)}",
        f"space directions: {' '.join(vectors[:3])}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        'space units: "mm" "mm" "mm"',
        f"space origin: {vectors[3]}",
    ]
    if isinstance(volume, Labels):
        for i, (number, text) in enumerate(sorted(volume.names.items())):
            clean = " ".join(text.split())
            lines += [
                f"Segment{i}_ID:=Segment_{number}",
                f"Segment{i}_LabelValue:={number}",
                f"Segment{i}_Layer:=0",
                f"Segment{i}_Name:={clean}",
            ]
    with writing(path) as part, open(part, "wb") as file:
        file.write(("\n".join(lines) + "\n\n").encode())
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            write_slices(packed, stored)
