"""Table of the embedding: retrieval of models by photo, by model and by text, on shapes of the test split.

The queries are one image of each shape; the gallery is all shapes of the split. The weights of views, solid and category are
chosen on the validation split. The baselines are chance, pixels of the rendered views, and features of `image_to_voxels` on the
same views.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError, MissingExtra
from lift3d.evaluate.baselines.image_to_voxels import network_features, pixel_features
from lift3d.evaluate.cases.embedding import RetrievalSet
from lift3d.evaluate.interface import Evaluation, Request
from lift3d.evaluate.scores.bootstrap import Columns, intervals, means
from lift3d.evaluate.scores.retrieval import (
    choose_weights,
    model_scores,
    photo_scores,
    retrieval_scores,
    score_queries,
)
from lift3d.inference.embedding import (
    APPEARANCE_DIM,
    IMAGE_SIZE,
    EmbeddingNetwork,
    SimilarityWeights,
)
from lift3d.inference.networks import load_network
from lift3d.taxonomy.captions import category_text, split_name
from lift3d.taxonomy.categories import UNKNOWN
from lift3d.train.data.view_set import ViewSet, network_input
from lift3d.types import F32, Embedding

VALIDATION_SHAPES = 300
"""Number of shapes of the validation split on which the weights are chosen."""
BEST = "photo: views, solid and category"


def evaluate_embedding(request: Request, baselines: bool = True) -> Evaluation:
    """Recall at 1 and at 5, and the mean average precision by category, of each type of query and of the baselines. With an
    output folder, a sheet of the worst results is written. baselines: whether pixels and features of views are compared too."""
    corpus = Corpus(request.corpus)
    net = EmbeddingNetwork(request.weights)
    category, family = np.array(corpus.column("category")), np.array(corpus.column("family"))
    val = build_retrieval_set(
        request, ViewSet(request.pictures, corpus, "val"), net, VALIDATION_SHAPES, "validation", False
    )
    weights, of_models = choose_weights(val, category[val.shapes])
    for queries, one in (("photos", weights), ("models", of_models)):
        listing = ", ".join(f"{name} {v:.3g}" for name, v in asdict(one).items())
        request.say(f"weights for {queries}, chosen on validation: {listing}")
    solids = ViewSet(request.pictures, corpus, request.split)
    test = build_retrieval_set(request, solids, net, request.limit, request.split, baselines)
    categories, families = category[test.shapes], family[test.shapes]
    photos = photo_scores(test, weights)
    columns = {name: retrieval_scores(scores, categories) for name, scores in photos.items()}
    columns["model, without itself"] = retrieval_scores(
        model_scores(test, of_models), categories, without_self=True
    )
    table: dict[str, Any] = {
        "split": request.split, "shapes": len(test.shapes),
        "rows": {name: _row(one, categories, families) for name, one in columns.items()},
        "mix": asdict(weights), "mix_of_models": asdict(of_models), "weights": net.name,
    }  # fmt: skip
    try:
        table |= text_scores(test, net, corpus, categories)
    except MissingExtra as error:
        request.say(f"the table has no text queries: {error}")
    if request.output is not None:
        from lift3d.evaluate.sheets.embedding import write_sheet

        request.output.mkdir(parents=True, exist_ok=True)
        write_sheet(request.output / "embedding.png", corpus, test, photos[BEST])
    return Evaluation("embedding", table, format_table(table))


def _row(columns: Columns, categories: NDArray[np.str_], families: NDArray[np.str_]) -> dict[str, Any]:
    """Means and intervals; shapes of unknown category are excluded from the values by category."""
    known = categories != UNKNOWN
    part = {name: values[known] for name, values in columns.items()}
    return {
        "objects": {**means(columns, None), "kin": float(part["kin"].mean())},
        "categories": means(part, categories[known]),
        "interval": intervals(part, categories[known], families[known].tolist()),
    }


def build_retrieval_set(
    request: Request,
    solids: ViewSet,
    net: EmbeddingNetwork,
    limit: int | None,
    stage: str,
    baselines: bool = True,
) -> RetrievalSet:
    """Embeddings of one image of each shape, and of its model as `lift3d index` computes them, from rendered views. A shape
    without a usable image or view is omitted. baselines: with the features of the baselines."""
    shapes = sorted(solids.views)
    if limit is not None and limit < len(shapes):
        shapes = [shapes[int(i)] for i in np.linspace(0, len(shapes) - 1, limit)]
    features: dict[str, Callable[[F32], F32]] = {}
    if baselines:
        features = {"pixels": pixel_features, "code": network_features(load_network("image_to_voxels")[0])}
    rows: dict[str, tuple[list[F32], list[F32]]] = {name: ([], []) for name in features}
    used, images, queries, models, owners = list[int](), list[F32](), list[F32](), list[F32](), list[int]()
    for k, shape in enumerate(shapes):
        order = np.random.default_rng(shape).permutation(solids.views[shape])
        view = next((v for i in order if (v := solids.view(int(i))) is not None), None)
        parts = solids.corpus.parts(shape)
        request.progress(stage, (k + 1) / len(shapes))
        try:
            rendered = net.render(parts) if view is not None else None
        except InputError:  # the model consists of transparent parts alone
            rendered = None
        if view is None or rendered is None:
            continue
        views = net.embed_images(rendered)
        models.append(np.concatenate([net.embed_whole(parts, views), views]))
        images.append(network_input(view))
        queries.append(images[-1] if net.image_size == IMAGE_SIZE else network_input(view, net.image_size))
        owners += [len(used)] * len(rendered)
        used.append(shape)
        for name, feature in features.items():
            rows[name][0].append(feature(images[-1][None]))
            rows[name][1].append(feature(_shrunk(rendered)))
    stacked, embedded = np.stack(images), net.embed_images(np.stack(queries))
    joined = {name: (np.concatenate(a), np.concatenate(b)) for name, (a, b) in rows.items()}
    return RetrievalSet(used, stacked, embedded, models, np.array(owners), joined, net.name)


def _shrunk(pictures: F32) -> F32:
    """Cut-outs (N, 4, S, S) in the size of the baselines, IMAGE_SIZE."""
    if pictures.shape[-1] == IMAGE_SIZE:
        return pictures
    import torch

    small = torch.nn.functional.interpolate(
        torch.from_numpy(pictures), (IMAGE_SIZE, IMAGE_SIZE), mode="bilinear", antialias=True
    )
    return np.asarray(small.numpy())


def text_scores(
    retrieval: RetrievalSet, net: EmbeddingNetwork, corpus: Corpus, categories: NDArray[np.str_]
) -> dict[str, Any]:
    """Models retrieved by their names and by descriptions of their categories, and zero-shot accuracy of photos. MissingExtra
    without the extra `text`."""
    names = [split_name(str(corpus.row(i)["name"])) or "thing" for i in retrieval.shapes]
    by_name = [Embedding(v[None], "text", "") for v in net.embed_texts(names)]
    columns = retrieval_scores(score_queries(retrieval, SimilarityWeights(), by_name), categories)
    present = sorted(set(categories.tolist()) - {UNKNOWN})
    texts = net.embed_texts([category_text(name) for name in present])
    by_category = [Embedding(v[None], "text", "") for v in texts]
    precisions = []
    for name, row in zip(present, score_queries(retrieval, SimilarityWeights(), by_category)):
        right = (categories == name)[np.argsort(-row, kind="stable")]
        precisions.append(float((right.cumsum() / np.arange(1, len(right) + 1))[right].mean()))
    known = categories != UNKNOWN
    similarity = retrieval.queries[:, APPEARANCE_DIM:] @ texts[:, APPEARANCE_DIM:].T
    right = (np.array(present)[similarity.argmax(1)] == categories)[known]
    return {
        "words": {"name_first": float(columns["first"].mean()), "name_five": float(columns["five"].mean()),
                  "category": float(np.mean(precisions))},
        "label": float(right.mean()),
        "label_categories": means({"right": right.astype(float)}, categories[known])["right"],
    }  # fmt: skip


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text."""
    out = [
        f"one image of each of {table['shapes']} shapes of the {table['split']} split as the query, all shapes as the gallery",
        f"{'':<36}{'R@1':>8}{'R@5':>8}{'mAP':>10}{'by category':>13}",
    ]
    for name, row in table["rows"].items():
        o, c = row["objects"], row["categories"]
        out.append(f"{name:<36}{o['first']:8.3f}{o['five']:8.3f}{o['kin']:10.3f}{c['kin']:13.3f}")
    out.append(
        "mAP: of shapes of the query's category; model, without itself: recall of shapes of its category"
    )
    if "words" in table:
        w = table["words"]
        out.append(
            f"by its name as text: R@1 {w['name_first']:.3f}, R@5 {w['name_five']:.3f}; by the text of its category: "
            f"mAP {w['category']:.3f}"
        )
        out.append(
            f"zero-shot category of a photo: accuracy {table['label']:.3f}, mean over categories "
            f"{table['label_categories']:.3f}"
        )
    return out
