"""Reading of a case: the volume, its labels, and the check that both lie on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import corner_distance
from lift3d.inference.segmentation.preprocessing import check_finite
from lift3d.io.volume.label_maps import read_labels
from lift3d.io.volume.reading import read_volume
from lift3d.train.segmentation.dataset import Case
from lift3d.types.volumes import Grid, Labels, Volume

TOLERANCE = 0.1
"""Largest distance of the corners of a volume and its labels, in voxels: files round their affines."""
UNLABELLED = 255
"""Class of voxels that training leaves out."""


def _discard(note: str) -> None:
    """Drops what readers say of each file: which form of the affine was used matters to the check of both grids alone."""


def load_case(case: Case) -> tuple[Volume, Labels]:
    """The volume and the labels of a case. InputError, with the case's name, where their grids differ, where the volume has
    values that are not finite, and for an unreadable file."""
    volume = read_volume(case.image, notes=_discard)
    labels = read_label_map(case.labels)
    check_match(case.name, volume, labels)
    check_finite(volume)
    return volume, labels


def read_label_map(path: Path) -> Labels:
    """The labels of a file. InputError for an unreadable file."""
    return read_labels(path, _discard)


def check_match(name: str, volume: Grid, labels: Grid) -> None:
    """InputError where the shapes differ, or corners lie more than TOLERANCE voxels apart."""
    if volume.shape != labels.shape:
        a, b = (" x ".join(map(str, grid.shape)) for grid in (volume, labels))
        raise InputError(
            f"the labels of {name} have {b} voxels, its volume has {a}", "resample the labels onto the volume"
        )
    apart = corner_distance(volume, labels)
    if apart > TOLERANCE * float(volume.spacing.min()):
        raise InputError(
            f"the labels of {name} lie {apart:.3g} mm from its volume",
            "resample the labels onto the volume, or copy its affine if they were made from it",
        )


def class_indices(labels: Labels, ids: Sequence[int], ignored: int | None, name: str) -> NDArray[np.uint8]:
    """Indices of classes (I, J, K): k + 1 for the label ids[k], 0 for the background, UNLABELLED for the ignored id. InputError,
    with the case's name, for a label that is none of these."""
    unknown = sorted(set(labels.present) - set(ids) - {ignored})
    if unknown:
        raise InputError(
            f"{name} has the label {unknown[0]}, which the data set does not state",
            "add it to the labels in dataset.json, or remove it from the label map",
        )
    table = np.zeros(int(max([*ids, *labels.present, ignored or 0])) + 1, np.uint8)
    table[list(ids)] = np.arange(1, len(ids) + 1)
    if ignored is not None:
        table[ignored] = UNLABELLED
    return np.asarray(table[labels.ids], np.uint8)
