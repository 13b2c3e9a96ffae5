"""Small medical volumes in files, made by the tests: DICOM series with any fault, NIfTI, NRRD and MetaImage headers."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

FORMATS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "medical" / "formats"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
EXPLICIT = "1.2.840.10008.1.2.1"


def picture(rows: int, columns: int, index: int) -> np.ndarray:
    """(rows, columns) int16 numbers that tell row, column and slice apart."""
    j, i = np.mgrid[:rows, :columns]
    return (100 * index + 10 * j + i).astype(np.int16)


def dicom_slice(
    path: Path,
    position: Sequence[float],
    pixels: np.ndarray,
    *,
    cosines: Sequence[float] = AXIAL,
    spacing: Sequence[float] = (0.8, 0.7),
    syntax: str = EXPLICIT,
    sop_class: str = CT,
    change: Callable[[object], None] | None = None,
    **tags: object,
) -> Path:
    """Write one picture. tags: further attributes by keyword, None to leave one out; change: edits the data set at the end."""
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.SOPClassUID = sop_class
    little = syntax != "1.2.840.10008.1.2.2"
    fixed = {
        "Modality": "CT", "SeriesInstanceUID": "1.2.3", "SeriesNumber": 7, "SeriesDescription": "thorax",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "InstanceNumber": 1, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "Rows": pixels.shape[0], "Columns": pixels.shape[1],
        "BitsAllocated": pixels.dtype.itemsize * 8, "BitsStored": pixels.dtype.itemsize * 8,
        "HighBit": pixels.dtype.itemsize * 8 - 1, "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "ImagePositionPatient": [f"{x:.6f}" for x in position], "ImageOrientationPatient": list(cosines),
        "PixelSpacing": list(spacing), "SliceThickness": 99, "RescaleSlope": 1, "RescaleIntercept": -1000,
    }  # fmt: skip
    for key, value in {**fixed, **tags}.items():
        if value is not None:
            setattr(dataset, key, value)
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<" if little else ">")).tobytes()
    dataset["PixelData"].VR = "OW" if pixels.dtype.itemsize > 1 else "OB"
    if change is not None:
        change(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    implicit = syntax == "1.2.840.10008.1.2"
    pydicom.dcmwrite(path, dataset, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
    return path


def dicom_series(
    folder: Path,
    heights: Sequence[float],
    *,
    rows: int = 5,
    columns: int = 4,
    lean: float = 0.0,
    prefix: str = "",
    **tags: object,
) -> Path:
    """Write axial slices at some heights. lean: shift along y for each millimetre of height (a tilted gantry)."""
    for n, z in enumerate(heights):
        name = f"{prefix}{(n * 7919) % 1000:03d}"  # names say nothing about the order
        dicom_slice(
            folder / name,
            (-10, -20 + lean * z, z),
            picture(rows, columns, n),
            **{"InstanceNumber": n + 1, **tags},
        )
    return folder


def nifti_bytes(
    values: np.ndarray, *, affine: np.ndarray | None = None, order: str = "<", version: int = 1,
    scaling: Sequence[float] = (1, 0), pixdim: Sequence[float] = (1, 1, 1, 1), codes: Sequence[int] = (0, 1),
    quaternion: Sequence[float] = (0, 0, 0, 0, 0, 0), units: int = 2, dims: Sequence[int] | None = None,
) -> bytes:  # fmt: skip
    """A file of NIfTI. codes: of qform and sform; quaternion: b, c, d, x, y, z; dims: sizes where they shall differ."""
    code = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024}[
        values.dtype.str[1:]
    ]
    sizes = list(dims or values.shape)
    dim = [len(sizes), *sizes, *[1] * (7 - len(sizes))]
    rows = (np.eye(4) if affine is None else np.asarray(affine))[:3].ravel()
    pixdim = [*pixdim, *[1] * (8 - len(pixdim))]
    if version == 1:
        data = bytearray(352)
        struct.pack_into(order + "i", data, 0, 348)
        struct.pack_into(order + "8h", data, 40, *dim)
        struct.pack_into(order + "2h", data, 70, code, values.dtype.itemsize * 8)
        struct.pack_into(order + "8f", data, 76, *pixdim)
        struct.pack_into(order + "3f", data, 108, 352, *scaling)
        data[123] = units
        struct.pack_into(order + "2h", data, 252, *codes)
        struct.pack_into(order + "6f", data, 256, *quaternion)
        struct.pack_into(order + "12f", data, 280, *rows)
        data[344:348] = b"n+1\0"
    else:
        data = bytearray(544)
        struct.pack_into(order + "i", data, 0, 540)
        data[4:12] = b"n+2\0\r\n\x1a\n"
        struct.pack_into(order + "2h", data, 12, code, values.dtype.itemsize * 8)
        struct.pack_into(order + "8q", data, 16, *dim)
        struct.pack_into(order + "8d", data, 104, *pixdim)
        struct.pack_into(order + "q", data, 168, 544)
        struct.pack_into(order + "2d", data, 176, *scaling)
        struct.pack_into(order + "2i", data, 344, *codes)
        struct.pack_into(order + "6d", data, 352, *quaternion)
        struct.pack_into(order + "12d", data, 400, *rows)
        struct.pack_into(order + "i", data, 500, units)
    return bytes(data) + values.astype(values.dtype.newbyteorder(order)).tobytes(order="F")
