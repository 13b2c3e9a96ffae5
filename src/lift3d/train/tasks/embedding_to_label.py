"""Training of `embedding_to_label`: the category of embedding vectors. The embedding is frozen, so that the training takes
seconds once the corpus' vectors are computed (train/data/embedding_vectors.py). This task trains two layers by gradient descent;
a corpus of few meshes of the user's own has the classifier of train/tasks/embedding_kernel.py, unless the option `kind` differs.

Loss: cross-entropy with label smoothing and logit adjustment by `balance` times the log frequency of each category (Menon et al.
2021, arXiv:2007.07314). A sample is the mean vector of some pictures and the vector of the shape, or, with the probability
`photo`, the vector of one picture alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.dataset import SPLIT_NAMES, Corpus
from lift3d.errors import InputError
from lift3d.nets.embedding_classifier import EmbeddingClassifierNet
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.embedding_vectors import load_vectors
from lift3d.train.data.labelled_shapes import category_names
from lift3d.train.data.labelled_vectors import LabelledSplit, select_labelled
from lift3d.train.data.sampling import sample_indices
from lift3d.train.metrics import balanced_accuracy, mean_average_precision
from lift3d.train.task import Batch, Task

LEAST, OWN_LEAST = 10, 2
"""Minimum number of shapes of a category: in the corpus of packages, and in a corpus of the user's own meshes."""
SPLITS = ("train", "val")
PATIENCE = 5
"""Validations without a better one after which a run on a corpus of the user's own meshes ends."""
KINDS = ("auto", "kernel", "layers")
KERNEL_OPTIONS = ("kind", "embedding", "least", "seed")
"""The options that have an effect on the classifier in closed form."""
MOST_KERNEL = 1000
"""Maximum number of shapes of a corpus for which the classifier in closed form is the default."""
FEW = (1, 2, 4, 8)
"""Numbers of pictures whose vectors are averaged in a sample."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(8_000, "optimiser steps of the whole run")
    batch: int = option(128, "shapes in a step, over all processes")
    rate: float = option(3e-3, "largest learning rate", tune=Range(3e-4, 3e-2, log=True))
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    decay: float = option(
        0.5, "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices", tune=Range(1e-3, 3.0, log=True)
    )
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(100, "steps between two validations")
    save: int = option(1_000, "steps between two checkpoints")
    hidden: int = option(512, "units of the hidden layer", tune=Choice((128, 256, 512, 1024)))
    dropout: float = option(0.5, "dropout of the hidden layer", tune=Range(0.0, 0.8))
    photo: float = option(0.5, "fraction of samples that consist of a single picture", tune=Range(0.0, 1.0))
    balance: float = option(
        0.5, "logit adjustment: 0 none, 1 as if all categories were equally frequent", tune=Range(0.0, 1.0)
    )
    smoothing: float = option(0.0, "label smoothing", tune=Range(0.0, 0.3))
    least: int = option(
        0, "minimum number of shapes of a category; 0: 10, or 2 in a corpus of your own meshes"
    )
    patience: int = option(
        -1,
        "validations without a better one after which the run ends; 0: never; -1: 5 in a corpus of your own meshes",
    )
    embedding: str = option("embedding", "weights of the embedding: a name, or a run's folder")
    kind: str = option(
        "auto",
        "layers; or kernel: in closed form, without steps; auto: kernel for at most 1,000 meshes of your own, "
        "unless an option of the layers is set",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1 or self.least < 0 or self.patience < -1:
            raise InputError(
                "hidden must be at least 1, least at least 0, and patience at least -1",
                "omit the options for their defaults",
            )
        if self.kind not in KINDS:
            raise InputError(f"there is no kind {self.kind}", f"choose from {', '.join(KINDS)}")
        if self.kind == "kernel" and self.layer_options:
            raise InputError(
                f"{self.layer_options[0]} is an option of the two layers, which kind=kernel does not train",
                f"leave out one of the two, kind or {self.layer_options[0]}",
            )
        for name in ("dropout", "photo", "smoothing", "balance"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not between 0 and 1", "give a number from 0 to 1"
                )

    @property
    def layer_options(self) -> list[str]:
        """The options that differ from their defaults and have an effect on the two layers alone."""
        changed = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        return [name for name in changed if name not in KERNEL_OPTIONS]


def with_kind(config: Config, corpus: Corpus) -> Config:
    """The config with the kind that it has for this corpus in place of "auto"."""
    if config.kind != "auto":
        return config
    few = is_own(corpus) and len(corpus) <= MOST_KERNEL
    return replace(config, kind="kernel" if few and not config.layer_options else "layers")


def used_splits(corpus: Corpus) -> list[str]:
    """The splits with shapes: the classifier in closed form is fitted to all of them."""
    return [split for split in SPLIT_NAMES if len(corpus.where(split=split))]


def is_own(corpus: Corpus) -> bool:
    """Whether a corpus was built from a folder of the user's own meshes."""
    return corpus.card.get("plan", {}).get("folder") is not None


def least_shapes(config: Config, corpus: Corpus) -> int:
    """Minimum number of shapes of a category."""
    return config.least or (OWN_LEAST if is_own(corpus) else LEAST)


def prepare(pictures: Path, corpus: Path, config: Config, progress: Callable[[str, float], None]) -> None:
    """Compute and cache the vectors of the splits that are used."""
    dataset = Corpus(corpus)
    config = with_kind(config, dataset)
    kernel = config.kind == "kernel"

    def report(split: str, fraction: float) -> None:
        progress(f"vectors, {split}", fraction)

    for split in used_splits(dataset) if kernel else SPLITS:
        load_vectors(pictures, dataset, split, config.embedding, partial(report, split), kernel)


def origin_of(part: LabelledSplit) -> dict[str, str]:
    """The embedding space of the vectors, and the pre-trained backbone of the embedding if it has one."""
    vectors = part.vectors
    return {"space": vectors.space} | ({"pretrained": vectors.pretrained} if vectors.pretrained else {})


class EmbeddingToLabelTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`."""

    config: Config
    name = "embedding_to_label"
    better = "score"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        self.config = config
        dataset = Corpus(corpus)
        self.patience = (PATIENCE if is_own(dataset) else 0) if config.patience < 0 else config.patience
        self.names = category_names(dataset, least_shapes(config, dataset))
        self.train, self.val = (
            select_labelled(load_vectors(pictures, dataset, split, config.embedding), dataset, self.names)
            for split in SPLITS
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
        return {**digests, **origin_of(self.train), "labels": list(self.names)}

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
