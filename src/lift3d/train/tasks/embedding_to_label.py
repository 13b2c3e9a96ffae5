"""Training of `embedding_to_label`: the category of embedding vectors. The embedding is frozen, so that the training takes
seconds once the corpus' vectors are computed (train/data/embedding_vectors.py).

Loss: cross-entropy with label smoothing and logit adjustment by `balance` times the log frequency of each category (Menon et al.
2021, arXiv:2007.07314). A sample is the mean vector of some pictures and the vector of the shape, or, with the probability
`photo`, the vector of one picture alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.nets.embedding_classifier import EmbeddingClassifierNet
from lift3d.train.config import Schedule, option
from lift3d.train.data.embedding_vectors import EmbeddingVectors, load_vectors
from lift3d.train.data.labelled_shapes import category_names
from lift3d.train.data.sampling import sample_indices
from lift3d.train.metrics import balanced_accuracy, mean_average_precision
from lift3d.train.task import Batch, Task
from lift3d.types import F32

LEAST, OWN_LEAST = 10, 2
"""Minimum number of shapes of a category: in the corpus of packages, and in a corpus of the user's own meshes."""
PATIENCE = 5
"""Validations without a better one after which a run on a corpus of the user's own meshes ends."""
FEW = (1, 2, 4, 8)
"""Numbers of pictures whose vectors are averaged in a sample."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(8_000, "optimiser steps of the whole run")
    batch: int = option(128, "shapes in a step, over all processes")
    rate: float = option(3e-3, "largest learning rate")
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    decay: float = option(0.5, "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(100, "steps between two validations")
    save: int = option(1_000, "steps between two checkpoints")
    hidden: int = option(512, "units of the hidden layer")
    dropout: float = option(0.5, "dropout of the hidden layer")
    photo: float = option(0.5, "fraction of samples that consist of a single picture")
    balance: float = option(0.5, "logit adjustment: 0 none, 1 as if all categories were equally frequent")
    smoothing: float = option(0.0, "label smoothing")
    least: int = option(
        0, "minimum number of shapes of a category; 0: 10, or 2 in a corpus of your own meshes"
    )
    patience: int = option(
        -1,
        "validations without a better one after which the run ends; 0: never; -1: 5 in a corpus of your own meshes",
    )
    embedding: str = option("embedding", "weights of the embedding: a name, or a run's folder")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1 or self.least < 0 or self.patience < -1:
            raise InputError(
                "hidden must be at least 1, least at least 0, and patience at least -1",
                "omit the options for their defaults",
            )
        for name in ("dropout", "photo", "smoothing", "balance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not between 0 and 1", "give a number from 0 to 1"
                )


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """The shapes of a split with known categories. rows (N,): row of each shape in `vectors`; pictures: rows of the views of each
    shape; targets (N,): category indices."""

    vectors: EmbeddingVectors
    rows: NDArray[np.int64]
    pictures: list[NDArray[np.int64]]
    targets: NDArray[np.int64]

    def views(self, k: int, indices: NDArray[np.int64] | None = None) -> F32:
        """The mean vector (D,) of views of shape k. indices: rows of the views; None: all. Zero for a shape without views."""
        which = self.pictures[k] if indices is None else indices
        views = self.vectors.views
        return views[which].astype(np.float32).mean(0) if len(which) else np.zeros(views.shape[1], np.float32)


def select_labelled(vectors: EmbeddingVectors, corpus: Corpus, names: tuple[str, ...]) -> LabelledSplit:
    """The shapes of `vectors` whose category is one of `names`."""
    row = {name: k for k, name in enumerate(names)}
    category = corpus.column("category")
    known = np.array([row.get(str(category[int(i)]), -1) for i in vectors.shapes], np.int64)
    rows = np.flatnonzero(known >= 0)
    first = np.searchsorted(vectors.owners, np.arange(len(vectors.shapes) + 1))
    return LabelledSplit(vectors, rows, [np.arange(first[i], first[i + 1]) for i in rows], known[rows])


def prepare(pictures: Path, corpus: Path, config: Config, progress: Callable[[str, float], None]) -> None:
    """Compute and cache the vectors of both splits."""
    dataset = Corpus(corpus)

    def report(split: str, fraction: float) -> None:
        progress(f"vectors, {split}", fraction)

    for split in ("train", "val"):
        load_vectors(pictures, dataset, split, config.embedding, partial(report, split))


class EmbeddingToLabelTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`."""

    config: Config
    name = "embedding_to_label"
    better = "score"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        own = dataset.card.get("plan", {}).get("folder") is not None
        self.patience = (PATIENCE if own else 0) if config.patience < 0 else config.patience
        self.names = category_names(dataset, config.least or (OWN_LEAST if own else LEAST))
        self.train, self.val = (
            select_labelled(load_vectors(pictures, dataset, split, config.embedding), dataset, self.names)
            for split in ("train", "val")
        )
        if not len(self.val.rows):
            raise InputError(
                f"{corpus} has no validation shapes of these categories",
                "add shapes: about one family in ten is used for validation, of your own meshes at least one",
            )
        counts = np.bincount(self.train.targets, minlength=len(self.names))
        self.common = torch.from_numpy(counts / counts.sum()).float().clamp(min=1e-6).log()

    def module(self) -> nn.Module:
        net = EmbeddingClassifierNet(len(self.names), self.config.hidden, self.config.dropout)
        vectors = self.train.vectors
        for modality, values in enumerate((vectors.views, vectors.solids[:, 0])):
            x = values.astype(np.float32)
            net.mean[modality] = torch.from_numpy(x.mean(0))
            net.std[modality] = torch.from_numpy(np.maximum(x.std(0), 1e-3))
        return net

    def data(self) -> dict[str, Any]:
        digests = {"train": self.train.vectors.digest, "val": self.val.vectors.digest}
        return {**digests, "space": self.train.vectors.space, "labels": list(self.names)}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c, part = self.config, self.train
        views, solids, present, targets = [], [], [], []
        for k, i in list(enumerate(sample_indices(len(part.rows), step, c.batch, c.seed).tolist()))[
            rank::world
        ]:
            rng, seen = np.random.default_rng([c.seed, step, k]), part.pictures[i]
            photo = rng.random() < c.photo and len(seen) > 0
            count = 1 if photo else int(FEW[rng.integers(len(FEW))])
            views.append(part.views(i, rng.permutation(seen)[:count]))
            solids.append(part.vectors.solids[part.rows[i], int(rng.integers(2))].astype(np.float32))
            present.append([len(seen) > 0, not photo])
            targets.append(part.targets[i])
        return {
            "views": torch.from_numpy(np.stack(views)), "solids": torch.from_numpy(np.stack(solids)),
            "there": torch.tensor(present), "label": torch.from_numpy(np.array(targets)),
        }  # fmt: skip

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        c = self.config
        logits = module(batch["views"], batch["solids"], batch["there"])
        adjusted = logits + c.balance * self.common.to(logits.device)
        loss = nn.functional.cross_entropy(adjusted, batch["label"], label_smoothing=c.smoothing)
        return {"loss": loss, "right": (logits.argmax(1) == batch["label"]).float().mean().detach()}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Accuracy over objects, and balanced over categories, for shapes with pictures and for single pictures; mean average
        precision of the retrieval of shapes of a picture's category. score: the mean of all."""
        part, device = self.val, next(module.parameters()).device
        everything = [part.views(k) for k in range(len(part.rows))]
        single = [part.views(k, part.pictures[k][:1]) for k in range(len(part.rows))]
        solids = torch.from_numpy(part.vectors.solids[part.rows, 0].astype(np.float32)).to(device)
        seen = torch.tensor([len(p) > 0 for p in part.pictures], device=device)
        probabilities, out = [], dict[str, float]()
        for name, views, solid in (("", everything, True), ("_photo", single, False)):
            present = torch.stack([seen, torch.full_like(seen, solid)], 1)
            p = module(torch.from_numpy(np.stack(views)).to(device), solids, present).softmax(1).cpu().numpy()
            right = p.argmax(1) == part.targets
            out["accuracy" + name], out["balanced" + name] = (
                float(right.mean()),
                balanced_accuracy(right, part.targets),
            )
            probabilities.append(p)
        out["kin"] = mean_average_precision(probabilities[1] @ probabilities[0].T, part.targets)
        return {"score": float(np.mean(list(out.values()))), **out}
