"""Who tells categories apart: networks, and what they have to beat, behind one interface.

network, plain, points   networks (nets/shape_classifier.py), asked as was best on validation
nearest                  the k nearest training shapes by their raw cells, 32 a side; k fixed on validation
linear                   a linear support vector machine (Cortes & Vapnik 1995) on features of any network: the protocol by which
                         3D-GAN was measured (Wu et al. 2016, arXiv:1610.07584); its strength is fixed on validation
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.nets.latent_gan import LatentCritic
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.nets.spatial_transformer import downsample, transform_voxels
from lift3d.train.data.labelled_shapes import LabelledShapes, evaluation_rotation
from lift3d.train.metrics import balanced_accuracy

Progress = Callable[[float], None]
Features = Callable[[torch.Tensor], torch.Tensor]
"""(B, 64, 64, 64) shares to (B, F)."""
F64 = NDArray[np.float64]
CHUNK = 32
SIDE = 32
"""Cells along each side where shapes are compared."""
KS = (1, 3, 5, 9, 15)
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)
STAYS = (0.0, 1.0, 2.0, 3.0)


class Labeller(Protocol):
    """(B, 64, 64, 64) shares to scores (B, labels), the largest of which is the answer."""

    def __call__(self, share: torch.Tensor) -> torch.Tensor: ...


class Network:
    """With its weights, asked by a plan."""

    def __init__(self, net: VoxelClassifier | PointNet, plan: TestTimeAugmentation) -> None:
        self.net, self.plan = net.eval(), plan

    def __call__(self, share: torch.Tensor) -> torch.Tensor:
        return self.net.probabilities(share.to(next(self.net.parameters()).device), self.plan).cpu()


class Nearest:
    """Votes of the k nearest; the nearer of two with as many votes."""

    def __init__(self, train: LabelledShapes, k: int = 1, progress: Progress = lambda fraction: None) -> None:
        self.labels, self.targets, self.k = len(train.names), torch.from_numpy(train.targets), k
        self.rows = torch.zeros(len(train), SIDE**3, dtype=torch.uint8)
        for numbers, share in chunks(train, "none", progress):
            small = downsample(share, SIDE).flatten(1)
            self.rows[numbers[0] : numbers[-1] + 1] = (small * 255).round().to(torch.uint8)
        self.lengths = torch.cat([(part.float() / 255).square().sum(1) for part in self.rows.split(512)])

    def ranked(self, share: torch.Tensor) -> torch.Tensor:
        """(B, 15) targets of the nearest, nearest first."""
        asked = downsample(share, SIDE).flatten(1)
        parts = [asked @ (part.float() / 255).T for part in self.rows.split(512)]
        near = (self.lengths - 2 * torch.cat(parts, 1)).topk(min(KS[-1], len(self.targets)), 1, largest=False)
        return self.targets[near.indices]

    def votes(self, ranked: torch.Tensor, k: int) -> torch.Tensor:
        """(B, labels)."""
        k = min(k, ranked.shape[1])
        worth = 1 + 1e-3 / torch.arange(1, k + 1)
        return torch.zeros(len(ranked), self.labels).scatter_add_(
            1, ranked[:, :k], worth.expand(len(ranked), k)
        )

    def __call__(self, share: torch.Tensor) -> torch.Tensor:
        return self.votes(self.ranked(share), self.k)


class Linear:
    """weight (F, labels) and bias on standardised features."""

    def __init__(self, of: Features, middle: torch.Tensor, scale: torch.Tensor, labels: int) -> None:
        self.of, self.middle, self.scale = of, middle, scale
        self.weight, self.bias = torch.zeros(len(middle), labels), torch.zeros(labels)

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.middle) / self.scale @ self.weight + self.bias

    def __call__(self, share: torch.Tensor) -> torch.Tensor:
        return self.scores(self.of(share))


def fitted(
    of: Features, x: torch.Tensor, targets: torch.Tensor, labels: int, strength: float, rounds: int = 60
) -> Linear:
    """One against all others by squared hinge loss (as LIBLINEAR, Fan et al. 2008), plus strength |w|^2 / 2, of features
    (N, F); the minimum is found by L-BFGS (Liu & Nocedal 1989)."""
    out = Linear(of, x.mean(0), x.std(0, correction=0).clamp(min=1e-6), labels)
    rows = (x - out.middle) / out.scale
    side = torch.full((len(x), labels), -1.0).scatter(1, targets[:, None], 1.0)
    w = torch.zeros(x.shape[1], labels, requires_grad=True)
    b = torch.zeros(labels, requires_grad=True)
    search = torch.optim.LBFGS([w, b], max_iter=rounds, line_search_fn="strong_wolfe", history_size=8)

    def closure() -> torch.Tensor:
        search.zero_grad()
        hinge = (1 - side * (rows @ w + b)).clamp(min=0).square().sum(1).mean()
        loss = hinge + strength / 2 * w.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        search.step(closure)
    out.weight, out.bias = w.detach(), b.detach()
    return out


class Remembered:
    """The codes of solids (B, 64, 64, 64), each made once: several linear machines begin with them."""

    def __init__(self, codec: ShapeAutoencoder) -> None:
        self.codec, self.held = codec, dict[bytes, torch.Tensor]()

    def encode(self, share: torch.Tensor) -> torch.Tensor:
        """(B, Z, P, P, P)."""
        keys = [hashlib.sha256(one.numpy().tobytes()).digest() for one in share]
        new = [k for k, key in enumerate(keys) if key not in self.held]
        if new:
            self.held |= dict(zip([keys[k] for k in new], self.codec.encode(share[new])))
        return torch.stack([self.held[key] for key in keys])


def critic_features(codec: Remembered, normalised: Features, critic: LatentCritic) -> Features:
    """What the convolutions of a critic of codes (nets/latent_gan.py) see, each the largest at 4^3 places or fewer (Wu et al.
    2016); codec, normalised: from solids to the codes that it has learned on."""

    def of(share: torch.Tensor) -> torch.Tensor:
        x, held = normalised(codec.encode(share)), []
        for layer in (critic.start, *critic.downs):
            x = nn.functional.leaky_relu(layer(x), 0.2)
            held.append(nn.functional.adaptive_max_pool3d(x, min(4, x.shape[-1])).flatten(1))
        return torch.cat(held, 1)

    return of


def code_features(codec: Remembered) -> Features:
    """The codes themselves."""
    return lambda share: codec.encode(share).flatten(1)


def chunks(
    shapes: LabelledShapes, kind: str, progress: Progress = lambda fraction: None, count: int | None = None
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Numbers and shares (B, 64, 64, 64) of the shapes, or of so many spread evenly, each turned as `kind` says and as its
    number in the corpus decides."""
    wanted = range(len(shapes)) if count is None else np.linspace(0, len(shapes) - 1, count).astype(int)
    numbers = [int(i) for i in wanted]
    for first in range(0, len(numbers), CHUNK):
        some = numbers[first : first + CHUNK]
        share = torch.from_numpy(np.stack([shapes.full(i) for i in some])).float()
        if kind != "none":
            turn = np.stack([evaluation_rotation(shapes.number(i), kind) for i in some])
            share = transform_voxels(share, torch.from_numpy(turn))
        yield some, share
        progress(min((first + CHUNK) / len(numbers), 1.0))


def best_plan(
    net: VoxelClassifier | PointNet,
    val: LabelledShapes,
    count: int,
    progress: Progress = lambda fraction: None,
) -> TestTimeAugmentation:
    """The plan whose answers are right most often on validation, upright and turned in any way, over objects and over
    categories alike; the first of equals. What staying is worth is fixed first, then how often is asked."""
    turns = isinstance(net, VoxelClassifier) and net.upright_estimator is not None
    kinds = ("none", "any") if turns else ("none",)
    held = {
        kind: [
            (numbers, share, net.score_poses(share))
            for numbers, share in chunks(val, kind, count=min(count, len(val)))
        ]
        for kind in kinds
    }

    def score(plan: TestTimeAugmentation) -> float:
        total = 0.0
        for some in held.values():
            said = [net.probabilities(share, plan, asked).argmax(1).numpy() for _, share, asked in some]
            targets = val.targets[[i for numbers, _, _ in some for i in numbers]]
            right = np.concatenate(said) == targets
            total += float(right.mean()) + balanced_accuracy(right, targets)
        return round(total, 6)

    def best(plans: list[TestTimeAugmentation], at: float) -> TestTimeAugmentation:
        scores = []
        for k, plan in enumerate(plans):
            scores.append(score(plan))
            progress(at + 0.5 * (k + 1) / len(plans))
        return plans[int(np.argmax(scores))]

    net.eval()
    stay = (
        best([TestTimeAugmentation(identity_bias=stay) for stay in STAYS], 0.0).identity_bias
        if turns
        else 0.0
    )
    return best([TestTimeAugmentation(identity_bias=stay), TestTimeAugmentation(1, True, stay)], 0.5)


def best_k(nearest: Nearest, val: LabelledShapes) -> int:
    """By accuracy on upright validation shapes; the smallest of equals."""
    ranked = torch.cat([nearest.ranked(share) for _, share in chunks(val, "none")])
    truth = torch.from_numpy(val.targets)
    right = [float((nearest.votes(ranked, k).argmax(1) == truth).float().mean()) for k in KS]
    return KS[int(np.argmax(right))]


def best_linear(
    of: Features, train: LabelledShapes, val: LabelledShapes, progress: Progress = lambda fraction: None
) -> tuple[Linear, float]:
    """The machine with the strength that is right most often on upright validation shapes, and that strength."""
    seen = torch.cat([of(share) for _, share in chunks(train, "none", progress)])
    held = torch.cat([of(share) for _, share in chunks(val, "none")])
    targets, truth = torch.from_numpy(train.targets), torch.from_numpy(val.targets)
    best: tuple[float, Linear, float] | None = None
    for strength in STRENGTHS:
        machine = fitted(of, seen, targets, len(train.names), strength)
        right = float((machine.scores(held).argmax(1) == truth).float().mean())
        if best is None or right > best[0]:
            best = right, machine, strength
    assert best is not None
    return best[1], best[2]
