"""Training of the multimodal embedding: pictures, shapes and captions of one object get similar vectors.

Loss of the instance halves: InfoNCE (van den Oord et al. 2018, arXiv:1807.03748) between two pictures of an object, and between
each picture and the shape. Loss of the category halves: the cross-entropy of the true category among sentences of all categories
(Radford et al. 2021, arXiv:2103.00020), and a contrastive loss with captions, where captions of the same category are positives
too (Khosla et al. 2020, arXiv:2004.11362). A fraction `kin` of a batch has the same categories as the rest of the batch, because
negatives of other categories are too easy.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.dataset import Corpus
from lift3d.errors import InputError
from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.multimodal_embedding import (
    INSTANCE_SIZE,
    MultimodalEmbedding,
    info_nce,
    supervised_contrastive_loss,
)
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.captions import CaptionVectors
from lift3d.train.data.sampling import collate, sample_indices
from lift3d.train.data.shape_set import ORIENTATIONS
from lift3d.train.data.view_set import ViewSet, network_input, oriented_shape
from lift3d.train.metrics import mean_average_precision, recall_at
from lift3d.train.task import Batch, Task
from lift3d.types import F32

NOTHING = "none"
SMOOTH = 0.1
"""Label smoothing, because the rules that assign categories make some errors."""
CHUNK = 32


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(480, "optimiser steps of the whole run")
    batch: int = option(64, "objects in a step, over all processes; each is a negative of the others")
    rate: float = option(6e-4, "largest learning rate", tune=Range(6e-5, 6e-3, log=True))
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    warmup: int = option(40, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.98, "decay of the exponential moving average of the weights, which is what is stored"
    )
    validate: int = option(80, "steps between two validations")
    save: int = option(80, "steps between two checkpoints")
    width: int = option(32, "channels of the image tower at 64 pixels")
    layers: int = option(3, "transformer layers of the image tower")
    solid: int = option(24, "channels of the shape tower at 16 voxels a side")
    begin: str = option(
        "image_to_voxels", "initial weights of the image tower, or none; "
        "--init-from replaces them"
    )  # fmt: skip
    freeze: bool = option(False, "freeze the image tower and train its head alone")
    colours: bool = option(True, "the shape tower's input includes the colours of the surface")
    kin: float = option(
        0.5, "fraction of a batch with the same categories as the rest of the batch", tune=Range(0.0, 0.95)
    )
    faults: float = option(
        0.6, "fraction of pictures with corrupted masks and jittered crops", tune=Range(0.0, 0.9)
    )
    solids: float = option(
        0.7, "weight of the losses between pictures and shapes", tune=Range(0.07, 7.0, log=True)
    )
    kinds: float = option(0.5, "weight of the losses of category halves", tune=Range(0.05, 5.0, log=True))
    words: bool = option(True, "train the text head on captions, which needs the extra `text`")
    held: int = option(300, "shapes of the validation set that are used")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width % 8 or self.width < 8 or self.solid < 1 or not 0 <= self.kin < 1:
            raise InputError(
                "width must be a multiple of 8, solid at least 1, and kin at least 0 but less than 1",
                "omit the options for their defaults",
            )
        if self.batch < 2:
            raise InputError("a batch of one object has no negatives", "give a batch of 2 or more")


class EmbeddingTask(Task):
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
        self.train, self.val = ViewSet(pictures, dataset, "train"), ViewSet(pictures, dataset, "val")
        self.shapes = sorted(self.train.views)
        count = min(config.held, len(self.val.views))
        every = sorted(self.val.views)
        self.looked = [every[int(i)] for i in np.linspace(0, len(every) - 1, count)]
        self.captions = CaptionVectors(dataset, [*self.shapes, *self.looked], config.words)
        kinds = np.array([self.captions.category[i] for i in self.shapes])
        self.alike = {int(k): np.flatnonzero(kinds == k) for k in np.unique(kinds)}
        self.kinds = kinds

    def module(self) -> nn.Module:
        c = self.config
        net = MultimodalEmbedding(c.width, c.layers, c.solid)
        if c.begin != NOTHING:
            from lift3d.weights import load_tensors

            initialise_tower(
                net.image_tower, {k.removeprefix("net."): t for k, t in load_tensors(c.begin).items()}
            )
        for part in net.image_tower.modules():
            if isinstance(part, nn.Conv2d):
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if c.freeze:
            net.image_tower.requires_grad_(False)
        return nn.ModuleDict({"net": net})

    def data(self) -> dict[str, Any]:
        return {"train": self.train.pictures.digest(), "val": self.val.pictures.digest()}

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        indices = sample_indices(len(self.shapes), step, c.batch - round(c.batch * c.kin), c.seed).tolist()
        rng, alone = np.random.default_rng([c.seed, step]), len(indices)
        for k in range(c.batch - alone):
            group = self.alike[int(self.kinds[indices[k % alone]])]
            near, far = int(group[rng.integers(len(group))]), int(rng.integers(len(self.shapes)))
            indices.append(far if near in indices else near)
        mine = list(enumerate(indices))[rank::world]
        return collate([self._sample(n, np.random.default_rng([c.seed, step, k])) for k, n in mine])

    def _sample(self, number: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Two pictures of an object, its occupancy, its colours and one of its captions; reflected with probability 1/2."""
        c, pictures = self.config, list[F32]()
        while not pictures:
            shape = self.shapes[number]
            for i in rng.permutation(self.train.views[shape]):
                view = self.train.view(int(i), rng if rng.random() < c.faults else None)
                if view is not None and len(pictures) < 2:
                    pictures.append(network_input(view))
                if len(pictures) == 2:
                    break
            number = int(rng.integers(len(self.shapes)))
        pictures = [pictures[0], pictures[-1]]
        quarter_turns, mirrored = int(rng.integers(ORIENTATIONS // 2)), rng.random() < 0.5
        cells, colours = oriented_shape(
            self.train, shape, quarter_turns + (ORIENTATIONS // 2 if mirrored else 0), c.colours
        )
        if mirrored:
            pictures = [p[..., ::-1] for p in pictures]
        own = self.captions.of[shape]
        return {
            "first": np.ascontiguousarray(pictures[0]),
            "second": np.ascontiguousarray(pictures[1]),
            "cells": cells,
            "colours": colours,
            "words": self.captions.rows[own[int(rng.integers(len(own)))]],
            "kind": np.array(self.captions.category[shape]),
        }

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, nn.ModuleDict)
        net: Any = module["net"]
        c = self.config
        if c.freeze:  # otherwise the image tower's normalisation statistics would change
            net.get_submodule("image_tower").eval()
        b = len(batch["kind"])
        both = net(torch.cat([batch["first"], batch["second"]]))
        solid = net.embed_shapes(batch["cells"].float(), batch["colours"])
        with torch.autocast(both.device.type, enabled=False):
            instance_scale, category_scale = net.scales()
            first, second = both[:b], both[b:]
            views = info_nce(first[:, :INSTANCE_SIZE], second[:, :INSTANCE_SIZE], instance_scale)
            solids = (
                sum(
                    info_nce(x[:, :INSTANCE_SIZE], solid[:, :INSTANCE_SIZE], instance_scale)
                    for x in (first, second)
                )
                / 2
            )
            category_vectors = net.embed_text(torch.from_numpy(self.captions.category_rows).to(both.device))
            words = net.embed_text(batch["words"])
            same = batch["kind"][:, None] == batch["kind"][None]
            alike = (same & (batch["kind"] >= 0)[:, None]) | torch.eye(
                b, dtype=torch.bool, device=both.device
            )
            categories, sentences = torch.zeros(()), torch.zeros(())
            known = batch["kind"] >= 0
            for vectors in (first, second, solid):
                logits = category_scale * vectors[known][:, INSTANCE_SIZE:] @ category_vectors.T
                truth = batch["kind"][known]
                if len(truth):
                    categories = categories + nn.functional.cross_entropy(
                        logits, truth, label_smoothing=SMOOTH
                    )
                sentences = sentences + supervised_contrastive_loss(
                    vectors[:, INSTANCE_SIZE:], words, alike, category_scale
                )
            total = views + c.solids * solids + c.kinds * (categories + 0.5 * sentences) / 3
        return {
            "loss": total, "views": views, "solids": torch.as_tensor(solids), "categories": categories / 3,
            "sentences": sentences / 3, "scale": instance_scale.detach(),
        }  # fmt: skip

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Retrieval with one picture of each object as the query: recall of the object by its other pictures and by its shape,
        mean average precision of its category, and accuracy of the nearest category sentence."""
        assert isinstance(module, nn.ModuleDict)
        net: Any = module["net"]
        queries, views, solids, owners = self._vectors(net)
        kinds = np.array([self.captions.category[i] for i in self.looked])
        by_solid = queries[:, :INSTANCE_SIZE] @ solids[:, :INSTANCE_SIZE].T
        by_views = np.full_like(by_solid, -2)
        np.maximum.at(by_views.T, owners, views[:, :INSTANCE_SIZE] @ queries[:, :INSTANCE_SIZE].T)
        alike = queries[:, INSTANCE_SIZE:] @ solids[:, INSTANCE_SIZE:].T
        with torch.no_grad():
            device = next(net.parameters()).device
            category_vectors = (
                net.embed_text(torch.from_numpy(self.captions.category_rows).to(device)).cpu().numpy()
            )
        known = kinds >= 0
        label = (
            float((((queries[:, INSTANCE_SIZE:] @ category_vectors.T).argmax(1) == kinds)[known]).mean())
            if known.any()
            else 0.0
        )
        mixed, kin = by_views + 0.5 * by_solid, mean_average_precision(alike, kinds)
        return {
            "score": (recall_at(mixed, 1) + kin) / 2,
            "recall_1": recall_at(mixed, 1), "recall_5": recall_at(mixed, 5), "by_views": recall_at(by_views, 1),
            "by_solid": recall_at(by_solid, 1), "kin": kin, "label": label,
        }  # fmt: skip

    def _vectors(self, net: Any) -> tuple[F32, F32, F32, NDArray[np.int64]]:
        """(queries, views, solids, owners): vectors (N, D) of one picture of each object, vectors (M, D) of up to three other
        pictures of each, vectors (N, D) of the shapes, and the object (M,) of each view."""
        device = next(net.parameters()).device
        queries, others, owners, solids = [], [], list[int](), []
        half = self.config.precision == "bfloat16"
        for at in range(0, len(self.looked), CHUNK):
            pictures, mine, rows = list[F32](), list[int](), list[int]()
            for k, shape in enumerate(self.looked[at : at + CHUNK], at):
                order = np.random.default_rng(shape).permutation(self.val.views[shape])
                visible = [v for i in order[:5] if (v := self.val.view(int(i))) is not None][:4]
                visible = visible or [v for i in order if (v := self.val.view(int(i))) is not None][:1]
                pictures += [network_input(v) for v in visible] or [np.zeros((4, 128, 128), np.float32)]
                mine += [k] * max(len(visible), 1)
                rows.append(len(pictures) - max(len(visible), 1))
            arrays = [
                oriented_shape(self.val, i, 0, self.config.colours) for i in self.looked[at : at + CHUNK]
            ]
            cells = torch.from_numpy(np.stack([h[0] for h in arrays])).to(device).float()
            colours = torch.from_numpy(np.stack([h[1] for h in arrays])).to(device)
            with autocast_bfloat16(device.type, half):
                vectors = net(torch.from_numpy(np.stack(pictures)).to(device)).cpu().numpy()
                solids.append(net.embed_shapes(cells, colours).cpu().numpy())
            queries.append(vectors[rows])
            rest = np.setdiff1d(np.arange(len(vectors)), rows)
            others.append(vectors[rest])
            owners += [mine[i] for i in rest]
        return (
            np.concatenate(queries),
            np.concatenate(others),
            np.concatenate(solids),
            np.array(owners, np.int64),
        )


def initialise_tower(pictures: nn.Module, given: dict[str, torch.Tensor]) -> None:
    """Load the image tower's weights from a network of `image_to_voxels`. InputError where the sizes differ."""
    own = pictures.state_dict()
    if any(name not in given or given[name].shape != t.shape for name, t in own.items()):
        raise InputError(
            "the image tower is of another size than its initial weights",
            "omit width and layers for their defaults, or set begin=none",
        )
    pictures.load_state_dict({name: given[name] for name in own})
