"""Scores of search results: the similarity of embeddings, centred and mixed by modality."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.inference.embedding import APPEARANCE_DIM, SimilarityWeights
from lift3d.types import F32, Embedding

TEXT_CATEGORY_WEIGHT = 2.0
"""How much it counts for words that a thing is likely of the kind they name, beside the cosine; fixed on validation, as the
sharpness of kinds of words (inference/embedding_classifier.py)."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """A query beside T things. views, solid, kin (T,): cosines of looks with the nearest view and with the solid, and of kinds;
    told: probabilities of kinds of the query (K,) and of the things (T, K), if someone tells them."""

    views: F32
    solid: F32
    category: F32
    probabilities: tuple[F32, F32] | None


def centroid_of(vectors: F32) -> F32:
    """(D,) of the (N, D) of a thing: the mean of its looks and of its kinds, each of unit length."""
    mean = vectors.mean(0)
    out = [
        part / max(float(np.linalg.norm(part)), 1e-9)
        for part in (mean[..., :APPEARANCE_DIM], mean[..., APPEARANCE_DIM:])
    ]
    return np.concatenate(out).astype(np.float32)


def query_vector(query: Embedding, mix: SimilarityWeights) -> F32:
    """(D,) whose product with a thing's centre is about how near they are."""
    views, solid = _sides(query)
    looks = mix.views * views[:, :APPEARANCE_DIM].mean(0) + mix.solid * solid[:, :APPEARANCE_DIM].mean(0)
    return np.concatenate([looks, _kind(query, mix) * query.vectors[:, APPEARANCE_DIM:].mean(0)]).astype(
        np.float32
    )


def similarity_scores(
    query: Embedding,
    vectors: F32,
    owners: np.ndarray,
    mix: SimilarityWeights,
    count: int,
    told: tuple[F32, F32] | None = None,
) -> F32:
    """(count,) how near each thing is, of (M, D) vectors and the thing (M,) that each belongs to; a thing's rows stand
    together, its solid's first. told: probabilities of kinds of the query (K,) and of the things that are there (T, K); how
    likely both are of one kind then counts in place of how alike the kinds' vectors are.

    With a sharp mix: how likely it is this very thing, and how likely it is of its kind, each with its weight. A plain sum of
    cosines lets the kind push the thing itself from the first place before it gathers its like behind it."""
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    out = np.full(count, -np.inf, np.float32)
    out[owners[first]] = combine_similarities(
        compute_similarities(query, vectors, first, told), mix, query.modality == "text"
    )
    return out


def compute_similarities(
    query: Embedding, vectors: F32, first: np.ndarray, told: tuple[F32, F32] | None
) -> Similarities:
    """first (T,): where the rows of each thing begin; the rest as for `nearness`."""
    views, solid = _sides(query)
    seen = np.ones(len(vectors), bool)
    # of a thing without views, the solid stands for them
    seen[first] = np.diff(np.r_[first, len(vectors)]) == 1
    alike = np.where(seen[:, None], vectors[:, :APPEARANCE_DIM] @ views[:, :APPEARANCE_DIM].T, -1)
    by_views = np.maximum.reduceat(alike, first).mean(1)
    by_solid = vectors[first, :APPEARANCE_DIM] @ solid[:, :APPEARANCE_DIM].mean(0)
    kinds = np.add.reduceat(vectors[:, APPEARANCE_DIM:], first)
    kinds /= np.maximum(np.linalg.norm(kinds, axis=1, keepdims=True), 1e-9)
    return Similarities(by_views, by_solid, kinds @ query.vectors[:, APPEARANCE_DIM:].mean(0), told)


def combine_similarities(of: Similarities, mix: SimilarityWeights, words: bool = False) -> F32:
    """(T,); words know nothing of looks: what they say of the kind, beside what they say of this thing, is all that counts."""
    if words:
        return (
            of.category
            if of.probabilities is None
            else np.asarray(of.category + TEXT_CATEGORY_WEIGHT * (of.probabilities[1] @ of.probabilities[0]))
        )
    alike, weight = mix.views * of.views + mix.solid * of.solid, mix.views + mix.solid
    likely = None
    if mix.sharpness > 0 and weight > 0:
        likely = np.exp(mix.sharpness / weight * (alike - alike.max()))
        likely /= likely.sum()
        alike = weight * likely
    if of.probabilities is None:
        return np.asarray(alike + mix.category * of.category)
    kind, kinds = of.probabilities
    if likely is not None and mix.feedback > 0:
        kind = (1 - mix.feedback) * kind + mix.feedback * (likely @ kinds)
    return np.asarray(alike + mix.category * (kinds @ kind))


def _sides(query: Embedding) -> tuple[F32, F32]:
    """The rows that are compared with views, and those with solids."""
    if query.modality == "shape" and len(query.vectors) > 1:
        return query.vectors[1:], query.vectors[:1]
    return query.vectors, query.vectors


def _kind(query: Embedding, mix: SimilarityWeights) -> float:
    """Words know of the kind alone."""
    return 1.0 if query.modality == "text" else mix.category


def rank_texts(query: F32, said: F32) -> np.ndarray:
    """Numbers of the texts (K, D), the nearest to the query (N, D) first: what it is called, without ever having been taught
    these names."""
    kind = query[:, APPEARANCE_DIM:].mean(0)
    return np.argsort(-(said[:, APPEARANCE_DIM:] @ kind), kind="stable")
