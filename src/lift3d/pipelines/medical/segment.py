"""A CT or MR volume to its structures by a network: the pipeline of `lift3d segment`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.errors import InputError
from lift3d.io.files.staging import staging_folder
from lift3d.pipelines.arguments import Message, PathLike, or_ignore, or_silent
from lift3d.pipelines.medical.report import VolumeModels
from lift3d.pipelines.medical.source import VolumeSource, load_volume
from lift3d.pipelines.medical.volume import models_of_labels
from lift3d.pipelines.medical.writing import FRAMES, write_folder
from lift3d.types import Labels, Volume
from lift3d.weights import find, list_models

if TYPE_CHECKING:
    from lift3d.context import Progress

PREFIX = "segmentation_"
"""Of the names of packaged weights; the rest is the task."""
LABELS, UNCERTAINTY = "labels.nii.gz", "uncertainty.nii.gz"
UNSURE = 0.8
"""Expected Dice below which a structure is reported as uncertain."""


@dataclass(frozen=True, eq=False)
class SegmentedVolume:
    """labels: on the grid of the volume. uncertainty: of each voxel, 0 to 1. models: a closed model of each structure, with its
    certainty: the expected Dice."""

    labels: Labels
    uncertainty: Volume
    models: VolumeModels

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return self.models.to_dict()


def segmentation_tasks() -> list[str]:
    """Names of the tasks for which the package has weights."""
    return [cfg.name.removeprefix(PREFIX) for cfg in list_models() if cfg.name.startswith(PREFIX)]


def segment(
    source: VolumeSource, output: PathLike | None = None, *, task: str | None = None, weights: PathLike | None = None,
    mirror: bool = True, force: bool = False, series: str | None = None, time: int | None = None,
    close_gap: bool = False, spacing: str | Sequence[float] | None = None, frame: str = "lps",
    progress: Progress | None = None, message: Message | None = None,
) -> SegmentedVolume:  # fmt: skip
    """Find the structures of a volume by a network. Not a medical device.

    source: a volume, or a file or folder as of `load_volume`, which explains series, time, close_gap and spacing. output: a
    folder to write: labels.nii.gz and uncertainty.nii.gz on the grid of the volume, a closed model NAME.stl of each structure,
    labels.csv, report.json and preview.png. task: "hippocampus" or another for which the package has weights (`lift3d models`);
    weights: a run's folder or a weights file of your own, in its place. mirror: average over mirrored volumes where the task
    allows it. force: go on where the volume does not look like those that the network has learned from. frame: "lps" or "ras", of
    the models.

    InputError for an unknown task, a source that cannot be read, or one that does not look like those of the task."""
    if frame not in FRAMES:
        raise InputError(f"there is no frame called {frame}", "give lps or ras")
    chosen = _weights(task, weights)
    target = None if output is None else Path(output)
    if target is not None and (target.is_file() or (target.is_dir() and any(target.iterdir()))):
        raise InputError(
            f"{target} is {'a file' if target.is_file() else 'not empty'}", "name a new folder with -o"
        )
    step, notes = or_silent(progress), list[str]()

    def note(sentence: str) -> None:
        notes.append(sentence)
        or_ignore(message)(sentence)

    step("reading", 0.0)
    volume = source
    if not isinstance(volume, Volume):
        volume = load_volume(
            volume, series=series, time=time, close_gap=close_gap, spacing=spacing, message=note
        )
    from lift3d.inference.segmentation.plausibility import doubts
    from lift3d.inference.segmentation.segmenter import load_segmenter

    segmenter = load_segmenter(chosen)
    step("segmenting", 0.1)
    found = segmenter.segment(volume, mirror, not force, lambda f: step("segmenting", 0.1 + 0.6 * f))
    for sentence in doubts(found, segmenter.plan):
        note(sentence)
    if not found.labels.present:
        raise InputError(
            f"nothing was found in {volume.source or 'the volume'}",
            "check that it shows what the task is for",
        )
    certainty = {one.id: one.expected_dice for one in found.certainty}
    for one in found.certainty:
        if one.millilitres and one.expected_dice < UNSURE:
            note(f"{one.name} is uncertain (expected Dice {one.expected_dice:.2f}): look at the preview")
    models = models_of_labels(found.labels, frame, note, lambda f: step("surface", 0.7 + 0.2 * f))
    structures = tuple(replace(one, certainty=certainty[one.number]) for one in models.structures)
    details = {"task": task, "weights": find(chosen).name, "labels": LABELS, "uncertainty": UNCERTAINTY}
    models = replace(models, structures=structures, source=volume.source, notes=tuple(notes), details=details)
    if target is not None:
        step("writing", 0.9)
        from lift3d.io.volume.nifti_writer import write_nifti

        with staging_folder(target) as folder:
            models = write_folder(models, folder, "mm", (volume, found.labels))
            write_nifti(found.labels, folder / LABELS)
            write_nifti(found.uncertainty, folder / UNCERTAINTY)
    step("writing", 1.0)
    return SegmentedVolume(found.labels, found.uncertainty, models)


def _weights(task: str | None, weights: PathLike | None) -> str:
    """The name or path of the weights. InputError for neither, both, or an unknown task."""
    known = ", ".join(segmentation_tasks()) or "none in this package"
    if (task is None) == (weights is None):
        raise InputError("give either a task or weights", f"--task with one of: {known}; or --weights RUN")
    if weights is not None:
        return str(weights)
    name = PREFIX + str(task).replace("-", "_")
    if str(task) not in segmentation_tasks():
        raise InputError(f"there is no task called {task}", f"choose one of: {known}")
    return name
