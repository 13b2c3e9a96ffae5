"""A model or a photo in, what kind of thing it is out: the pipeline of `lift3d classify`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.io.images import PHOTO_SUFFIXES, VIDEO_SUFFIXES, read_bytes
from lift3d.io.parts import MAX_FILE, y_up_to_z_up_parts
from lift3d.maps.voxels_to_label import NAME, VoxelsToLabel
from lift3d.types import Label, Voxels

SURE = 0.5
"""A category with less of the probability than this is a doubt."""
TELLS_UP = (".glb", ".gltf", ".usdz", ".3mf")
"""Formats that say which way is up."""


@dataclass(frozen=True, eq=False)
class Answer:
    """label; notes: sentences on what was done to the model and how sure the answer is; facts: for the report."""

    label: Label
    notes: list[str]
    facts: dict[str, Any] = field(default_factory=dict)

    def to_dict(self, top: int) -> dict[str, Any]:
        """As JSON says it."""
        labels = [{"name": name, "probability": round(p, 6)} for name, p in self.label.top(top)]
        return {"labels": labels, "notes": self.notes, **self.facts}


def classify_file(
    path: Path, weights: str | None = None, up: str = "z", context: Context | None = None
) -> Answer:
    """What kind of thing a model file shows, or one photo. up: how files stand that do not say it, "z" or "y"."""
    context = context if context is not None else Context()
    if up not in ("y", "z"):
        raise InputError(f"--up {up} is no axis", "give y or z")
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name one model or one photo")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{path.name} is a video", "name one model or one photo")
    if path.suffix.lower() in PHOTO_SUFFIXES:
        from lift3d.io.images import read_photos
        from lift3d.maps.image_to_voxels import ImageToVoxels

        solid = ImageToVoxels()(read_photos([path], context=context), context)
        voxels, level = solid.voxels, solid.level
        notes = ["the shape was guessed from one photo, and the answer is of the guess"]
    else:
        (voxels, notes), level = solid_of(path, up), 0.5
    label = VoxelsToLabel(level, weights)(voxels, context)
    if label.top(1)[0][1] < SURE:
        notes.append("this is a doubt: no category has half of the probability")
    digest = hashlib.sha256(read_bytes(path, MAX_FILE)).hexdigest()
    return Answer(label, notes, {"file": path.name, "sha256": digest, "weights": context.report[NAME]})


def solid_of(path: Path, up: str = "z") -> tuple[Voxels, list[str]]:
    """A model's cells as the corpus keeps them (docs/corpus.md), and what had to be said of it."""
    from lift3d.corpus.batches import MOST_FACES
    from lift3d.corpus.clean import clean
    from lift3d.corpus.shape import is_closed, together
    from lift3d.geometry.unit_frame import cells_of, unit_affine
    from lift3d.geometry.view_frame import FULL, levels_of
    from lift3d.io.meshes import load_parts

    model = load_parts(path)
    parts = model.parts
    if up == "y" and path.suffix.lower() not in TELLS_UP:
        parts = y_up_to_z_up_parts(parts)
    if sum(len(part.faces) for part in parts) > MOST_FACES:
        raise InputError(f"{path.name} has more than {MOST_FACES} faces", "simplify it first")
    cleaned = clean(parts)
    if isinstance(cleaned, str):
        why = {
            "no faces": "holds no faces with an area",
            "few faces": "has too few faces to be a thing",
            "flat": "is a flat sheet",
        }
        raise InputError(f"{path.name} {why[cleaned]}: there is no shape to name", "name another model")
    notes = [warning.rstrip(".") for warning in model.warnings]
    if cleaned.strays:
        notes.append(f"{cleaned.strays} faces far from all others were left out")
    v, f = together(cleaned.parts)
    if not is_closed(v, f):
        notes.append("its surface is not closed: what is inside was voted by lines through every cell")
    inside, crossed = cells_of(v, f)
    full = levels_of(inside, crossed) > FULL // 2
    return Voxels(full.astype(np.float32), unit_affine(), "occupancy"), notes
