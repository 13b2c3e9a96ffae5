"""Scores of search results: the similarities of a query's embedding to those of models, and their combination."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.inference.embedding import APPEARANCE_DIM, SimilarityWeights
from lift3d.types import F32, Embedding

TEXT_CATEGORY_WEIGHT = 2.0
"""Weight of the probability that a model has the category of a text query, relative to the cosine. The weight and the
sharpness of text categories (inference/embedding_classifier.py) were chosen on the validation split."""

WORDS_WEIGHT = 4.0
"""Weight of the nearness of a text query to a model (search_index/word_match.py), chosen on queries for validation."""


@dataclass(frozen=True, eq=False)
class Similarities:
    """A query compared with N models. views, solid, category (N,): cosines of appearance with the nearest view and with
    the solid, and of category vectors; probabilities: of K categories for the query (K,) and for the models (N, K), or
    None without a classifier of the embedding space."""

    views: F32
    solid: F32
    category: F32
    probabilities: tuple[F32, F32] | None


def query_vector(query: Embedding, weights: SimilarityWeights) -> F32:
    """(D,) vector whose dot product with a model's centroid approximates the model's score."""
    views, solid = _sides(query)
    looks = weights.views * views[:, :APPEARANCE_DIM].mean(0) + weights.solid * solid[
        :, :APPEARANCE_DIM
    ].mean(0)
    return np.concatenate(
        [looks, _category_weight(query, weights) * query.vectors[:, APPEARANCE_DIM:].mean(0)]
    ).astype(np.float32)


def similarity_scores(
    query: Embedding,
    vectors: F32,
    owners: np.ndarray,
    weights: SimilarityWeights,
    count: int,
    probabilities: tuple[F32, F32] | None = None,
) -> F32:
    """(count,) score of each model; -inf for a model without vectors.

    vectors (M, D); owners (M,): the model of each vector; a model's vectors are contiguous, the vector of its solid first.
    probabilities: as in `Similarities`; the probability of a common category then replaces the cosine of category vectors.

    With sharpness, the score is the weighted sum of two probabilities: that the model is the query's own shape, and that it has
    the query's category. A plain sum of cosines would rank the query's own shape below others of its category."""
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    out = np.full(count, -np.inf, np.float32)
    out[owners[first]] = combine_similarities(
        compute_similarities(query, vectors, first, probabilities), weights, query.modality == "text"
    )
    return out


def compute_similarities(
    query: Embedding, vectors: F32, first: np.ndarray, probabilities: tuple[F32, F32] | None
) -> Similarities:
    """Similarities of a query with models. first (N,): index of the first vector of each model; the rest as in
    `similarity_scores`."""
    views, solid = _sides(query)
    seen = np.ones(len(vectors), bool)
    # the solid's vector replaces the views of a model that has no views
    seen[first] = np.diff(np.r_[first, len(vectors)]) == 1
    alike = np.where(seen[:, None], vectors[:, :APPEARANCE_DIM] @ views[:, :APPEARANCE_DIM].T, -1)
    by_views = np.maximum.reduceat(alike, first).mean(1)
    by_solid = vectors[first, :APPEARANCE_DIM] @ solid[:, :APPEARANCE_DIM].mean(0)
    categories = np.add.reduceat(vectors[:, APPEARANCE_DIM:], first)
    categories /= np.maximum(np.linalg.norm(categories, axis=1, keepdims=True), 1e-9)
    return Similarities(
        by_views, by_solid, categories @ query.vectors[:, APPEARANCE_DIM:].mean(0), probabilities
    )


def combine_similarities(of: Similarities, weights: SimilarityWeights, words: bool = False) -> F32:
    """(N,) scores from the similarities. words: whether the query is text, which has a category but no appearance."""
    if words:
        return (
            of.category
            if of.probabilities is None
            else np.asarray(of.category + TEXT_CATEGORY_WEIGHT * (of.probabilities[1] @ of.probabilities[0]))
        )
    alike, weight = weights.views * of.views + weights.solid * of.solid, weights.views + weights.solid
    likely = None
    if weights.sharpness > 0 and weight > 0:
        likely = np.exp(weights.sharpness / weight * (alike - alike.max()))
        likely /= likely.sum()
        alike = weight * likely
    if of.probabilities is None:
        return np.asarray(alike + weights.category * of.category)
    category, categories = of.probabilities
    if likely is not None and weights.feedback > 0:
        category = (1 - weights.feedback) * category + weights.feedback * (likely @ categories)
    return np.asarray(alike + weights.category * (categories @ category))


def _sides(query: Embedding) -> tuple[F32, F32]:
    """The query's vectors that are compared with views, and those that are compared with solids."""
    if query.modality == "shape" and len(query.vectors) > 1:
        return query.vectors[1:], query.vectors[:1]
    return query.vectors, query.vectors


def _category_weight(query: Embedding, weights: SimilarityWeights) -> float:
    """The weight of the category; 1 for text, which has no other term."""
    return 1.0 if query.modality == "text" else weights.category


def rank_texts(query: F32, texts: F32) -> np.ndarray:
    """Zero-shot classification: indices of texts (K, D) by similarity to a query (N, D), most similar first."""
    category = query[:, APPEARANCE_DIM:].mean(0)
    return np.argsort(-(texts[:, APPEARANCE_DIM:] @ category), kind="stable")
