"""The fingerprint of a data set (Isensee et al. 2021, nnU-Net, Nature Methods 18): what planning needs to know of its cases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_spacing, to_canonical
from lift3d.inference.segmentation.preprocessing import normalise
from lift3d.nets.segmentation.plan import Intensity
from lift3d.train.segmentation.cases import UNLABELLED, class_indices, load_case
from lift3d.train.segmentation.dataset import Dataset
from lift3d.types.volumes import Labels, Volume

SAMPLES = 10_000
"""Labelled voxels of each case whose values enter the percentiles."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """shapes (N, 3) voxels and spacings (N, 3) millimetres in canonical axes; ids and names of the labels that occur; modality;
    intensity: see `Intensity`; contrast: mean normalised value of each class; voxels: labelled voxels of each id."""

    shapes: NDArray[np.int64]
    spacings: NDArray[np.float64]
    ids: tuple[int, ...]
    names: tuple[str, ...]
    modality: str
    intensity: Intensity
    contrast: tuple[float, ...]
    voxels: tuple[int, ...]


def take_fingerprint(
    dataset: Dataset, modality: str, progress: Callable[[str, float], None]
) -> tuple[Fingerprint, list[tuple[Volume, Labels]]]:
    """The fingerprint, and the cases that were read for it, in the order of the data set. modality: "ct", "mr" or "" for what the
    data set states, else "mr"."""
    chosen = modality or dataset.modality or "mr"
    read = []
    for k, case in enumerate(dataset.cases):
        progress("reading cases", k / len(dataset.cases))
        read.append(load_case(case))
    occur = {number for _, labels in read for number in labels.present}
    ids = tuple(sorted(set(dataset.names) or occur - {dataset.ignored}))
    if not ids or not occur - {dataset.ignored}:
        raise InputError(f"no label map of {dataset.folder} has a label", "check the files in labels/")
    names = tuple(dataset.names.get(number, f"label {number}") for number in ids)
    measured = [_measure(v, y, ids, dataset, k, chosen) for k, (v, y) in enumerate(read)]
    foreground = np.concatenate([m[0] for m in measured])
    if chosen == "ct":
        low, high = np.percentile(foreground, (0.5, 99.5))
        inside = np.clip(foreground, low, high)
        intensity = Intensity(float(low), float(high), float(inside.mean()), max(float(inside.std()), 1e-6))
    else:
        ends = np.mean([m[1] for m in measured], 0)
        intensity = Intensity(float(ends[0]), float(ends[1]), 0.0, 1.0)
    contrast = np.nanmean([m[2] for m in measured], 0)
    if chosen == "ct":
        contrast = (contrast - intensity.mean) / intensity.deviation
    spacings = np.array([canonical_spacing(v) for v, _ in read])
    shapes = np.array([to_canonical(v.values, v).shape for v, _ in read])
    voxels = np.sum([m[3] for m in measured], 0)
    found = Fingerprint(
        shapes, spacings, ids, names, chosen, intensity, tuple(np.nan_to_num(contrast).tolist()), tuple(voxels.tolist())
    )  # fmt: skip
    return found, read


def _measure(
    volume: Volume, labels: Labels, ids: tuple[int, ...], dataset: Dataset, k: int, modality: str
) -> tuple[NDArray[np.float32], tuple[float, float], NDArray[np.float64], NDArray[np.int64]]:
    """(sampled values of labelled voxels, least and largest normalised value, mean value of each class with nan for classes that
    do not occur, voxels of each label) of case k. InputError, with the case's name, where all values are equal."""
    classes = class_indices(labels, ids, dataset.ignored, dataset.cases[k].name)
    values = np.asarray(volume.values, np.float32)
    inside = values[(classes > 0) & (classes != UNLABELLED)]
    if len(inside) > SAMPLES:
        inside = inside[np.random.default_rng([17, k]).choice(len(inside), SAMPLES, replace=False)]
    try:
        shown = values if modality == "ct" else normalise(values, "mr", None)
    except InputError as error:
        raise InputError(f"{dataset.cases[k].name}: {error.cause}", error.advice) from error
    count = np.bincount(classes.ravel(), minlength=256)[: len(ids) + 1]
    sums = np.bincount(classes.ravel(), weights=shown.ravel(), minlength=256)[: len(ids) + 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / count
    return inside, (float(shown.min()), float(shown.max())), means, count[1:]
