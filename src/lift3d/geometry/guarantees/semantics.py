"""Guarantees about embeddings, labels, latent codes and search results."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from lift3d.errors import InputError
from lift3d.mapping import Guarantee, Mapping
from lift3d.types import Embedding, Label, Latent, Mesh, Neighbours, Voxels

AnyMapping = Mapping[Any, Any]


def _one_vector(mapping: AnyMapping, source: Any, result: Embedding) -> str | None:
    if len(result.vectors) != 1:
        return f"{len(result.vectors)} vectors instead of one"
    return _unit_vectors(mapping, source, result)


def _unit_vectors(mapping: AnyMapping, source: Any, result: Embedding) -> str | None:
    """Vectors are stored as two halves of unit length or as one vector of unit length."""
    length = np.linalg.norm(result.vectors.astype(np.float64), axis=1)
    return (
        None
        if np.ptp(length) < 1e-3 and length.min() > 0.5
        else f"lengths from {length.min()} to {length.max()}"
    )


def _moved(mesh: Mesh) -> Mesh:
    """The mesh in twice its size, elsewhere."""
    out = mesh.copy()
    out.vertices = np.asarray(mesh.vertices) * 2.0 + [4.0, -2.0, 8.0]
    return out


def _embedding_ignores_size(mapping: AnyMapping, source: Mesh, result: Embedding) -> str | None:
    other = mapping(_moved(source)).vectors.astype(np.float64)
    own = result.vectors.astype(np.float64)
    cosine = (own * other).sum(1) / np.linalg.norm(own, axis=1) / np.linalg.norm(other, axis=1)
    return None if cosine.min() > 0.99 else f"cosine {cosine.min():.3f} after scaling and moving"


def _refuses_other_space(mapping: AnyMapping, source: Embedding, result: Any) -> str | None:
    try:
        mapping(dataclasses.replace(source, space="another space"))
    except InputError:
        return None
    return "an embedding of another space is accepted"


def _distribution(mapping: AnyMapping, source: Any, result: Label) -> str | None:
    total = float(result.probabilities.sum())
    return (
        None if abs(total - 1) < 1e-6 and result.probabilities.min() >= 0 else f"probabilities sum to {total}"
    )


def _descending(mapping: AnyMapping, source: Any, result: Neighbours) -> str | None:
    scores = [item.score for item in result.items]
    return None if scores == sorted(scores, reverse=True) else f"scores {scores} do not descend"


def _label_ignores_size(mapping: AnyMapping, source: Voxels, result: Label) -> str | None:
    other = mapping(_moved_voxels(source))
    return (
        None if np.array_equal(other.probabilities, result.probabilities) else "size or position changes it"
    )


def _moved_voxels(source: Voxels) -> Voxels:
    """The voxels in twice their size, elsewhere."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0]) @ source.affine
    affine[:3, 3] += [4.0, -2.0, 8.0]
    return dataclasses.replace(source, affine=affine)


def _latent_ignores_size(mapping: AnyMapping, source: Voxels, result: Latent) -> str | None:
    other = mapping(_moved_voxels(source))
    far = float(np.abs(other.values - result.values).max())
    return (
        None
        if far < 1e-3 * max(1.0, float(np.abs(result.values).max()))
        else f"the code differs by {far:.2g}"
    )


def _other_index_other_code(mapping: AnyMapping, source: Label, result: Latent) -> str | None:
    other = dataclasses.replace(mapping, index=mapping.index + 1)(source)  # type: ignore[type-var, attr-defined]
    return "the next index gives the same code" if np.array_equal(other.values, result.values) else None


ONE_VECTOR = Guarantee("one_vector", "one vector of the embedding space", _one_vector)
EQUAL_LENGTHS = Guarantee("equal_lengths", "all vectors have the same length", _unit_vectors)
EMBEDDING_IGNORES_SIZE = Guarantee(
    "ignores_size", "size and position do not matter, the upright axis does", _embedding_ignores_size
)
REFUSES_OTHER_SPACE = Guarantee(
    "refuses_other_space", "embeddings that other weights computed are refused", _refuses_other_space
)
DISTRIBUTION = Guarantee("distribution", "probabilities sum to 1", _distribution)
DESCENDING = Guarantee("descending", "results in descending order of similarity", _descending)
LABEL_IGNORES_SIZE = Guarantee(
    "ignores_size", "the same for every size and position of the shape", _label_ignores_size
)
LATENT_IGNORES_SIZE = Guarantee(
    "ignores_size", "the code is independent of position and size", _latent_ignores_size
)
OTHER_INDEX_OTHER_CODE = Guarantee("other_index", "another index gives another code", _other_index_other_code)
