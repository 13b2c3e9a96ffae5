"""The category of the object that a model or a photo shows: the pipeline of `lift3d classify`.

photo -> image_to_embedding -> embedding_to_label
model -> voxels_to_label, combined with views -> embedding_to_label; both in the pose that is upright by voxels and views
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from lift3d.context import Context, Progress
from lift3d.errors import InputError
from lift3d.io.files.read import read_bytes
from lift3d.io.image.photos import PHOTO_SUFFIXES, VIDEO_SUFFIXES
from lift3d.io.mesh.common import MAX_FILE
from lift3d.maps.embedding_to_label import NAME as EMBEDDING_TO_LABEL
from lift3d.maps.embedding_to_label import EmbeddingToLabel
from lift3d.maps.voxels_to_label import NAME as VOXELS_TO_LABEL
from lift3d.maps.voxels_to_label import VoxelsToLabel, label_voxels
from lift3d.pipelines.arguments import (
    ModelSource,
    PhotoSource,
    load_model_parts,
    load_photo,
    name_of,
    or_silent,
    require_axis,
)
from lift3d.types import Embedding, Label, Part, Voxels
from lift3d.weights import find

MIN_CONFIDENCE = 0.5
"""A label with a smaller largest probability is noted as uncertain."""
ENSEMBLE_WEIGHT, MIN_PROBABILITY = 0.5, 1e-6
"""Weight of the voxels' label in the ensemble where no card has one; the smallest probability in a geometric mean."""


@dataclass(frozen=True, eq=False)
class Classification:
    """label: categories with their probabilities; notes: sentences on what was done to the model and how certain the label is;
    facts: file, checksum and weights, for a report."""

    label: Label
    notes: list[str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The most probable category."""
        return self.label.name

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` most probable categories with their probabilities, most probable first."""
        return self.label.top(count)

    def to_dict(self, top: int) -> dict[str, Any]:
        """The `top` most probable categories, the notes and the facts as JSON values."""
        labels = [{"name": name, "probability": round(p, 6)} for name, p in self.label.top(top)]
        return {"labels": labels, "notes": self.notes, **self.facts}


def classify(
    model_or_photo: ModelSource | PhotoSource,
    *,
    weights: str | None = None,
    up: str = "z",
    progress: Progress | None = None,
) -> Classification:
    """Classify the object of a model or of a photo.

    model_or_photo: the path of a model or photo, a mesh, an array (H, W, 3) uint8 or a Pillow image. weights: of
    `voxels_to_label` or of `embedding_to_label`, a run's folder or a weights file; if None, the package's own: both for a model,
    the second for a photo. up: "z" or "y", the upright axis of a model whose format does not state it.

    Raises InputError for a file that is neither, or a model without a shape.
    """
    require_axis(up)
    context = Context(progress=or_silent(progress))
    mapping = None if weights is None else find(weights).mapping
    if is_photo(model_or_photo):
        label, notes = _classify_photo(model_or_photo, weights, mapping, context)
    else:
        assert isinstance(model_or_photo, str | os.PathLike | trimesh.Trimesh)
        label, notes = _classify_model(model_or_photo, weights, mapping, up, context)
    if label.top(1)[0][1] < MIN_CONFIDENCE:
        notes.append("the label is uncertain: no category has half of the probability")
    facts: dict[str, Any] = {"file": None, "sha256": None}
    if isinstance(model_or_photo, str | os.PathLike):
        data = read_bytes(Path(model_or_photo).expanduser(), MAX_FILE)
        facts = {"file": Path(model_or_photo).name, "sha256": hashlib.sha256(data).hexdigest()}
    used = {p.mapping: {"weights": p.weights, "sha256": p.sha256} for p in label.provenance}
    return Classification(label, notes, {**facts, "weights": used})


def is_photo(source: object) -> bool:
    """Whether an argument is a photo: by the ending of a path, else by its type. Raises InputError for a folder or a video."""
    if not isinstance(source, str | os.PathLike):
        return not isinstance(source, trimesh.Trimesh)
    path = Path(source).expanduser()
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name one model or one photo")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise InputError(f"{path.name} is a video", "name one model or one photo")
    return path.suffix.lower() in PHOTO_SUFFIXES


def combine_labels(voxels: Label, views: Label, weight: float) -> Label:
    """The ensemble of two labels: for categories that both know the geometric mean p^weight q^(1 - weight), scaled to the
    probability that `views` gives to all of them; for all others the probability of `views`."""
    index = {name: k for k, name in enumerate(voxels.names)}
    both = np.array([name in index for name in views.names])
    provenance = (*voxels.provenance, *views.provenance)
    if not both.any():
        return replace(views, provenance=provenance)
    p = np.maximum(
        voxels.probabilities[[index[name] for name in views.names if name in index]], MIN_PROBABILITY
    )
    q = np.maximum(views.probabilities[both], MIN_PROBABILITY)
    mean = p**weight * q ** (1 - weight)
    out = views.probabilities.copy()
    out[both] = mean / mean.sum() * views.probabilities[both].sum()
    return Label(views.names, out / out.sum(), voxels.rotation, provenance)


def _classify_photo(
    photo: Any, weights: str | None, mapping: str | None, context: Context
) -> tuple[Label, list[str]]:
    """The label of a photo: by its embedding, or by its predicted shape if the weights classify shapes only."""
    from lift3d.maps.image_to_embedding import ImageToEmbedding

    image = load_photo(photo, context)
    warnings = list(image.warnings)
    if mapping != VOXELS_TO_LABEL:
        embedding = ImageToEmbedding(_embedding_weights(weights))(image, context)
        return EmbeddingToLabel(weights)(embedding, context), warnings
    from lift3d.maps.image_to_voxels import ImageToVoxels
    from lift3d.types import Photos

    solid = ImageToVoxels()(Photos((image,)), context)
    notes = [*warnings, "the shape was predicted from one photo, and the label is that of the prediction"]
    return VoxelsToLabel(weights)(solid.voxels, context), notes


def _classify_model(
    model: ModelSource, weights: str | None, mapping: str | None, up: str, context: Context
) -> tuple[Label, list[str]]:
    shape = load_shape(model, up)
    if mapping == EMBEDDING_TO_LABEL:
        embedding = _embed_parts(shape.parts, weights)
        return EmbeddingToLabel(weights)(embedding, context), shape.notes
    if mapping is None:
        return _ensemble(shape, context), shape.notes
    return VoxelsToLabel(weights)(shape.voxels, context), shape.notes


def _embed_parts(parts: list[Part], weights: str | None) -> Embedding:
    from lift3d.inference.embedding import EmbeddingNetwork

    return EmbeddingNetwork(_embedding_weights(weights)).embed_parts(parts)


def _embedding_weights(weights: str | None) -> str | None:
    """Weights of the embedding with which labels, by default those of the package, were trained; None for the default."""
    from lift3d.inference.embedding_classifier import embedding_of

    return embedding_of(find(weights or EMBEDDING_TO_LABEL))


def _ensemble(shape: ModelShape, context: Context) -> Label:
    """The label of the voxels combined with that of views of the model, both in the pose that voxels and views find upright."""
    from lift3d.inference.embedding import EmbeddingNetwork
    from lift3d.inference.upright import judge_rotations, pose_weights

    card, judge = find(EMBEDDING_TO_LABEL), None
    weights = pose_weights(card)
    if weights is not None:
        network = EmbeddingNetwork(_embedding_weights(None))
        judge = partial(judge_rotations, shape.parts, network=network, weights=weights)
    label = label_voxels(shape.voxels, None, context, judge)
    rotation = label.rotation
    assert rotation is not None
    parts = [replace(part, vertices=part.vertices @ rotation.T) for part in shape.parts]
    views = EmbeddingToLabel()(_embed_parts(parts, None), context)
    return combine_labels(label, views, card.number("ensemble_weight", ENSEMBLE_WEIGHT, 0, 1))


@dataclass(frozen=True, eq=False)
class ModelShape:
    """A model as the corpus stores shapes (docs/corpus.md): voxels in its unit frame, cleaned parts, and notes on what was
    cleaned."""

    voxels: Voxels
    parts: list[Part]
    notes: list[str]


def load_shape(model: ModelSource, up: str = "z") -> ModelShape:
    """A model as the corpus stores shapes. Raises InputError for one that has no shape or too many faces."""
    from lift3d.corpus.batches import MAX_FACES
    from lift3d.geometry.mesh.solidity import is_closed
    from lift3d.geometry.parts.clean import NoShapeError, clean_parts
    from lift3d.geometry.parts.convert import concatenate_parts
    from lift3d.geometry.voxels.canonical_frame import canonical_affine, inside_and_touched
    from lift3d.geometry.voxels.occupancy import FULL, occupancy_levels

    name = name_of(model, "the mesh")
    loaded = load_model_parts(model, up)
    if sum(len(part.faces) for part in loaded.parts) > MAX_FACES:
        raise InputError(f"{name} has more than {MAX_FACES} faces", "simplify it first")
    try:
        cleaned = clean_parts(loaded.parts)
    except NoShapeError as error:
        why = {
            "no faces": "holds no faces with an area",
            "few faces": "has too few faces to be an object",
            "flat": "is a flat sheet",
        }
        raise InputError(
            f"{name} {why[error.reason]}: there is no shape to classify", "name another model"
        ) from error
    notes = [warning.rstrip(".") for warning in loaded.warnings]
    if cleaned.strays:
        notes.append(f"{cleaned.strays} faces far from all others were left out")
    vertices, faces = concatenate_parts(cleaned.parts)
    if not is_closed(vertices, faces):
        notes.append("its surface is not closed: inside and outside were decided by rays through every voxel")
    inside, crossed = inside_and_touched(vertices, faces)
    full = occupancy_levels(inside, crossed) > FULL // 2
    return ModelShape(Voxels(full.astype(np.float32), canonical_affine(), "occupancy"), cleaned.parts, notes)
