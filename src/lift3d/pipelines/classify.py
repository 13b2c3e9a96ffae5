"""A model or a photo in, what kind of thing it is out: the pipeline of `lift3d classify`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.parts.convert import y_up_to_z_up_parts
from lift3d.io.files.read import read_bytes
from lift3d.io.image.photos import PHOTO_SUFFIXES, VIDEO_SUFFIXES
from lift3d.io.mesh.common import MAX_FILE
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS
from lift3d.maps.embedding_to_label import NAME as PLACES
from lift3d.maps.embedding_to_label import EmbeddingToLabel
from lift3d.maps.voxels_to_label import NAME, VoxelsToLabel
from lift3d.types import Embedding, Label, Part, Voxels
from lift3d.weights import find

SURE = 0.5
"""A category with less of the probability than this is a doubt."""
BESIDE, LEAST = 0.5, 1e-6
"""How much the answer of the cells counts if no card says it; the smallest probability in a geometric mean."""


@dataclass(frozen=True, eq=False)
class Classification:
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
) -> Classification:
    """What kind of thing a model file shows, or one photo. weights: of `voxels_to_label` or of `embedding_to_label`; without
    any both of the package's own are asked about a model, and the second about a photo. up: how files stand that do not say
    it, "z" or "y"."""
    context = context if context is not None else Context()
    if up not in ("y", "z"):
        raise InputError(f"--up {up} is no axis", "give y or z")
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name one model or one photo")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{path.name} is a video", "name one model or one photo")
    own = None if weights is None else find(weights).mapping
    if path.suffix.lower() in PHOTO_SUFFIXES:
        if own == NAME:
            label, notes = _of_guess(path, weights, context)
        else:
            label, notes = EmbeddingToLabel(weights)(_seen(path, weights, context), context), list[str]()
    else:
        thing = load_shape(path, up)
        notes = thing.notes
        if own == PLACES:
            label = EmbeddingToLabel(weights)(_place(thing.parts, weights), context)
        else:
            label = VoxelsToLabel(0.5, weights)(thing.voxels, context)
            if own is None:
                label = _both(label, thing, context)
    if label.top(1)[0][1] < SURE:
        notes.append("this is a doubt: no category has half of the probability")
    digest = hashlib.sha256(read_bytes(path, MAX_FILE)).hexdigest()
    said = {name: context.report[name] for name in (NAME, PLACES) if name in context.report}
    return Classification(label, notes, {"file": path.name, "sha256": digest, "weights": said})


def combine_labels(solid: Label, place: Label, weight: float) -> Label:
    """One answer of two: of the categories that both know the probabilities' geometric mean, where the first counts `weight` of
    1, scaled to what the second gives to all of them; of all others what the second says."""
    index = {name: k for k, name in enumerate(solid.names)}
    both = np.array([name in index for name in place.names])
    if not both.any():
        return place
    p = np.maximum(solid.probabilities[[index[name] for name in place.names if name in index]], LEAST)
    q = np.maximum(place.probabilities[both], LEAST)
    mean = p**weight * q ** (1 - weight)
    out = place.probabilities.copy()
    out[both] = mean / mean.sum() * place.probabilities[both].sum()
    return Label(place.names, out / out.sum())


def _of_guess(path: Path, weights: str | None, context: Context) -> tuple[Label, list[str]]:
    """Of the shape that is guessed of a photo, for networks that know shapes alone."""
    from lift3d.io.image.photos import read_photos
    from lift3d.maps.image_to_voxels import ImageToVoxels

    solid = ImageToVoxels()(read_photos([path], context=context), context)
    notes = ["the shape was guessed from one photo, and the answer is of the guess"]
    return VoxelsToLabel(solid.level, weights)(solid.voxels, context), notes


def _seen(path: Path, weights: str | None, context: Context) -> Embedding:
    from lift3d.io.image.photos import read_photos
    from lift3d.maps.image_to_embedding import ImageToEmbedding

    photo = read_photos([path], context=context).images[0]
    return ImageToEmbedding(_space_of(weights))(photo, context)


def _place(parts: list[Part], weights: str | None) -> Embedding:
    from lift3d.inference.embedding import Space

    return Space(_space_of(weights)).of_parts(parts)


def _space_of(weights: str | None) -> str | None:
    """The embedding that a run's labels were learned with; None for the package's own."""
    if weights is None:
        return None
    told = find(weights).config.get("embedding")
    return None if told in (None, "embedding") else str(told)


def _both(label: Label, thing: ModelShape, context: Context) -> Label:
    """The answer of the cells, joined by that of views of the thing, set upright as the cells were."""
    turn = np.array(context.report[NAME]["turn"])
    parts = [replace(part, vertices=part.vertices @ turn.T) for part in thing.parts]
    place = _place(parts, None)
    return combine_labels(
        label, EmbeddingToLabel()(place, context), find(PLACES).number("ensemble_weight", BESIDE, 0, 1)
    )


@dataclass(frozen=True, eq=False)
class ModelShape:
    """A model: its cells as the corpus keeps them, its clean parts, and what had to be said of it."""

    voxels: Voxels
    parts: list[Part]
    notes: list[str]


def load_shape(path: Path, up: str = "z") -> ModelShape:
    """A model as the corpus keeps them (docs/corpus.md)."""
    from lift3d.corpus.batches import MAX_FACES
    from lift3d.geometry.mesh.solidity import is_closed
    from lift3d.geometry.parts.clean import NoShapeError, clean_parts
    from lift3d.geometry.parts.convert import concatenate_parts
    from lift3d.geometry.voxels.canonical_frame import canonical_affine, inside_and_touched
    from lift3d.geometry.voxels.occupancy import FULL, occupancy_levels
    from lift3d.io.mesh.meshes import load_parts

    model = load_parts(path)
    parts = model.parts
    if up == "y" and path.suffix.lower() not in SUFFIXES_WITH_UP_AXIS:
        parts = y_up_to_z_up_parts(parts)
    if sum(len(part.faces) for part in parts) > MAX_FACES:
        raise InputError(f"{path.name} has more than {MAX_FACES} faces", "simplify it first")
    try:
        cleaned = clean_parts(parts)
    except NoShapeError as error:
        why = {
            "no faces": "holds no faces with an area",
            "few faces": "has too few faces to be a thing",
            "flat": "is a flat sheet",
        }
        raise InputError(
            f"{path.name} {why[error.reason]}: there is no shape to name", "name another model"
        ) from error
    notes = [warning.rstrip(".") for warning in model.warnings]
    if cleaned.strays:
        notes.append(f"{cleaned.strays} faces far from all others were left out")
    v, f = concatenate_parts(cleaned.parts)
    if not is_closed(v, f):
        notes.append("its surface is not closed: what is inside was voted by lines through every cell")
    inside, crossed = inside_and_touched(v, f)
    full = occupancy_levels(inside, crossed) > FULL // 2
    return ModelShape(Voxels(full.astype(np.float32), canonical_affine(), "occupancy"), cleaned.parts, notes)
