"""Training of the embedding on the frozen backbone (nets/dense/backbone_embedding.py): features are computed once
(train/data/picture_features.py), and only the projection is trained.

Loss of the instance halves: InfoNCE (van den Oord et al. 2018, arXiv:1807.03748) between two pictures of an object, each one with
a background, cut out, or a rendering. Loss of the category halves: the cross-entropy of the true category among
sentences of all categories (Radford et al. 2021, arXiv:2103.00020), and a contrastive loss with captions (Khosla et al. 2020,
arXiv:2004.11362). The upright head learns to tell renderings of shapes that stand from those of shapes that do not. A fraction
`kin` of a batch has the same categories as the rest of the batch, because negatives of other categories are too easy.
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
from lift3d.inference.backbone import ORIGIN
from lift3d.nets.dense.backbone_embedding import BackboneEmbedding
from lift3d.nets.multimodal_embedding import INSTANCE_SIZE, info_nce, supervised_contrastive_loss
from lift3d.train.config import Choice, Range, Schedule, option
from lift3d.train.data.captions import CaptionVectors
from lift3d.train.data.picture_features import Counts, PictureFeatures, load_picture_features
from lift3d.train.data.sampling import sample_indices
from lift3d.train.metrics import mean_average_precision, recall_at
from lift3d.train.task import Batch, Task
from lift3d.types import F32

SPLITS = ("train", "val")
SMOOTH = 0.1
"""Label smoothing, because the rules that assign categories make some errors."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(3_000, "optimiser steps of the whole run")
    batch: int = option(256, "objects in a step, over all processes; each is a negative of the others")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 1e-2, log=True))
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    decay: float = option(
        0.05,
        "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices",
        tune=Range(1e-3, 0.5, log=True),
    )
    average: float = option(
        0.995, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(300, "steps between two validations")
    save: int = option(1_000, "steps between two checkpoints")
    hidden: int = option(128, "units of the projection's hidden layer", tune=Choice((64, 128, 256)))
    dropout: float = option(0.2, "dropout of the features", tune=Range(0.0, 0.6))
    kin: float = option(
        0.5, "fraction of a batch with the same categories as the rest of the batch", tune=Range(0.0, 0.95)
    )
    kinds: float = option(1.0, "weight of the losses of the category halves", tune=Range(0.1, 10.0, log=True))
    pictures: int = option(2, "pictures of each shape whose features are used")
    renderings: int = option(4, "renderings of each shape whose features are used")
    tilted: float = option(
        0.2, "fraction of the shapes that are rendered in poses that are not upright as well"
    )
    words: bool = option(True, "train with sentences, which needs the extra text; false: without them")
    kind: str = option(
        "backbone", "backbone: the only kind; `lift3d train embedding-free` trains on free data alone"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind != "backbone":
            raise InputError(
                f"there is no kind {self.kind}", "use lift3d train embedding, which has no backbone"
            )
        if self.batch < 2:
            raise InputError("a batch of one object has no negatives", "give a batch of 2 or more")
        if self.hidden < 1 or self.pictures < 1 or self.renderings < 1:
            raise InputError(
                "hidden, pictures and renderings must be at least 1", "omit the options for their defaults"
            )
        for name in ("kin", "dropout", "tilted"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not at least 0 and less than 1", "omit the option for its default"
                )  # fmt: skip

    @property
    def counts(self) -> Counts:
        """What is computed of each shape."""
        return Counts(self.pictures, self.renderings, self.tilted)


def prepare(pictures: Path, corpus: Path, config: Config, progress: Callable[[str, float], None]) -> None:
    """Compute and cache the features of the splits that are used."""

    def report(split: str, fraction: float) -> None:
        progress(f"features, {split}", fraction)

    dataset = Corpus(corpus)
    for split in SPLITS:
        load_picture_features(pictures, dataset, split, config.counts, partial(report, split))


class BackboneEmbeddingTask(Task):
    """The training task. pictures: a folder in which `lift3d corpus render` has rendered `corpus`."""

    config: Config
    name = "embedding"
    better = "score"

    def __init__(self, pictures: Path, corpus: Path, config: Config) -> None:
        if config.words:
            from lift3d.inference.sentence_encoder import model_folder

            model_folder()
        self.config = config
        dataset = Corpus(corpus)
        self.train, self.val = (
            load_picture_features(pictures, dataset, split, config.counts) for split in SPLITS
        )
        both = [int(i) for part in (self.train, self.val) for i in part.shapes]
        self.captions = CaptionVectors(dataset, both, config.words)
        self.views = views_of(self.train)
        self.shapes = np.array([k for k, rows in enumerate(self.views) if len(rows)], np.int64)
        self.kinds = np.array([self.captions.category[int(self.train.shapes[k])] for k in self.shapes])
        self.alike = {int(k): np.flatnonzero(self.kinds == k) for k in np.unique(self.kinds)}
        self.features = np.concatenate([self.train.pictures, self.train.renderings])

    def module(self) -> nn.Module:
        return nn.ModuleDict({"net": BackboneEmbedding(self.config.hidden)})

    def data(self) -> dict[str, Any]:
        return {"train": self.train.digest, "val": self.val.digest, "pretrained": ORIGIN}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.shapes), step, c.batch - round(c.batch * c.kin), c.seed).tolist()
        rng, alone = np.random.default_rng([c.seed, step]), len(indices)
        for k in range(c.batch - alone):
            group = self.alike[int(self.kinds[indices[k % alone]])]
            near, far = int(group[rng.integers(len(group))]), int(rng.integers(len(self.shapes)))
            indices.append(far if near in indices else near)
        rows, words, tilted = [], [], []
        for index in indices:
            own = self.views[int(self.shapes[index])]
            pair = rng.choice(own, 2, replace=len(own) < 2)
            rows.append(pair)
            captions = self.captions.of[int(self.train.shapes[self.shapes[index]])]
            words.append(captions[int(rng.integers(len(captions)))])
            tilted.append(int(rng.integers(max(len(self.train.tilted), 1))))
        mine, pairs = slice(rank, None, world), np.array(rows)
        wrong = self.train.tilted[tilted] if len(self.train.tilted) else self.features[pairs[:, 0]][:0]
        rendered = pairs >= len(self.train.pictures)
        return {
            "first": _tensor(self.features[pairs[mine, 0]]), "second": _tensor(self.features[pairs[mine, 1]]),
            "rendered": torch.from_numpy(np.ascontiguousarray(rendered[mine])), "tilted": _tensor(wrong[mine]),
            "words": torch.from_numpy(self.captions.rows[np.array(words)[mine]]),
            "kind": torch.from_numpy(self.kinds[np.array(indices)[mine]]),
        }  # fmt: skip

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, nn.ModuleDict)
        net: Any = module["net"]
        c, b = self.config, len(batch["kind"])
        features = torch.cat([batch["first"], batch["second"]])
        both = net(nn.functional.dropout(features, c.dropout, module.training))
        instance_scale, category_scale = net.scales()
        first, second = both[:b], both[b:]
        views = info_nce(first[:, :INSTANCE_SIZE], second[:, :INSTANCE_SIZE], instance_scale)
        category_vectors = net.embed_text(torch.from_numpy(self.captions.category_rows).to(both.device))
        words, known = net.embed_text(batch["words"]), batch["kind"] >= 0
        alike = (batch["kind"][:, None] == batch["kind"][None]) & known[:, None]
        alike = alike | torch.eye(b, dtype=torch.bool, device=both.device)
        categories, sentences = torch.zeros(()), torch.zeros(())
        for vectors in (first, second):
            if known.any():
                logits = category_scale * vectors[known][:, INSTANCE_SIZE:] @ category_vectors.T
                categories = categories + nn.functional.cross_entropy(
                    logits, batch["kind"][known], label_smoothing=SMOOTH
                )
            sentences = sentences + supervised_contrastive_loss(
                vectors[:, INSTANCE_SIZE:], words, alike, category_scale
            )
        upright = self._upright_loss(net, features, batch)
        total = views + c.kinds * (categories + 0.5 * sentences) / 2 + upright
        return {
            "loss": total, "views": views, "categories": categories / 2, "sentences": sentences / 2, "upright": upright,
            "scale": instance_scale.detach(),
        }  # fmt: skip

    @staticmethod
    def _upright_loss(net: Any, features: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The cross-entropy of renderings that are upright and of others, both with the same weight; zero without the others."""
        stands = features[batch["rendered"].T.flatten()]
        if not len(batch["tilted"]) or not len(stands):
            return torch.zeros(())
        norm = net.image_head.norm
        before = norm.training
        norm.eval()  # its statistics are those of pictures and renderings
        right, wrong = net.upright(stands), net.upright(batch["tilted"])
        norm.train(before)
        return (nn.functional.softplus(-right).mean() + nn.functional.softplus(wrong).mean()) / 2

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Retrieval with one picture of each object as the query: recall of the object by its renderings, mean average precision
        of its category, accuracy of the nearest category sentence, and of the upright head."""
        assert isinstance(module, nn.ModuleDict)
        net: Any = module["net"]
        part = self.val
        seen = np.intersect1d(part.picture_owners, part.rendering_owners)
        kinds = np.array([self.captions.category[int(part.shapes[k])] for k in seen])
        first = np.searchsorted(part.picture_owners, seen)
        queries, views = _run(net, part.pictures[first]), _run(net, part.renderings)
        owner = np.searchsorted(seen, part.rendering_owners)
        mine = np.isin(part.rendering_owners, seen)
        by_views = np.full((len(seen), len(seen)), -2, np.float32)
        np.maximum.at(by_views.T, owner[mine], views[mine, :INSTANCE_SIZE] @ queries[:, :INSTANCE_SIZE].T)
        whole = np.zeros((len(seen), views.shape[1] - INSTANCE_SIZE), np.float32)
        np.add.at(whole, owner[mine], views[mine, INSTANCE_SIZE:])
        whole /= np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-9)
        with torch.no_grad():
            names = net.embed_text(torch.from_numpy(self.captions.category_rows)).numpy()
            right = float((net.upright(_tensor(part.renderings)) > 0).float().mean())
            wrong = (
                float((net.upright(_tensor(part.tilted)) < 0).float().mean()) if len(part.tilted) else right
            )
        known = kinds >= 0
        near = (queries[:, INSTANCE_SIZE:] @ names.T).argmax(1) == kinds if len(names) else known
        kin = mean_average_precision(queries[:, INSTANCE_SIZE:] @ whole.T, kinds)
        recall = recall_at(by_views, 1)
        return {
            "score": (recall + kin) / 2, "recall_1": recall, "recall_5": recall_at(by_views, 5), "kin": kin,
            "label": float(near[known].mean()) if known.any() else 0.0, "upright": (right + wrong) / 2,
        }  # fmt: skip


def views_of(part: PictureFeatures) -> list[NDArray[np.int64]]:
    """For each shape the rows of its features in those of the pictures followed by those of the renderings."""
    count, first = len(part.shapes), len(part.pictures)
    out = []
    for k in range(count):
        spans = [
            np.arange(np.searchsorted(owners, k, "left"), np.searchsorted(owners, k, "right")) + start
            for owners, start in ((part.picture_owners, 0), (part.rendering_owners, first))
        ]
        out.append(np.concatenate(spans))
    return out


def _tensor(features: NDArray[np.float16]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(features)).float()


def _run(net: Any, features: NDArray[np.float16]) -> F32:
    """Vectors (N, D) of features (N, F)."""
    with torch.no_grad():
        return np.asarray(net(_tensor(features)).numpy())
