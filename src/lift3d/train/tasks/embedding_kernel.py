"""The classifier of `embedding_to_label` for few meshes: kernel ridge regression in closed form (train/kernel_ridge.py), without
steps. Few shapes are too few to set some aside: the shapes of all splits are fitted, and what would be chosen on validation is
chosen by cross-validation over families. lift3d.evaluate.embedding_to_label fits the shapes of the other splits in the same way.

A shape counts twice: once as a model, by the vectors of its renderings and of its solid, and once as photos, each of its
renderings and pictures alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.corpus.dataset import Corpus
from lift3d.nets.embedding_classifier import SHAPE_WEIGHT, KernelClassifierNet
from lift3d.train.data.embedding_vectors import load_vectors
from lift3d.train.data.labelled_shapes import category_names
from lift3d.train.data.labelled_vectors import LabelledSplit, select_labelled
from lift3d.train.kernel_ridge import KernelFit, Samples, fit_kernel_ridge
from lift3d.train.task import Batch, Task
from lift3d.train.tasks.embedding_to_label import (
    Config,
    EmbeddingToLabelTask,
    least_shapes,
    origin_of,
    used_splits,
    with_kind,
)
from lift3d.types import F64


def create_task(pictures: Path, corpus: Path, config: Config) -> Task:
    """The task of the kind that the options state, or that is the default for the corpus."""
    config = with_kind(config, Corpus(corpus))
    task = EmbeddingKernelTask if config.kind == "kernel" else EmbeddingToLabelTask
    return task(pictures, corpus, config)


class EmbeddingKernelTask(Task):
    """The task without steps. pictures: a folder in which `lift3d corpus render` has rendered `corpus`."""

    config: Config
    name = "embedding_to_label"
    better = "score"
    solved = True

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.names = category_names(dataset, least_shapes(config, dataset))
        self.parts = {
            split: select_labelled(
                load_vectors(pictures, dataset, split, config.embedding, renderings=True), dataset, self.names
            )
            for split in used_splits(dataset)
        }
        self.net, self.fit = fit_network(list(self.parts.values()), dataset, len(self.names))

    def module(self) -> torch.nn.Module:
        return self.net

    def data(self) -> dict[str, Any]:
        digests = {split: part.vectors.digest for split, part in self.parts.items()}
        return {
            **digests, **origin_of(self.parts["train"]), "labels": list(self.names), "centres": len(self.net.centres),
            "fitted": list(self.parts),
        }  # fmt: skip

    def batch(self, step: int, rank: int, world: int) -> Batch:
        raise NotImplementedError("a task that is solved has no steps")

    def loss(self, module: torch.nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        raise NotImplementedError("a task that is solved has no steps")

    def validate(self, module: torch.nn.Module) -> dict[str, float]:
        """Accuracy over models and over photos in the cross-validation, and `score`, their mean; only a score of 0 if no category
        has two families."""
        if self.fit.accuracy is None:
            return {"score": 0.0}
        models, photos = self.fit.accuracy
        return {"score": (models + photos) / 2, "accuracy": models, "accuracy_photo": photos}


def fit_network(
    parts: Sequence[LabelledSplit], corpus: Corpus, labels: int
) -> tuple[KernelClassifierNet, KernelFit]:
    """The network of the shapes of some splits of a corpus, and how it was fitted."""
    gathered = [model_and_photos(part, k) for part in parts for k in range(len(part.rows))]
    centres = np.stack([model for model, _ in gathered])
    samples = gather_samples(centres, [photos for _, photos in gathered])
    targets = np.concatenate([part.targets for part in parts])
    family = corpus.column("family")
    families = [str(family[int(i)]) for part in parts for i in part.vectors.shapes[part.rows]]
    fit = fit_kernel_ridge(centres, samples, targets, families, labels)
    net = KernelClassifierNet(labels, len(centres))
    net.centres = torch.from_numpy(centres).float()
    net.coefficients = torch.from_numpy(fit.coefficients).float()
    net.sharpness = torch.tensor(fit.sharpness)
    net.scale = torch.tensor(fit.scale[::-1])
    return net.eval(), fit


def model_and_photos(part: LabelledSplit, k: int) -> tuple[F64, F64]:
    """Unit vectors of shape k: (D,) of the model, as nets/embedding_classifier.py joins its vectors, and (V, D) of its renderings
    and pictures."""
    vectors, pictures = part.model(k).astype(np.float64), part.vectors.views[part.pictures[k]]
    model = vectors[1:].mean(0) + SHAPE_WEIGHT * vectors[0] if len(vectors) > 1 else vectors[0]
    rendered = len(part.renderings[k]) > 0
    photos = np.concatenate([vectors[1:], pictures]) if rendered else vectors[1:]
    return _unit(model), _unit(photos)


def gather_samples(models: F64, photos: list[F64]) -> Samples:
    """The samples of N shapes: models (N, D), each with a mass of 1, and photos of each shape, with a mass of 1 together."""
    counts = np.array([len(views) for views in photos], np.int64)
    owners = np.arange(len(models))
    return Samples(
        np.concatenate([models, *photos]),
        np.concatenate([owners, np.repeat(owners, counts)]),
        np.concatenate([np.ones(len(models)), np.repeat(1 / np.maximum(counts, 1), counts)]),
        np.repeat([False, True], [len(models), int(counts.sum())]),
    )


def _unit(vectors: NDArray[np.floating[Any]]) -> F64:
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norm, 1e-9), np.float64)
