"""Volumes and labels from files, for the pipelines of this package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lift3d.errors import InputError
from lift3d.pipelines.arguments import Message, PathLike, or_ignore
from lift3d.types import Labels, Volume

if TYPE_CHECKING:
    from lift3d.io.volume.dicom.series import Series

VolumeSource = PathLike | Volume
MOST_LABELS = 256
"""Different whole numbers up to which a volume may be a label map."""
_MILLILITRES = {"ml": 1.0, "cm3": 1.0, "cc": 1.0, "mm3": 1e-3, "ul": 1e-3, "l": 1e3}


def load_volume(
    source: PathLike, *, series: str | None = None, time: int | None = None, close_gap: bool = False,
    spacing: str | Sequence[float] | None = None, message: Message | None = None,
) -> Volume:  # fmt: skip
    """The values of a CT, an MR or another volume, with the affine to patient millimetres (RAS+).

    source: a DICOM folder, file or ZIP, or a .nii, .nii.gz, .nrrd, .nhdr, .mha or .mhd file. series: which of several, by number
    or UID; time: which of several pictures at one place, from 0; close_gap: interpolate slices that are missing;
    spacing: of a voxel along its three axes in millimetres, or "0.5,0.5,1", for a file that states none. message: called
    with a sentence for each decision and for what was left out. InputError for a source that cannot be read unambiguously."""
    from lift3d.io.volume.reading import read_volume

    return read_volume(
        Path(source), series=series, time=time, close_gap=close_gap, spacing=_spacing(spacing),
        notes=or_ignore(message),
    )  # fmt: skip


def _spacing(text: str | Sequence[float] | None) -> tuple[float, float, float] | None:
    """Three lengths in millimetres. InputError for anything else."""
    if text is None:
        return None
    parts = text.split(",") if isinstance(text, str) else list(text)
    try:
        x, y, z = (float(part) for part in parts)
    except ValueError as error:
        raise InputError(
            f"the spacing {text} is not three numbers", "write millimetres such as 0.5,0.5,1"
        ) from error
    if not all(1e-4 < one < 1e4 for one in (x, y, z)):
        raise InputError(f"the spacing {text} is not possible", "write millimetres such as 0.5,0.5,1")
    return x, y, z


def list_series(source: PathLike) -> list[Series]:
    """The series of slices that a DICOM folder, file or ZIP holds, the largest first; the name of one is a value of `series` of
    `load_volume`. InputError for another format."""
    from lift3d.io.volume.reading import list_series as found

    return found(Path(source))


def load_labels(source: PathLike, message: Message | None = None) -> Labels:
    """The labels in a file, with their names where it has them. InputError for values that are no labels, and for none."""
    from lift3d.io.volume.label_maps import read_labels

    return _require_some(read_labels(Path(source), or_ignore(message)))


def labels_of(volume: Volume) -> Labels:
    """The labels of a volume of whole numbers. InputError for values that are no labels, and for none."""
    from lift3d.io.volume.label_maps import to_ids

    try:
        ids = to_ids(volume)
    except InputError as error:
        raise InputError(
            error.cause, "give --threshold, or a file of labels: whole numbers from 0"
        ) from error
    return _require_some(Labels.of(ids, volume.affine, source=volume.source))


def _require_some(labels: Labels) -> Labels:
    if not labels.present:
        raise InputError(
            f"{labels.source or 'the volume'} holds no label: all values are 0", "give another file"
        )
    return labels


def looks_like_labels(volume: Volume) -> bool:
    """Whether the values may be labels: a few whole numbers from 0."""
    values = volume.values
    if volume.unit is not None or not np.issubdtype(values.dtype, np.integer) or int(values.min()) != 0:
        return False
    high = int(values.max())
    if high > 65535 or high == 0:
        return False
    return int((np.bincount(values.reshape(-1).astype(np.int64)) > 0).sum()) <= MOST_LABELS // 4


def parse_millilitres(text: str | float) -> float:
    """Millilitres of "2ml", "500mm3" or a number. InputError for anything else."""
    if not isinstance(text, str):
        return float(text)
    match = re.fullmatch(r"\s*([0-9]+(?:[.,][0-9]+)?)\s*([a-z0-9]+)\s*", text.lower())
    if not match or match[2] not in _MILLILITRES:
        raise InputError(f"'{text[:40]}' is not a volume", "write a number with its unit, such as 2ml")
    return float(match[1].replace(",", ".")) * _MILLILITRES[match[2]]
