"""`read_labels`: a label map from a volume of whole numbers, with the names of its labels where the file has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.io.volume import nifti, nrrd
from lift3d.io.volume.reading import detect, read_volume
from lift3d.types.volumes import Labels, Volume

MAX_ID = 65_535


def read_labels(source: Path, notes: Callable[[str], None]) -> Labels:
    """The label map of a file (NIfTI, NRRD, MetaImage, DICOM): ids (I, J, K) uint8 or uint16, 0 for none.

    Decimal types are accepted where all values are whole. Raises InputError for other values and for lossy pictures."""
    source = Path(source)
    heard: list[str] = []
    volume = read_volume(source, notes=heard.append)
    for note in heard:
        if "with loss" in note:
            raise InputError(
                f"{volume.source} was compressed with loss, so its values are not labels",
                "save it as NIfTI or NRRD",
            )
        notes(note)
    labels = Labels.of(to_ids(volume), volume.affine, _names(source), volume.source)
    unknown = set(labels.names) - set(labels.present)
    if labels.names and unknown == set(labels.names):
        notes(f"the names in {volume.source} belong to other numbers than its labels")
    return labels


def to_ids(volume: Volume) -> np.ndarray[tuple[int, ...], np.dtype[np.unsignedinteger]]:
    """The values of a volume as label numbers. Raises InputError where they are not whole, negative, or too large."""
    values, name = volume.values, volume.source
    if values.dtype.kind == "f":
        for k in range(values.shape[2]):
            broken = values[..., k] != np.rint(values[..., k])
            if broken.any():
                example = float(values[..., k][broken][0])
                raise InputError(
                    f"{name} holds decimal values such as {example:.4g}, not labels",
                    "give a label map of whole numbers, resampled by nearest neighbour",
                )
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > MAX_ID:
        raise InputError(
            f"{name} holds values from {low:g} to {high:g}, not labels of 0 to {MAX_ID}",
            "give a label map, not a scan",
        )
    return values.astype(np.uint8 if high < 256 else np.uint16)


def _names(source: Path) -> dict[int, str]:
    """Names of label numbers that the file itself states."""
    if not source.is_file():
        return {}
    with open(source, "rb") as file:
        kind = detect(source, file.read(4096))
    if kind == "NIfTI":
        return nifti.label_names(source)
    return nrrd.label_names(source) if kind == "NRRD" else {}
