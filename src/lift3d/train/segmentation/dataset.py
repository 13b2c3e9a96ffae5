"""Folders of volumes and label maps: images/ and labels/ of equal names, the layout of nnU-Net, and that of the Medical
Segmentation Decathlon."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.errors import InputError
from lift3d.io.files.read import read_bytes
from lift3d.units import format_count

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")
FOLDERS = (("imagesTr", "labelsTr"), ("images", "labels"))
CHANNEL = "_0000"
"""What nnU-Net appends to the name of a case for its first channel."""
IGNORED = "ignore"
LAYOUT = "give a folder with images/ and labels/ of equal file names, or one in the layout of nnU-Net"


@dataclass(frozen=True)
class Case:
    """The files of one case; name: the file name of its label map without the ending."""

    name: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class Dataset:
    """The cases of a folder, by name, and what its dataset.json states: names of labels, the id of voxels that training leaves
    out, and the modality ("" where none is stated)."""

    folder: Path
    cases: tuple[Case, ...]
    names: Mapping[int, str] = field(default_factory=dict)
    ignored: int | None = None
    modality: str = ""


def open_dataset(folder: Path) -> Dataset:
    """The data set in a folder. InputError for a folder without cases, a volume without labels, labels without a volume, several
    channels, and an invalid dataset.json."""
    for images, labels in FOLDERS:
        if (folder / images).is_dir() and (folder / labels).is_dir():
            break
    else:
        raise InputError(f"{folder} contains no volumes with labels", LAYOUT)
    volumes, maps = _files(folder / images), _files(folder / labels)
    if not maps:
        raise InputError(f"{folder / labels} contains no label maps ({', '.join(ENDINGS)})", LAYOUT)
    stated = _read_description(folder / "dataset.json")
    if any(f"{name}_0001" in volumes for name in maps):
        name = next(name for name in maps if f"{name}_0001" in volumes)
        raise InputError(f"{name} has several channels", "training takes volumes of one channel")
    paired = {n: volumes.get(n + CHANNEL, volumes.get(n)) for n in sorted(maps)}
    missing = [name for name, image in paired.items() if image is None]
    if missing:
        raise InputError(
            f"{missing[0]} has labels but no volume in {images}/", "add the file or remove the labels"
        )
    extra = sorted({n.removesuffix(CHANNEL) for n in volumes} - set(maps))
    if extra:
        raise InputError(
            f"{extra[0]} has no labels in {labels}/ ({format_count(len(extra), 'volume')} without labels)",
            "add the label maps, or move the volumes elsewhere",
        )
    cases = tuple(Case(name, image, maps[name]) for name, image in paired.items() if image is not None)
    return Dataset(folder, cases, *stated)


def label_files(folder: Path) -> dict[str, Path]:
    """The label maps of a folder without volumes by name, in it or in its labels/. InputError where there are none."""
    place = next((folder / labels for _, labels in FOLDERS if (folder / labels).is_dir()), folder)
    found = _files(place) if place.is_dir() else {}
    if not found:
        raise InputError(
            f"{folder} contains no label maps ({', '.join(ENDINGS)})", "give a folder of label maps"
        )
    return found


def _files(folder: Path) -> dict[str, Path]:
    """The volumes of a folder by their names without endings."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        ending = next((e for e in ENDINGS if path.name.lower().endswith(e)), None)
        if ending is None or path.name.startswith("."):
            continue
        name = path.name[: -len(ending)]
        if name in found:
            raise InputError(f"{folder} has two files of {name}", "remove one of them")
        found[name] = path
    return found


def _read_description(path: Path) -> tuple[dict[int, str], int | None, str]:
    """(names of labels without the background, the id that is left out, modality) of a dataset.json; empty without the file."""
    if not path.is_file():
        return {}, None, ""
    try:
        stated: Any = json.loads(read_bytes(path))
        pairs = dict(stated.get("labels", {})).items()
        names: dict[int, str] = {}
        for key, value in pairs:
            if isinstance(value, list):
                raise InputError(
                    f"{path} joins several labels to a region ({key})",
                    "training takes labels that exclude each other",
                )
            number, name = (int(key), str(value)) if str(key).isdigit() else (int(value), str(key))
            names[number] = name
        channels = stated.get("channel_names", stated.get("modality", {}))
        first = str(next(iter(dict(channels).values()), "")).lower()
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a description of a data set ({error})", "remove or correct it"
        ) from error
    names.pop(0, None)
    ignored = next((n for n, name in names.items() if name.lower() == IGNORED), None)
    if ignored is not None:
        del names[ignored]
    return names, ignored, "ct" if first == "ct" else "mr" if first else ""


def parse_names(text: str) -> dict[int, str]:
    """Names of labels from "1=anterior,2=posterior". InputError for another form."""
    names = {}
    for part in text.split(","):
        number, equal, name = part.partition("=")
        if not equal or not number.strip().isdigit() or int(number) == 0 or not name.strip():
            raise InputError(
                f"'{part[:40]}' is not a name of a label", "give names as in 1=anterior,2=posterior"
            )
        names[int(number)] = name.strip()
    return names


def split(names: list[str], fold: int, folds: int, seed: int) -> tuple[list[str], list[str]]:
    """(names of the training, of the validation) cases: sorted names are permuted once by the seed, and every `folds`-th one is
    held back. fold -1: all cases are trained on and validated on. InputError for a fold that does not exist and for too few
    cases."""
    order = sorted(names)
    if fold == -1:
        return order, order
    if not 2 <= folds <= len(order):
        raise InputError(
            f"{format_count(len(order), 'case')} cannot be split into {folds} folds",
            "give more cases, or fold=-1 to train on all of them without validation",
        )
    if not 0 <= fold < folds:
        raise InputError(f"there is no fold {fold}", f"give 0 to {folds - 1}, or -1 for all cases")
    permuted = [order[i] for i in np.random.default_rng([seed, len(order)]).permutation(len(order))]
    held = set(permuted[fold::folds])
    return [n for n in order if n not in held], sorted(held)
