"""Training of `voxels_to_label`: what kind of thing is this?

Loss: cross-entropy with smoothed labels (Szegedy et al. 2016, arXiv:1512.00567) of logits that are raised by `balance` times
the log of how common each category is (Menon et al. 2021, arXiv:2007.07314): without it, what is rare is not said. Shapes are
laid and stretched. Where a spatial transformer sets them upright (nets/posed.py), it is given exact axes: so the trunk sees them
upright but for a `tilt`, and the transformer learns, with the weight `pose`, to tell how they stand in the corpus from how they
stand on their head, on a side, or askew. Without it they are turned as `rotate` says.

The first `early` steps let the beginning of the trunk rest, which has learned of solids already: what it says of a few `variants`
of each shape is kept, so that what follows sees every shape many times in minutes. Then everything learns together. None is the
usual number: with two variants the corpus' shapes are learned by heart (validation fell from 0.40 to 0.37 in 800 such steps).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.corpus.corpus import Corpus
from lift3d.errors import InputError
from lift3d.nets.posed import posed, smaller, upright_losses
from lift3d.nets.shape_label import STANDS, PointLabel, ShapeLabel, label_net, sizes
from lift3d.train.config import Schedule, told
from lift3d.train.labelled import Labelled, fixed_turn, names_of, random_turn, small_turn
from lift3d.train.pictures import chosen
from lift3d.train.shapes import MOVES, laid
from lift3d.train.task import Batch
from lift3d.weights import tensors_of

ROTATIONS, KINDS = ("none", "up", "any"), ("voxels", "points")
NOTHING = "none"
EARLY = tuple(f"trunk.{part}." for part in ("start", "fine", "down", "coarse"))
"""The trunk's beginning."""
MANY, SOME = 4, 16
"""Batches' worth of shapes in an early step; shapes that the trunk's beginning sees at a time."""


@dataclass(frozen=True)
class Config(Schedule):
    """What the task adds."""

    steps: int = told(800, "optimiser steps of the whole run")
    batch: int = told(32, "shapes in a step, over all processes")
    rate: float = told(1e-3, "largest learning rate")
    precision: str = told("bfloat16", "float32, or bfloat16 for the matrix products")
    decay: float = told(5e-2, "weight decay (decoupled, Loshchilov & Hutter 2019) of matrices and kernels")
    warmup: int = told(
        100, "steps over which the rate rises from nothing; after them it falls along a cosine"
    )
    average: float = told(0.995, "how slowly the averaged weights follow; they are the ones that are kept")
    validate: int = told(200, "steps between two looks at the validation set")
    early: int = told(
        0, "of these, steps in which the trunk's beginning rests; none with begin=none or points"
    )
    variants: int = told(2, "ways in which each shape is laid and stretched for the early steps")
    kind: str = told("voxels", "voxels, or points (the baseline: PointNet on the surface)")
    width: int = told(64, "channels at 16 cells a side; twice as many at 8, three times at 4")
    begin: str = told(
        "autoencoder",
        "weights that the trunk begins with, or none; a run that is told --init-from has those",
    )
    transformer: bool = told(True, "a spatial transformer sets things upright first")
    rotate: str = told(
        "any",
        "how things are turned: none, up (around the vertical) or any; with the transformer only to validate",
    )
    upright: float = told(
        0.3, "without the transformer: share of shapes that are left as they stand all the same"
    )
    tilt: float = told(
        8.0, "with the transformer: degrees by which shapes are off upright, a standard deviation"
    )
    askew: float = told(
        0.3, "with the transformer: share of shapes that are turned around the vertical by any angle"
    )
    stretch: float = told(0.1, "shapes are stretched along each axis by up to so much")
    pose: float = told(0.3, "weight of the transformer's error")
    balance: float = told(0.5, "how much rare categories are favoured: 0 not at all, 1 as if all were common")
    smoothing: float = told(0.1, "share of each label that goes to all others")
    dropout: float = told(0.3, "share of the features that the head does not see")
    freeze: bool = told(False, "keep the trunk as it is: for little data of your own")
    labels_share: float = told(1.0, "share of the training shapes whose labels are known")
    least: int = told(0, "shapes that a category has at least; 0: 50, or 2 in a corpus of your own meshes")
    held: int = told(400, "shapes of the validation set that are looked at")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, known in (("rotate", ROTATIONS), ("kind", KINDS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} = {getattr(self, name)} is not known", f"use {', '.join(map(str, known))}"
                )
        if self.early < 0 or not 1 <= self.variants <= 8:
            raise InputError("early is 0 or more and variants 1 to 8", "leave them out for the usual ones")
        if self.width < 4 or not 0 <= self.stretch < 0.5 or self.least < 0 or self.held < 1:
            raise InputError(
                "width is 4 or more, stretch under 0.5, least 0 or more, held 1 or more",
                "leave them out for the usual ones",
            )
        for name in ("upright", "smoothing", "dropout", "balance", "askew"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} = {getattr(self, name)} is no share", "give 0 to 1")
        if not 0 < self.labels_share <= 1 or not self.pose >= 0 or not 0 <= self.tilt <= 45:
            raise InputError(
                "labels_share is over 0 and at most 1, pose 0 or more, and tilt 0 to 45",
                "leave them out for the usual ones",
            )


class Classifier:
    """The task."""

    name = "voxels_to_label"
    better = "score"

    def __init__(self, corpus: Path, config: Config) -> None:
        self.config = config
        held = Corpus(corpus)
        self.names = names_of(held, config.least)
        self.train = Labelled(held, "train", self.names, config.labels_share)
        try:
            self.val = Labelled(held, "val", self.names)
        except InputError as error:
            raise InputError(
                f"{corpus} holds nothing to validate on back from learning",
                "add shapes: about one in ten, chosen by its name, is held back",
            ) from error
        common = torch.from_numpy(self.train.counts / len(self.train)).float()
        self.common = common.clamp(min=1e-6).log()
        self.early = config.early if config.begin != NOTHING and config.kind == "voxels" else 0
        self.kept: tuple[torch.Tensor, torch.Tensor] | None = None
        self.watch: Callable[[str, float], None] = lambda name, fraction: None

    def module(self) -> nn.Module:
        net = label_net(vars(self.config), len(self.names))
        if isinstance(net, ShapeLabel) and self.config.begin != NOTHING:
            begin(net.trunk, tensors_of(self.config.begin))
        if self.config.freeze and isinstance(net, ShapeLabel):
            net.trunk.requires_grad_(False)
        return net

    def data(self) -> dict[str, Any]:
        shapes = self.train.shapes.digest(), self.val.shapes.digest()
        return {"train": shapes[0], "val": shapes[1], "labels": list(self.names)}

    def resting(self, step: int) -> tuple[str, ...]:
        """The parameters that are not moved in this step."""
        return EARLY if step < self.early else ()

    def batch(self, step: int, rank: int, world: int) -> Batch:
        c = self.config
        if step < self.early:
            numbers = chosen(len(self.train), step, MANY * c.batch, c.seed)[rank::world]
            rng = np.random.default_rng([c.seed, step, rank])
            rows = numbers * c.variants + rng.integers(c.variants, size=len(numbers))
            return {
                "row": torch.from_numpy(rows),
                "label": torch.from_numpy(self.train.targets[numbers]),
            }
        numbers = chosen(len(self.train), step, c.batch, c.seed)
        cells, turns, targets, askew = [], [], [], []
        for k, i in list(enumerate(numbers.tolist()))[rank::world]:
            rng = np.random.default_rng([c.seed, step, k])
            cells.append(laid(self.train.full(i), int(rng.integers(MOVES))))
            turns.append(_turn(c, rng))
            askew.append(random_turn(rng, "any"))
            targets.append(self.train.targets[i])
        turn, stretch = (np.stack(parts) for parts in zip(*turns))
        return {
            "cells": torch.from_numpy(np.stack(cells)), "turn": torch.from_numpy(turn),
            "stretch": torch.from_numpy(stretch), "label": torch.from_numpy(np.array(targets)),
            "askew": torch.from_numpy(np.stack(askew)),
        }  # fmt: skip

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        assert isinstance(module, ShapeLabel | PointLabel)
        c, device = self.config, batch["label"].device
        if c.freeze and isinstance(module, ShapeLabel):  # or its normalisation would follow the new shapes
            module.trunk.eval()
        more: dict[str, torch.Tensor] = {}
        if "row" in batch:
            assert isinstance(module, ShapeLabel)
            near, extent = (t[batch["row"].cpu()].to(device).float() for t in self._kept(module))
            logits = module.near_logits(near, extent)
        elif not isinstance(module, ShapeLabel) or module.stand is None:
            logits = module(self._seen(batch))
        else:
            logits, more = self._stood(module, batch)
        with torch.autocast(device.type, enabled=False):
            raised = logits.float() + c.balance * self.common.to(device)
            entropy = nn.functional.cross_entropy(raised, batch["label"], label_smoothing=c.smoothing)
            right = (logits.argmax(1) == batch["label"]).float().mean()
            total = entropy + c.pose * sum(more.values(), torch.zeros((), device=device))
        return {"loss": total, "entropy": entropy, "right": right.detach(), **more}

    def _kept(self, module: ShapeLabel) -> tuple[torch.Tensor, torch.Tensor]:
        """What the trunk's beginning says of the variants of every shape, (N * variants, C, 8, 8, 8) in half precision, and
        their sizes (N * variants, 5): one shape's after the other."""
        if self.kept is not None:
            return self.kept
        c, device = self.config, next(module.parameters()).device
        said, extents = [], []
        learning = module.trunk.training
        module.trunk.eval()
        for first in range(0, len(self.train), SOME):
            cells, turns = [], []
            for i in range(first, min(first + SOME, len(self.train))):
                for v in range(c.variants):
                    rng = np.random.default_rng([c.seed, i, v, MANY])
                    cells.append(laid(self.train.full(i), int(rng.integers(MOVES))))
                    turn, stretch = _turn(c, rng)
                    turns.append(turn @ np.diag(stretch))
            with torch.no_grad():
                share = posed(
                    torch.from_numpy(np.stack(cells)).to(device).float(),
                    torch.from_numpy(np.stack(turns)).to(device),
                )
                with torch.autocast(device.type, torch.bfloat16, enabled=c.precision == "bfloat16"):
                    said.append(module.trunk.near(2 * share - 1).bfloat16().cpu())
                extents.append(sizes(share).cpu())
            self.watch("solids", min(1.0, (first + SOME) / len(self.train)))
        module.trunk.train(learning)
        self.kept = torch.cat(said), torch.cat(extents)
        return self.kept

    def _seen(self, batch: Batch) -> torch.Tensor:
        """The cells as the network gets them: turned and stretched."""
        c, share = self.config, batch["cells"].float()
        if c.rotate == "none" and c.stretch == 0 and not c.transformer:
            return share
        with torch.autocast(share.device.type, enabled=False):
            return posed(share, batch["turn"] @ torch.diag_embed(batch["stretch"]))

    def _stood(self, module: ShapeLabel, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Logits of things that stand upright, and what is wrong with how upright each looks, beside itself otherwise."""
        assert module.stand is not None
        share = self._seen(batch)
        logits = module.upright_logits(share)
        some = (len(share) + 1) // 2  # by half of the batch: what is judged five times costs the most
        x = smaller(share[:some], STANDS)
        with torch.autocast(x.device.type, enabled=False):
            askew = softened(posed(smaller(batch["cells"][:some].float(), STANDS), batch["askew"][:some]))
            x = softened(x)
        others = [x.flip(2, 3), torch.rot90(x, 1, (1, 3)), torch.rot90(x, 1, (2, 3)), askew]
        half = len(x) // 2  # the other side of each, of half of them
        others[1] = torch.cat([others[1][:half], others[1][half:].flip(1, 3)])
        others[2] = torch.cat([others[2][:half], others[2][half:].flip(2, 3)])
        scores = module.stand.upright(torch.cat([x, *others])).view(len(others) + 1, len(x)).T
        right = torch.zeros_like(scores, dtype=torch.bool)
        right[:, 0] = True
        return logits, {"up": upright_losses(scores, right)}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Share of shapes, and mean over categories of the share, that are told right: as they stand, and turned as in
        training; the median error of up in degrees. score: the mean of all shares."""
        assert isinstance(module, ShapeLabel | PointLabel)
        c, device = self.config, next(module.parameters()).device
        count = min(c.held, len(self.val))
        numbers = np.linspace(0, len(self.val) - 1, count).astype(int)
        out: dict[str, float] = {}
        for kind in dict.fromkeys(("none", c.rotate)):
            said, tilt = [], []
            for first in range(0, count, 32):
                some = [int(i) for i in numbers[first : first + 32]]
                turn = torch.from_numpy(np.stack([fixed_turn(self.val.number(i), kind) for i in some]))
                cells = torch.from_numpy(np.stack([self.val.full(i) for i in some])).to(device).float()
                if kind != "none":
                    cells = posed(cells, turn.to(device))
                with torch.autocast(device.type, torch.bfloat16, enabled=c.precision == "bfloat16"):
                    if isinstance(module, ShapeLabel) and module.stand is not None:
                        up = module.upright(cells)
                        said.append(
                            module.upright_logits(module.set_upright(cells, up)).argmax(1).cpu().numpy()
                        )
                        tilt.append(_tilt(up.cpu(), turn))
                    else:
                        said.append(module(cells).argmax(1).cpu().numpy())
            right = np.concatenate(said) == self.val.targets[numbers]
            tail = "" if kind == "none" else "_turned"
            out["accuracy" + tail] = float(right.mean())
            out["balanced" + tail] = balanced(right, self.val.targets[numbers])
            if tilt:
                out["up_error" + tail] = float(np.median(np.concatenate(tilt)))
        shares = [v for name, v in out.items() if name.startswith(("accuracy", "balanced"))]
        return {"score": float(np.mean(shares)), **out}


def begin(trunk: nn.Module, given: dict[str, torch.Tensor]) -> None:
    """The trunk's first layers from an autoencoder's encoder of the same width; InputError where none fits."""
    own = trunk.state_dict()
    held = {name.removeprefix("encoder."): t for name, t in given.items() if name.startswith("encoder.")}
    fits = {name: t for name, t in held.items() if name in own and own[name].shape == t.shape}
    if "start.weight" not in fits:
        raise InputError(
            "the trunk is of another size than the weights that it should begin with",
            "leave width as it is, or set begin=none",
        )
    trunk.load_state_dict(fits, strict=False)


def softened(share: torch.Tensor) -> torch.Tensor:
    """(B, n, n, n), each blurred a little or not: what is read twice is softer, and that must say nothing of how it stands."""
    weight = 0.7 * torch.rand(len(share), 1, 1, 1, device=share.device)
    return torch.as_tensor(torch.lerp(share, nn.functional.avg_pool3d(share[:, None], 3, 1, 1)[:, 0], weight))


def balanced(right: NDArray[np.bool_], targets: NDArray[np.int64]) -> float:
    """The mean over categories of the share that is right."""
    return float(np.mean([right[targets == k].mean() for k in np.unique(targets)]))


def _turn(c: Config, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The rotation and the stretch of a sample."""
    stretch = np.exp(rng.uniform(-c.stretch, c.stretch, 3)).astype(np.float32)
    if c.transformer and c.kind == "voxels":
        around = random_turn(rng, "up" if rng.random() < c.askew else "none")
        return small_turn(rng, c.tilt) @ around, stretch
    kind = "none" if rng.random() < c.upright else c.rotate
    return random_turn(rng, kind), stretch


def _tilt(up: torch.Tensor, turn: torch.Tensor) -> NDArray[np.float32]:
    """(B,) degrees between the likeliest up, of rotations (B, 3, 3) to upright, and the true one."""
    cosine = (up[:, 2] * turn[:, :, 2]).sum(1).clamp(-1, 1)
    return np.asarray(torch.rad2deg(torch.acos(cosine)).numpy())
