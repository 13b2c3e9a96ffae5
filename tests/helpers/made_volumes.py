"""Small volumes with labels, written as NIfTI: two ellipsoids of different brightness on a noisy background."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODES = {"uint8": 2, "int16": 4, "float32": 16}


def nifti_bytes(values: NDArray[np.generic], affine: NDArray[np.float64]) -> bytes:
    """A NIfTI-1 file of a volume (I, J, K) with its affine as sform."""
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, *values.shape, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, CODES[values.dtype.name], values.dtype.itemsize * 8)
    struct.pack_into("<8f", head, 76, 1, *np.linalg.norm(affine[:3, :3], axis=0), 1, 1, 1, 1)
    struct.pack_into("<3f", head, 108, 352, 1, 0)
    head[123] = 10  # millimetres, seconds
    struct.pack_into("<2h", head, 252, 0, 1)
    struct.pack_into("<12f", head, 280, *affine[:3].ravel())
    head[344:348] = b"n+1\0"
    return bytes(head) + values.tobytes(order="F")


def ellipsoids(
    rng: np.random.Generator, shape: tuple[int, int, int] = (20, 24, 18), ids: tuple[int, int] = (1, 2)
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """(values, labels): one label in front of the other, at a random place near the centre."""
    axes = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    centre = np.array(shape) / 2 + rng.uniform(-1.5, 1.5, 3)
    values, labels = rng.normal(100, 8, shape), np.zeros(shape, np.uint8)
    for number, offset, bright in zip(ids, (4.5, -4.5), (80, -60)):
        scaled = (axes - centre - [0, offset, 0]) / ([4, 4, 3.5] + rng.uniform(-0.4, 0.4, 3))
        inside = (scaled**2).sum(-1) < 1
        labels[inside], values[inside] = number, values[inside] + bright
    return values.astype(np.int16), labels


def write_dataset(folder: Path, count: int, ids: tuple[int, int] = (1, 2), seed: int = 0) -> Path:
    """A folder of images/ and labels/ with cases case_00, case_01, ..."""
    affine = np.eye(4)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for k in range(count):
        values, labels = ellipsoids(np.random.default_rng([seed, k]), ids=ids)
        for name, array in (("images", values), ("labels", labels)):
            data = gzip.compress(nifti_bytes(array, affine), 1)
            (folder / name / f"case_{k:02d}.nii.gz").write_bytes(data)
    return folder
