"""A CT or MR volume, or its labels, to closed models: the pipeline of `lift3d volume`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh

from lift3d.errors import InputError
from lift3d.io.mesh.meshes import FORMATS
from lift3d.pipelines.arguments import Message, PathLike, or_ignore, or_silent
from lift3d.pipelines.medical.report import Structure, VolumeModels
from lift3d.pipelines.medical.source import (
    VolumeSource,
    labels_of,
    load_labels,
    load_volume,
    looks_like_labels,
    parse_millilitres,
)
from lift3d.pipelines.medical.writing import FRAMES, require_closed, write_models
from lift3d.types import HOUNSFIELD, Labels, Volume
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.context import Progress
    from lift3d.geometry.volume.surfaces import OrganSurface
    from lift3d.geometry.volume.thresholds import Threshold


def volume_to_meshes(
    source: VolumeSource | Labels, output: PathLike | None = None, *, threshold: str | float | None = None,
    each: bool = False, labels: Iterable[str | int] = (), largest: bool = False, min_part: str | float = 0.0,
    fill_cavities: bool = False, hounsfield: bool = False, series: str | None = None, time: int | None = None,
    close_gap: bool = False, spacing: str | Sequence[float] | None = None, frame: str = "lps", unit: str = "mm",
    progress: Progress | None = None, message: Message | None = None,
) -> VolumeModels:  # fmt: skip
    """Closed models of what a volume shows, in the patient's frame. Not a medical device.

    source: a volume, labels, or a file or folder as of `load_volume`. output: a model file (.stl .3mf .glb .obj .ply), of
    several labels a folder with one .stl each, or a model with all; beside it the preview NAME.png, the table NAME.csv and the
    report NAME.report.json. threshold: the name of a range of Hounsfield units ("bone"), a value, or "LOW..HIGH"; each: the
    source holds labels, and all are wanted; labels: only these, by number or name. largest: only the largest part; min_part:
    millilitres, or "2ml", below which parts are left out; fill_cavities: closed cavities become solid. hounsfield: the values are
    Hounsfield units, in a format that does not state it. series, time, close_gap, spacing: as of `load_volume`. frame: "lps" or
    "ras", of the coordinates; unit: "mm" or "m", of the numbers in STL, OBJ and PLY.

    Returns the models in metres with their volumes. InputError for a source that cannot be read unambiguously, no or an unknown
    threshold, labels that are not present, and a range in which there is nothing or everything."""
    if frame not in FRAMES:
        raise InputError(f"there is no frame called {frame}", "give lps or ras")
    if unit not in ("mm", "m"):
        raise InputError(f"the unit {unit} is not known", "give mm or m")
    step, notes = or_silent(progress), list[str]()
    target = None if output is None else _target(Path(output), each)

    def note(sentence: str) -> None:
        notes.append(sentence)
        or_ignore(message)(sentence)

    step("reading", 0.0)
    if isinstance(source, Labels | Volume):
        given: Labels | Volume = source
    else:
        given = load_volume(
            source, series=series, time=time, close_gap=close_gap, spacing=spacing, message=note
        )
    if hounsfield and isinstance(given, Volume):
        given = replace(given, unit=HOUNSFIELD)
    wanted, ml = tuple(labels), parse_millilitres(min_part)
    many = isinstance(given, Labels) or each or bool(wanted)
    if not many and threshold is None and isinstance(given, Volume) and looks_like_labels(given):
        many = True
        note(
            f"the values are a few whole numbers from 0 to {int(given.values.max())}: they are taken as labels"
        )
    if many and threshold is not None:
        raise InputError("labels have no threshold", "leave out --threshold, or --each and --label")
    made: dict[tuple[int, str], OrganSurface]
    details: dict[str, Any] = {}
    if many:
        held = given if isinstance(given, Labels) else labels_of(given)
        if not isinstance(source, Labels | Volume) and Path(source).is_file():
            held = replace(held, names=load_labels(source).names)
        made = _of_labels(held, wanted, largest, ml, fill_cavities, lambda f: step("surface", 0.1 + 0.7 * f))
        shown: tuple[Volume | None, Labels | None] = (None, held)
    else:
        assert isinstance(given, Volume)
        chosen = _threshold(given, threshold)
        chosen = replace(
            chosen, largest=chosen.largest or largest, fill_cavities=chosen.fill_cavities or fill_cavities
        )
        made = _of_threshold(
            given, chosen, _name(threshold, chosen), ml, lambda f: step("surface", 0.1 + 0.7 * f)
        )
        details["threshold"] = {"low": chosen.low, "high": None if np.isinf(chosen.high) else chosen.high}
        values = np.asarray(given.values)
        inside = np.greater_equal(values, chosen.low) & np.less_equal(values, chosen.high)
        shown = (given, Labels.of(inside.view(np.uint8), given.affine))
    turn = FRAMES[frame]
    structures = tuple(_structure(number, name, one, turn) for (number, name), one in made.items())
    _say_what_was_cut(structures, made, note)
    found = VolumeModels(structures, frame.upper(), given, given.source, tuple(notes), details)
    if target is None:
        for one in structures:
            require_closed(one)
        return found
    step("writing", 0.8)
    found = write_models(found, target, unit, shown)
    step("writing", 1.0)
    return found


def _target(output: Path, each: bool) -> Path:
    """The output, checked before the work starts."""
    ending = output.suffix.lower()
    if ending and ending not in FORMATS:
        raise InputError(
            f"{output.name} cannot be written", f"use one of {', '.join(FORMATS)}, or name a folder"
        )
    if not ending and output.is_dir() and any(output.iterdir()):
        raise InputError(f"{output} is not empty", "name a new folder with -o")
    if not ending and output.is_file():
        raise InputError(f"{output} is a file", "name a folder with -o")
    return output


def _threshold(volume: Volume, text: str | float | None) -> Threshold:
    """The range of values that a text names. InputError for none, with Otsu's threshold as a suggestion."""
    from lift3d.geometry.volume.thresholds import NAMED, Threshold, named_threshold, otsu_threshold

    if text is None:
        low, high = float(volume.values.min()), float(volume.values.max())
        if not low < high:
            raise InputError(
                f"all values of {volume.source or 'the volume'} are {low:g}", "give another file"
            )
        what = "--threshold bone, or " if volume.unit else ""
        raise InputError(
            f"no threshold is given; the values are {low:g} to {high:g}",
            f"give {what}a number: --threshold {otsu_threshold(volume):.4g} best separates dark and bright",
        )
    if isinstance(text, int | float):
        return Threshold(float(text))
    number = r"\s*(-?[0-9]+(?:\.[0-9]+)?)\s*"
    if match := re.fullmatch(number, text):
        return Threshold(float(match[1]))
    if match := re.fullmatch(number + r"\.\." + number, text):
        return Threshold(float(match[1]), float(match[2]))
    name = text.strip().lower()
    if name in NAMED and volume.unit is None:
        raise InputError(
            f"{name} is a range of Hounsfield units, and this file does not state the unit of its values",
            f"give --hounsfield if it is a CT, or a number; Otsu's threshold is {otsu_threshold(volume):.4g}",
        )
    return named_threshold(name, volume)


def _name(text: str | float | None, chosen: Threshold) -> str:
    """What the model shows: the name of the threshold, or its range."""
    if isinstance(text, str) and text.strip()[:1].isalpha():
        return text.strip().lower()
    return f"above {chosen.low:g}" if np.isinf(chosen.high) else f"{chosen.low:g} to {chosen.high:g}"


def _of_threshold(
    volume: Volume, chosen: Threshold, name: str, min_part: float, progress: Callable[[float], None]
) -> dict[tuple[int, str], OrganSurface]:
    from lift3d.geometry.volume.surfaces import threshold_to_surface

    return {(1, name): threshold_to_surface(volume, chosen, min_part=min_part, progress=progress)}


def _of_labels(
    labels: Labels, wanted: tuple[str | int, ...], largest: bool, min_part: float, fill: bool,
    progress: Callable[[float], None],
) -> dict[tuple[int, str], OrganSurface]:  # fmt: skip
    from lift3d.geometry.volume.surfaces import labels_to_surfaces

    ids = [_number(labels, one) for one in wanted] or None
    made = labels_to_surfaces(
        labels, ids, largest=largest, min_part=min_part, fill_cavities=fill, progress=progress
    )
    return {(number, labels.name(number)): one for number, one in made.items()}


def _number(labels: Labels, wanted: str | int) -> int:
    """The id of a label by number or name. InputError for one that is not present."""
    text = str(wanted).strip()
    found = (
        int(text) if text.isdecimal() else next((n for n, name in labels.names.items() if name == text), None)
    )
    if found is None or found not in labels.present:
        known = ", ".join(labels.name(n) if n in labels.names else str(n) for n in labels.present[:30])
        raise InputError(f"there is no label {text[:40]}", f"give one of {known}")
    return found


def _structure(number: int, name: str, surface: OrganSurface, turn: np.ndarray) -> Structure:
    """The structure with its mesh in metres in a frame, given by the rotation from RAS+."""
    v = np.asarray(surface.mesh.vertices) @ turn.T / 1000.0
    mesh = set_unit(trimesh.Trimesh(v, surface.mesh.faces, process=False, validate=False), "m")
    return Structure(
        number, name, mesh, surface.volume_ml, surface.voxel_ml, surface.area_mm2, surface.dropped_ml
    )


def models_of_labels(
    labels: Labels, frame: str, note: Callable[[str], None], progress: Callable[[float], None]
) -> VolumeModels:
    """The closed models of all labels, in metres in a frame."""
    made = _of_labels(labels, (), False, 0.0, False, progress)
    structures = tuple(_structure(number, name, one, FRAMES[frame]) for (number, name), one in made.items())
    _say_what_was_cut(structures, made, note)
    return VolumeModels(structures, frame.upper(), labels, labels.source)


def _say_what_was_cut(
    structures: tuple[Structure, ...], made: dict[tuple[int, str], OrganSurface], note: Callable[[str], None]
) -> None:
    for one, surface in zip(structures, made.values()):
        if surface.cut:
            note(f"{one.name} reaches the border of the volume, where a flat wall closes it")
        if one.dropped_ml:
            note(f"{one.name}: left out {len(one.dropped_ml)} parts of {sum(one.dropped_ml):.3g} ml in all")
