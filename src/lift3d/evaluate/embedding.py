"""The table of the space of shapes: photo, model and words to models, on shapes that nothing has learned from.

Queries: one picture of each shape of the split; gallery: all its shapes. How much views, solids and kinds count is fixed on the
validation set. Beside it what it has to beat: chance, pixels of the views, and the codes of `image_to_voxels` of the same views,
as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError, MissingExtra
from lift3d.evaluate.baselines.image_to_voxels import codes, pixels
from lift3d.evaluate.cases.embedding import Held
from lift3d.evaluate.scores.bootstrap import Rows, intervals, means
from lift3d.index.ranking import Similarities, combine_similarities, compute_similarities
from lift3d.inference.embedding import (
    APPEARANCE_DIM,
    EmbeddingNetwork,
    SimilarityWeights,
    render_views,
    voxelize_parts,
)
from lift3d.inference.embedding_classifier import find_classifier
from lift3d.inference.networks import load_network
from lift3d.io.files.atomic import write_bytes
from lift3d.taxonomy.captions import category_text, split_name
from lift3d.taxonomy.categories import UNKNOWN
from lift3d.train.data.view_set import ViewSet, network_input
from lift3d.types import F32, Embedding

Say = Callable[[str], None]
Progress = Callable[[str, float], None]
SOLIDS = (0.0, 0.25, 0.5)
KINDS = (0.0, 0.1, 0.25, 0.5, 1.0)
SHARP = (0.0, 20.0, 40.0, 80.0)
FEEDBACK = (0.0, 0.5, 0.75)
"""Weights of solids, and of kinds, beside that of views, which is 1, sharpness and feedback, that are tried."""
ITSELF = 0.99
"""Share of models that must be found first when they are sought themselves."""
CHOOSING = 300
"""Shapes of the validation set on which they are fixed."""


def evaluate_embedding(
    corpus: Path, pictures: Path, weights: str | None, split: str, limit: int | None, output: Path | None, say: Say,
    progress: Progress,
) -> list[str]:  # fmt: skip
    """The table's lines."""
    held = Corpus(corpus)
    space = EmbeddingNetwork(weights)
    category = np.array(held.column("category"))
    val = gathered(ViewSet(pictures, held, "val"), space, CHOOSING, lambda f: progress("validation", f))
    mix, of_models = best_mixes(val, category[val.shapes])
    for who, one in (("photos", mix), ("models", of_models)):
        told = ", ".join(f"{name} {v:.3g}" for name, v in asdict(one).items())
        say(f"how much counts for {who}, fixed on validation: {told}")
    test = gathered(ViewSet(pictures, held, split), space, limit, lambda f: progress(split, f))
    kinds = category[test.shapes]
    tables = {name: measured(scores, kinds) for name, scores in photo_scores(test, mix).items()}
    tables["model, without itself"] = measured(model_scores(test, of_models), kinds, alone=True)
    result: dict[str, Any] = {"split": split, "shapes": len(test.shapes), "rows": {}}
    result |= {"mix": asdict(mix), "mix_of_models": asdict(of_models)}
    families = np.array(held.column("family"))[test.shapes]
    for name, rows in tables.items():
        known = kinds != UNKNOWN
        part = {k: v[known] for k, v in rows.items()}
        result["rows"][name] = {
            "objects": {**means(rows, None), "kin": float(part["kin"].mean())}, "categories": means(part, kinds[known]),
            "interval": intervals(part, kinds[known], families[known].tolist()),
        }  # fmt: skip
    try:
        result |= by_words(test, space, held, kinds)
    except MissingExtra as error:
        say(f"words are left out: {error}")
    result["weights"] = space.name
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "embedding.json", (json.dumps(result, indent=1) + "\n").encode())
        from lift3d.evaluate.sheets.embedding import write_sheet

        write_sheet(output / "embedding.png", held, test, photo_scores(test, mix)[BEST])
    return lines(result)


BEST = "photo: views, solid and category"


def gathered(
    solids: ViewSet, space: EmbeddingNetwork, limit: int | None, progress: Callable[[float], None]
) -> Held:
    """Vectors of one picture of each shape, and of its model as `lift3d index` makes them: views are rendered."""
    shapes = sorted(solids.views)
    if limit is not None and limit < len(shapes):
        shapes = [shapes[int(i)] for i in np.linspace(0, len(shapes) - 1, limit)]
    net, _ = load_network("image_to_voxels")
    of = {"pixels": pixels, "code": codes(net)}
    rows: dict[str, tuple[list[F32], list[F32]]] = {name: ([], []) for name in of}
    kept, asked, things, owners = list[int](), list[F32](), list[F32](), list[int]()
    for number, shape in enumerate(shapes):
        order = np.random.default_rng(shape).permutation(solids.views[shape])
        view = next((v for i in order if (v := solids.view(int(i))) is not None), None)
        parts = solids.corpus.parts(shape)
        progress((number + 1) / len(shapes))
        try:
            seen = render_views(parts) if view is not None else None
        except InputError:  # panes of glass alone
            seen = None
        if view is None or seen is None:
            continue
        cells, colours = voxelize_parts(parts, space.coloured)
        things.append(
            np.concatenate([space.embed_voxels(cells[None], colours[None]), space.embed_images(seen)])
        )
        asked.append(network_input(view))
        owners += [len(kept)] * len(seen)
        kept.append(shape)
        for name, feature in of.items():
            rows[name][0].append(feature(asked[-1][None]))
            rows[name][1].append(feature(seen))
    pictures = np.stack(asked)
    features = {name: (np.concatenate(a), np.concatenate(b)) for name, (a, b) in rows.items()}
    return Held(kept, pictures, space.embed_images(pictures), things, np.array(owners), features, space.name)


def mixed(held: Held, mix: SimilarityWeights, queries: Sequence[Embedding]) -> F32:
    """(Q, N) how near each thing is to each query."""
    return scored(beside(held, queries), mix, bool(queries) and queries[0].modality == "text")


def scored(pairs: Sequence[Similarities], mix: SimilarityWeights, words: bool = False) -> F32:
    return np.stack([combine_similarities(pair, mix, words) for pair in pairs]).astype(np.float32)


def alone(scores: F32) -> F32:
    """(N, N) without each thing itself."""
    np.fill_diagonal(scores, -np.inf)
    return scores


def beside(held: Held, queries: Sequence[Embedding]) -> list[Similarities]:
    """Every query beside all things."""
    vectors = np.concatenate(held.things)
    sizes = [len(t) for t in held.things]
    first = np.r_[0, np.cumsum(sizes)[:-1]]
    judge = find_classifier(held.space)
    if judge is None:
        return [compute_similarities(q, vectors, first, None) for q in queries]
    known = judge.classify_all(vectors, np.repeat(np.arange(len(sizes)), sizes))
    return [compute_similarities(q, vectors, first, (judge.classify(q), known)) for q in queries]


def without(of: Similarities, number: int) -> Similarities:
    """As if one thing looked like nothing: no share of what is likely is its."""
    views, solid = of.views.copy(), of.solid.copy()
    views[number] = solid[number] = -9
    return replace(of, views=views, solid=solid)


def photo_scores(held: Held, mix: SimilarityWeights) -> dict[str, F32]:
    """By the name of the row."""
    queries = [Embedding(q[None], "image", held.space) for q in held.queries]
    out: dict[str, F32] = {"chance": np.random.default_rng(0).random((len(queries),) * 2).astype(np.float32)}
    for name, label in (("pixels", "pixels of views"), ("code", "image_to_voxels features of views")):
        asked, seen = held.features[name]
        if name == "pixels":
            near = -((asked**2).sum(1)[:, None] + (seen**2).sum(1) - 2 * asked @ seen.T)
        else:
            near = asked @ seen.T
        best = np.full((len(asked), len(held.shapes)), -np.inf, np.float32)
        np.maximum.at(best.T, held.owners, near.T.astype(np.float32))
        out[label] = best
    out["photo: solid alone"] = mixed(held, SimilarityWeights(0, 1, 0), queries)
    out["photo: views alone"] = mixed(held, SimilarityWeights(1, 0, 0), queries)
    out["photo: category alone"] = mixed(held, SimilarityWeights(0, 0, 1), queries)
    out[BEST] = mixed(held, mix, queries)
    return out


def model_scores(held: Held, mix: SimilarityWeights) -> F32:
    """Every thing asked for with its own vectors; itself is taken out."""
    pairs = beside(held, [Embedding(t, "shape", held.space) for t in held.things])
    return alone(scored([without(c, k) for k, c in enumerate(pairs)], mix))


def measured(scores: F32, kinds: NDArray[np.str_], alone: bool = False) -> Rows:
    """Columns by query: is the thing itself the first, among the first five; the mean precision of finding its kind. alone:
    the thing itself is not in the gallery, and the first two say whether one of its kind is there."""
    n = len(scores)
    order = np.argsort(-scores, axis=1, kind="stable")
    order = order[:, :-1] if alone else order
    same = (kinds[order] == kinds[:, None]) & (kinds != UNKNOWN)[:, None]
    own = same if alone else order == np.arange(n)[:, None]
    right = same | (own if not alone else False)
    found = np.maximum(right.sum(1), 1)
    place = np.arange(1, order.shape[1] + 1)
    return {
        "first": own[:, :1].any(1).astype(float),
        "five": own[:, :5].any(1).astype(float),
        "kin": ((right.cumsum(1) / place) * right).sum(1) / found,
    }


def best_mixes(held: Held, kinds: NDArray[np.str_]) -> tuple[SimilarityWeights, SimilarityWeights]:
    """For photos, that with the largest sum of finding the thing first, among five, and its kind. For models, whose kind is
    better known and whose own pictures are of no use, the same of others of its kind, as long as a model that is there is found
    itself first."""
    pairs = beside(held, [Embedding(q[None], "image", held.space) for q in held.queries])
    photos = {mix: together(measured(scored(pairs, mix), kinds), kinds) for mix in mixes(FEEDBACK)}
    pairs = beside(held, [Embedding(t, "shape", held.space) for t in held.things])
    apart = [without(c, k) for k, c in enumerate(pairs)]
    models = {}
    for mix in mixes((0.0,)):
        itself = measured(scored(pairs, mix), kinds)["first"].mean()
        rows = measured(alone(scored(apart, mix)), kinds, alone=True)
        models[mix] = (min(itself, ITSELF), together(rows, kinds))
    return max(photos, key=lambda m: photos[m]), max(models, key=lambda m: models[m])


def mixes(feedback: Sequence[float]) -> list[SimilarityWeights]:
    """All that are tried."""
    out = []
    for solid, kind, sharp, back in product(SOLIDS, KINDS, SHARP, feedback):
        if not back or (sharp and kind):
            total = 1 + solid + kind
            out.append(SimilarityWeights(1 / total, solid / total, kind / total, sharp, back))
    return out


def together(rows: Rows, kinds: NDArray[np.str_]) -> float:
    return float(rows["first"].mean() + rows["five"].mean() + rows["kin"][kinds != UNKNOWN].mean())


def by_words(held: Held, space: EmbeddingNetwork, corpus: Corpus, kinds: NDArray[np.str_]) -> dict[str, Any]:
    """Models found by their names and by what their category is, and photos named by the nearest category."""
    names = [split_name(str(corpus.row(i)["name"])) or "thing" for i in held.shapes]
    told = [Embedding(v[None], "text", "") for v in space.embed_texts(names)]
    rows = measured(mixed(held, SimilarityWeights(), told), kinds)
    present = sorted(set(kinds.tolist()) - {UNKNOWN})
    said = space.embed_texts([category_text(name) for name in present])
    scores = mixed(held, SimilarityWeights(), [Embedding(v[None], "text", "") for v in said])
    precisions = []
    for name, row in zip(present, scores):
        right = (kinds == name)[np.argsort(-row, kind="stable")]
        precisions.append(float((right.cumsum() / np.arange(1, len(right) + 1))[right].mean()))
    known = kinds != UNKNOWN
    label = np.array(present)[(held.queries[:, APPEARANCE_DIM:] @ said[:, APPEARANCE_DIM:].T).argmax(1)]
    return {
        "words": {"name_first": float(rows["first"].mean()), "name_five": float(rows["five"].mean()),
                  "category": float(np.mean(precisions))},
        "label": float((label == kinds)[known].mean()),
        "label_categories": means({"right": (label == kinds)[known].astype(float)}, kinds[known])["right"],
    }  # fmt: skip


def lines(result: dict[str, Any]) -> list[str]:
    """The table for a person."""
    out = [
        f"one picture of each of {result['shapes']} shapes of the {result['split']} split, sought among all of them",
        f"{'':<36}{'first':>8}{'in 5':>8}{'kind mAP':>10}{'by category':>13}",
    ]
    for name, row in result["rows"].items():
        o, c = row["objects"], row["categories"]
        out.append(f"{name:<36}{o['first']:8.3f}{o['five']:8.3f}{o['kin']:10.3f}{c['kin']:13.3f}")
    out.append("model, without itself: the first columns say whether one of its kind is there")
    if "words" in result:
        w = result["words"]
        out.append(
            f"by its name in words: first {w['name_first']:.3f}, in five {w['name_five']:.3f}; by its category's words: "
            f"mAP {w['category']:.3f}"
        )
        out.append(
            f"photo's category, the nearest in words: right {result['label']:.3f}, mean over categories "
            f"{result['label_categories']:.3f}"
        )
    return out
