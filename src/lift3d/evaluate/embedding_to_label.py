"""Table of `embedding_to_label`: accuracy of the categories of test shapes from all views with the solid, and from one picture
alone, beside the nearest training shape in the embedding space and the most frequent category."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.evaluate.classifier import accuracy_scores, per_category
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.evaluate.sheets.confusion_matrix import confusion_matrix, write_confusions
from lift3d.inference.embedding_classifier import EmbeddingClassifier, embedding_of
from lift3d.inference.torch_network import TorchNetwork
from lift3d.train.data.embedding_vectors import load_vectors
from lift3d.train.data.labelled_vectors import LabelledSplit, select_labelled
from lift3d.train.launch import corpus_of
from lift3d.train.tasks.embedding_kernel import fit_network
from lift3d.types import F32

NAME = "embedding_to_label"
NETWORK, NEAREST, FREQUENT = "network", "nearest shape, by its vectors", "most frequent category"
INPUTS = {"model": "views and solid", "photo": "one picture"}


def evaluate_embedding_to_label(request: Request) -> Evaluation:
    """Accuracy over shapes and over categories, and the confusion matrix of the network for models.

    The views of a model are its pictures, but its renderings, as in `lift3d classify`, for the classifier in closed form.
    Where the weights of that classifier were fitted to the split, the network of the table is fitted in the same way to the other
    splits. InputError for weights of another mapping, and for a split without shapes of the network's categories."""
    corpus, classifier = Corpus(corpus_of(request.corpus)), EmbeddingClassifier(request.weights)
    source = embedding_of(classifier.found) or "embedding"
    names = classifier.names
    solved = classifier.found.config.get("kind") == "kernel"
    card = classifier.found.data_digest
    fitted = [str(split) for split in card.get("fitted", ["train"])]

    def labelled(split: str) -> LabelledSplit:
        track = request.track(f"vectors, {split}")
        return select_labelled(
            load_vectors(request.pictures, corpus, split, source, track, solved), corpus, names
        )

    test = labelled(request.split)
    classifier.require(test.vectors.space)
    if not len(test.rows):
        raise InputError(
            f"the split {request.split} of {corpus.folder} has no shape of the {len(names)} categories of the network",
            "add shapes, give --split val, or classify models that were held out",
        )
    others = [split for split in fitted if split != request.split and len(corpus.where(split=split))]
    train = [labelled(split) for split in others or ["train"]]
    refitted = request.split in fitted and card.get(request.split) == test.vectors.digest
    if refitted:
        classifier.network = TorchNetwork(NAME, fit_network(train, corpus, len(names))[0], classifier.found)
    some = evenly_spaced(len(test.rows), request.limit)
    targets = test.targets[some]
    families = [str(corpus.column("family")[int(test.vectors.shapes[test.rows[i]])]) for i in some]
    most = int(np.bincount(np.concatenate([part.targets for part in train]), minlength=len(names)).argmax())
    predicted: dict[str, dict[str, NDArray[np.int64]]] = {NETWORK: {}, NEAREST: {}, FREQUENT: {}}
    for kind in INPUTS:
        vectors, owners = gather(test, some, kind)
        predicted[NETWORK][kind] = classifier.classify_all(vectors, owners, kind == "model").argmax(1)
        predicted[NEAREST][kind] = nearest_targets(train, vectors, owners)
        predicted[FREQUENT][kind] = np.full(len(some), most)
    rows = {
        name: {kind: accuracy_scores(of == targets, targets, families) for kind, of in kinds.items()}
        for name, kinds in predicted.items()
    }
    confusions = confusion_matrix(targets, predicted[NETWORK]["model"], len(names))
    table = {
        "split": request.split, "shapes": len(some), "training_shapes": sum(len(part.rows) for part in train),
        "labels": list(names), "rows": rows, "weights": classifier.found.sha256, "categories": per_category(confusions, names),
        "confusions": confusions.tolist(),
        "refitted": refitted,
    }  # fmt: skip
    if request.output is not None:
        request.output.mkdir(parents=True, exist_ok=True)
        write_confusions(request.output / f"{NAME}.png", confusions, names)
    return Evaluation(NAME, table, format_table(table))


def gather(part: LabelledSplit, some: NDArray[np.int64], kind: str) -> tuple[F32, NDArray[np.int64]]:
    """Vectors (M, D) of some shapes and the owner (M,) of each, an index into `some`. kind: "model": of the solid first, then of
    all renderings or pictures; "photo": of the first picture, zero for a shape without pictures."""
    out, owners = [], []
    for k, i in enumerate(some):
        views = part.vectors.views[part.pictures[i]].astype(np.float32)
        if kind == "photo":
            block = views[:1] if len(views) else np.zeros((1, views.shape[1]), np.float32)
        else:
            block = part.model(int(i))
        out.append(block)
        owners.append(np.full(len(block), k))
    return np.concatenate(out), np.concatenate(owners)


def nearest_targets(
    train: Sequence[LabelledSplit], vectors: F32, owners: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The category of the training shape whose mean vector has the largest cosine with that of each owner's vectors."""
    parts = [part for part in train if len(part.rows)]
    if not parts:
        return np.zeros(int(owners.max()) + 1, np.int64)
    known = np.concatenate([_means(*gather(part, np.arange(len(part.rows)), "model")) for part in parts])
    similarity = _means(vectors, owners) @ known.T
    return np.asarray(np.concatenate([part.targets for part in parts])[similarity.argmax(1)])


def _means(vectors: F32, owners: NDArray[np.int64]) -> F32:
    """Unit vectors (N, D): the mean of the vectors of each owner."""
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]])
    mean = np.add.reduceat(vectors, first)
    return np.asarray(mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9), np.float32)


def format_table(table: dict[str, Any]) -> list[str]:
    """The table as lines of text."""
    out = [
        f"{table['shapes']} shapes of the {table['split']} split, {len(table['labels'])} categories; "
        "accuracy over shapes [95 % interval], and the mean over categories",
        f"{'':<30} " + " ".join(f"{text:>30}" for text in INPUTS.values()),
    ]
    for name, kinds in table["rows"].items():
        cells = []
        for kind in INPUTS:
            one, (low, high) = kinds[kind], kinds[kind]["accuracy_interval"]
            cells.append(f"{one['accuracy']:.3f} [{low:.2f}, {high:.2f}] {one['balanced']:.3f}")
        out.append(f"{name:<30} " + " ".join(f"{cell:>30}" for cell in cells))
    if table.get("refitted"):
        out.append(f"the network is fitted as the weights are, but without the {table['split']} split")
    return out
