"""Similarity scores of queries against a gallery, retrieval metrics, and the choice of similarity weights on the validation
split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lift3d.evaluate.cases.embedding import RetrievalSet
from lift3d.evaluate.scores.bootstrap import Columns
from lift3d.inference.embedding import SimilarityWeights
from lift3d.inference.embedding_classifier import find_classifier
from lift3d.search_index.ranking import Similarities, combine_similarities, compute_similarities
from lift3d.taxonomy.categories import UNKNOWN
from lift3d.types import F32, Embedding

SOLID_WEIGHTS = (0.0, 0.25, 0.5)
CATEGORY_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0)
SHARPNESS = (0.0, 20.0, 40.0, 80.0)
FEEDBACK = (0.0, 0.5, 0.75)
"""Candidates of the weights, relative to a weight of 1 for the views, and of the other parameters."""
SELF_RECALL = 0.99
"""Required recall at 1 for queries that are models of the gallery."""


def compare_queries(retrieval: RetrievalSet, queries: Sequence[Embedding]) -> list[Similarities]:
    """The similarities of each query to all models."""
    vectors = np.concatenate(retrieval.models)
    sizes = [len(m) for m in retrieval.models]
    first = np.r_[0, np.cumsum(sizes)[:-1]]
    classifier = find_classifier(retrieval.space)
    if classifier is None:
        return [compute_similarities(q, vectors, first, None) for q in queries]
    known = classifier.classify_all(vectors, np.repeat(np.arange(len(sizes)), sizes))
    return [compute_similarities(q, vectors, first, (classifier.classify(q), known)) for q in queries]


def score_pairs(pairs: Sequence[Similarities], weights: SimilarityWeights, text: bool = False) -> F32:
    """(Q, N) scores from the similarities of Q queries. text: whether the queries are texts."""
    return np.stack([combine_similarities(pair, weights, text) for pair in pairs]).astype(np.float32)


def score_queries(retrieval: RetrievalSet, weights: SimilarityWeights, queries: Sequence[Embedding]) -> F32:
    """(Q, N) scores of N models for Q queries of one modality."""
    text = bool(queries) and queries[0].modality == "text"
    return score_pairs(compare_queries(retrieval, queries), weights, text)


def exclude_self(scores: F32) -> F32:
    """Set the diagonal of the scores (N, N) to -inf, in place; returns the scores."""
    np.fill_diagonal(scores, -np.inf)
    return scores


def hide_appearance(similarities: Similarities, index: int) -> Similarities:
    """The similarities of a query with the lowest appearance for model `index`, so that the model has no weight in the
    softmax."""
    views, solid = similarities.views.copy(), similarities.solid.copy()
    views[index] = solid[index] = -9
    return replace(similarities, views=views, solid=solid)


def photo_scores(retrieval: RetrievalSet, weights: SimilarityWeights) -> dict[str, F32]:
    """Row name -> (N, N) scores of the query images: baselines, single terms, and all terms with the given weights."""
    queries = [Embedding(q[None], "image", retrieval.space) for q in retrieval.queries]
    chance = np.random.default_rng(0).random((len(queries),) * 2)
    out: dict[str, F32] = {"chance": chance.astype(np.float32)}
    for name, label in (("pixels", "pixels of views"), ("code", "image_to_voxels features of views")):
        if name not in retrieval.features:
            continue
        query, views = retrieval.features[name]
        if name == "pixels":
            similarity = -((query**2).sum(1)[:, None] + (views**2).sum(1) - 2 * query @ views.T)
        else:
            similarity = query @ views.T
        best = np.full((len(query), len(retrieval.shapes)), -np.inf, np.float32)
        np.maximum.at(best.T, retrieval.owners, similarity.T.astype(np.float32))
        out[label] = best
    out["photo: solid alone"] = score_queries(retrieval, SimilarityWeights(0, 1, 0), queries)
    out["photo: views alone"] = score_queries(retrieval, SimilarityWeights(1, 0, 0), queries)
    out["photo: category alone"] = score_queries(retrieval, SimilarityWeights(0, 0, 1), queries)
    out["photo: views, solid and category"] = score_queries(retrieval, weights, queries)
    return out


def model_scores(retrieval: RetrievalSet, weights: SimilarityWeights) -> F32:
    """(N, N) scores of each model as a query, without the model itself."""
    pairs = compare_queries(retrieval, [Embedding(m, "shape", retrieval.space) for m in retrieval.models])
    return exclude_self(score_pairs([hide_appearance(p, k) for k, p in enumerate(pairs)], weights))


def retrieval_scores(scores: F32, categories: NDArray[np.str_], without_self: bool = False) -> Columns:
    """For each query of scores (N, N): "first" and "five", whether its own shape is the first result or among the first five;
    "kin", the average precision of shapes of its category (a shape of unknown category matches only itself).

    without_self: the query's shape is not in the gallery; "first" and "five" then refer to shapes of its category."""
    n = len(scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    order = order[:, :-1] if without_self else order
    same = (categories[order] == categories[:, None]) & (categories != UNKNOWN)[:, None]
    own = same if without_self else order == np.arange(n)[:, None]
    right = same | (own if not without_self else False)
    relevant = np.maximum(right.sum(1), 1)
    rank = np.arange(1, order.shape[1] + 1)
    return {
        "first": own[:, :1].any(1).astype(float),
        "five": own[:, :5].any(1).astype(float),
        "kin": ((right.cumsum(1) / rank) * right).sum(1) / relevant,
    }


def choose_weights(
    retrieval: RetrievalSet, categories: NDArray[np.str_]
) -> tuple[SimilarityWeights, SimilarityWeights]:
    """The candidates with the largest `retrieval_objective` for photos and for models as queries.

    The gallery excludes the query model, whose own views would otherwise decide the result. Weights whose recall at 1 of models
    in the gallery is below `SELF_RECALL` are ranked last."""
    pairs = compare_queries(
        retrieval, [Embedding(q[None], "image", retrieval.space) for q in retrieval.queries]
    )
    photos = {
        w: retrieval_objective(retrieval_scores(score_pairs(pairs, w), categories), categories)
        for w in candidate_weights(FEEDBACK)
    }
    pairs = compare_queries(retrieval, [Embedding(m, "shape", retrieval.space) for m in retrieval.models])
    hidden = [hide_appearance(p, k) for k, p in enumerate(pairs)]
    models = {}
    for w in candidate_weights((0.0,)):
        own = retrieval_scores(score_pairs(pairs, w), categories)["first"].mean()
        columns = retrieval_scores(exclude_self(score_pairs(hidden, w)), categories, without_self=True)
        models[w] = (min(own, SELF_RECALL), retrieval_objective(columns, categories))
    return max(photos, key=lambda w: photos[w]), max(models, key=lambda w: models[w])


def candidate_weights(feedback: Sequence[float]) -> list[SimilarityWeights]:
    """All combinations of candidates; feedback requires a sharpness and a category weight above 0."""
    out = []
    for solid, category, sharpness, back in product(SOLID_WEIGHTS, CATEGORY_WEIGHTS, SHARPNESS, feedback):
        if not back or (sharpness and category):
            total = 1 + solid + category
            out.append(SimilarityWeights(1 / total, solid / total, category / total, sharpness, back))
    return out


def retrieval_objective(columns: Columns, categories: NDArray[np.str_]) -> float:
    """Recall at 1 plus recall at 5 plus the mAP of known categories."""
    known = columns["kin"][categories != UNKNOWN]
    return float(columns["first"].mean() + columns["five"].mean() + known.mean())
