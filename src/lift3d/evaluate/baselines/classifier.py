"""Classification of voxelised shapes: networks and their baselines, with one interface.

network, plain, points   networks (nets/shape_classifier.py, nets/point_net.py) with test-time augmentation
nearest                  majority vote of the k nearest training shapes, by voxels at 32^3
linear                   linear support vector machine (Cortes & Vapnik 1995) on features of any network, by the protocol of
                         3D-GAN (Wu et al. 2016, arXiv:1610.07584)

Augmentation, k and the SVM's regularisation are chosen on the validation split.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.evaluate.interface import evenly_spaced
from lift3d.nets.latent_gan import LatentCritic
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_autoencoder import ShapeAutoencoder
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.nets.spatial_transformer import downsample, transform_voxels
from lift3d.train.data.labelled_shapes import LabelledShapes, evaluation_rotation
from lift3d.train.metrics import balanced_accuracy

Progress = Callable[[float], None]
Features = Callable[[torch.Tensor], torch.Tensor]
"""Occupancy (B, 64, 64, 64) to features (B, F)."""
F64 = NDArray[np.float64]
BATCH_SIZE = 32
GRID_SIZE = 32
"""Voxels along each side at which shapes are compared."""
NEIGHBOUR_COUNTS = (1, 3, 5, 9, 15)
REGULARISATION = (1e-4, 1e-3, 1e-2, 1e-1)
UPRIGHT_BIASES = (0.0, 1.0, 2.0, 3.0)
"""Candidates for k, for the weight of |w|^2 / 2, and for the bias of the given pose."""


def _no_progress(fraction: float) -> None:
    """The default receiver of progress."""


class Classifier(Protocol):
    """A method that classifies occupancy (B, 64, 64, 64): scores (B, K), the largest of which is the predicted label."""

    def __call__(self, voxels: torch.Tensor) -> torch.Tensor: ...


class NetworkClassifier:
    """A network with its weights and test-time augmentation."""

    def __init__(self, net: VoxelClassifier | PointNet, augmentation: TestTimeAugmentation) -> None:
        self.net, self.augmentation = net.eval(), augmentation

    def __call__(self, voxels: torch.Tensor) -> torch.Tensor:
        device = next(self.net.parameters()).device
        return self.net.probabilities(voxels.to(device), self.augmentation).cpu()


class NearestNeighbours:
    """Majority vote of the k nearest training shapes by Euclidean distance. Of labels with equal votes, the label of the nearer
    shapes is chosen."""

    def __init__(self, train: LabelledShapes, k: int = 1, progress: Progress = _no_progress) -> None:
        self.labels, self.targets, self.k = len(train.names), torch.from_numpy(train.targets), k
        self.rows = torch.zeros(len(train), GRID_SIZE**3, dtype=torch.uint8)
        for indices, voxels in rotated_batches(train, "none", progress):
            small = downsample(voxels, GRID_SIZE).flatten(1)
            self.rows[indices[0] : indices[-1] + 1] = (small * 255).round().to(torch.uint8)
        self.lengths = torch.cat([(part.float() / 255).square().sum(1) for part in self.rows.split(512)])

    def ranked(self, voxels: torch.Tensor) -> torch.Tensor:
        """(B, 15) labels of the nearest training shapes, nearest first; fewer columns if there are fewer training shapes."""
        query = downsample(voxels, GRID_SIZE).flatten(1)
        products = torch.cat([query @ (part.float() / 255).T for part in self.rows.split(512)], 1)
        count = min(NEIGHBOUR_COUNTS[-1], len(self.targets))
        nearest = (self.lengths - 2 * products).topk(count, 1, largest=False)
        return self.targets[nearest.indices]

    def votes(self, ranked: torch.Tensor, k: int) -> torch.Tensor:
        """(B, K) votes of the first k of the ranked labels (B, N)."""
        k = min(k, ranked.shape[1])
        vote = 1 + 1e-3 / torch.arange(1, k + 1)  # nearer shapes decide between equal votes
        return torch.zeros(len(ranked), self.labels).scatter_add_(
            1, ranked[:, :k], vote.expand(len(ranked), k)
        )

    def __call__(self, voxels: torch.Tensor) -> torch.Tensor:
        return self.votes(self.ranked(voxels), self.k)


class LinearSVM:
    """A linear classifier with weight (F, K) and bias (K,) on features, standardised by their mean and standard deviation
    (F,)."""

    def __init__(self, of: Features, mean: torch.Tensor, scale: torch.Tensor, labels: int) -> None:
        self.of, self.mean, self.scale = of, mean, scale
        self.weight, self.bias = torch.zeros(len(mean), labels), torch.zeros(labels)

    def scores(self, features: torch.Tensor) -> torch.Tensor:
        """(B, K) signed distances of features (B, F) from the separating planes."""
        return (features - self.mean) / self.scale @ self.weight + self.bias

    def __call__(self, voxels: torch.Tensor) -> torch.Tensor:
        return self.scores(self.of(voxels))


def fit_linear_svm(
    of: Features, x: torch.Tensor, targets: torch.Tensor, labels: int, strength: float, rounds: int = 60
) -> LinearSVM:
    """One-versus-rest SVM on features x (N, F) with labels `targets` (N,): squared hinge loss (LIBLINEAR, Fan et al. 2008) plus
    strength |w|^2 / 2, minimised by L-BFGS (Liu & Nocedal 1989) in at most `rounds` iterations."""
    out = LinearSVM(of, x.mean(0), x.std(0, correction=0).clamp(min=1e-6), labels)
    rows = (x - out.mean) / out.scale
    sign = torch.full((len(x), labels), -1.0).scatter(1, targets[:, None], 1.0)
    w = torch.zeros(x.shape[1], labels, requires_grad=True)
    b = torch.zeros(labels, requires_grad=True)
    optimiser = torch.optim.LBFGS([w, b], max_iter=rounds, line_search_fn="strong_wolfe", history_size=8)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        hinge = (1 - sign * (rows @ w + b)).clamp(min=0).square().sum(1).mean()
        loss = hinge + strength / 2 * w.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimiser.step(closure)
    out.weight, out.bias = w.detach(), b.detach()
    return out


class CachedEncoder:
    """An autoencoder's encoder with a cache of its codes, which several feature functions need."""

    def __init__(self, codec: ShapeAutoencoder) -> None:
        self.codec, self.cache = codec, dict[bytes, torch.Tensor]()

    def encode(self, voxels: torch.Tensor) -> torch.Tensor:
        """Latent codes (B, Z, P, P, P) of occupancy (B, 64, 64, 64)."""
        keys = [hashlib.sha256(one.numpy().tobytes()).digest() for one in voxels]
        new = [k for k, key in enumerate(keys) if key not in self.cache]
        if new:
            self.cache |= dict(zip([keys[k] for k in new], self.codec.encode(voxels[new])))
        return torch.stack([self.cache[key] for key in keys])


def critic_features(codec: CachedEncoder, normalised: Features, critic: LatentCritic) -> Features:
    """Activations of a critic's convolutions (nets/latent_gan.py), each max-pooled to at most 4^3 (Wu et al. 2016). normalised: a
    function from raw codes to the normalised codes of the critic's training."""

    def of(voxels: torch.Tensor) -> torch.Tensor:
        x, features = normalised(codec.encode(voxels)), []
        for layer in (critic.start, *critic.downs):
            x = nn.functional.leaky_relu(layer(x), 0.2)
            features.append(nn.functional.adaptive_max_pool3d(x, min(4, x.shape[-1])).flatten(1))
        return torch.cat(features, 1)

    return of


def latent_features(codec: CachedEncoder) -> Features:
    """The latent codes, flattened."""
    return lambda voxels: codec.encode(voxels).flatten(1)


def rotated_batches(
    shapes: LabelledShapes, pose: str, progress: Progress = _no_progress, count: int | None = None
) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Indices and occupancy (B, 64, 64, 64) of the shapes, or of `count` evenly spaced shapes. The rotation of each is determined
    by `pose` ("none", "up", "any") and the shape's index in the corpus."""
    indices = evenly_spaced(len(shapes), count).tolist()
    for first in range(0, len(indices), BATCH_SIZE):
        some = indices[first : first + BATCH_SIZE]
        voxels = torch.from_numpy(np.stack([shapes.full(i) for i in some])).float()
        if pose != "none":
            rotation = np.stack([evaluation_rotation(shapes.number(i), pose) for i in some])
            voxels = transform_voxels(voxels, torch.from_numpy(rotation))
        yield some, voxels
        progress(min((first + BATCH_SIZE) / len(indices), 1.0))


def choose_augmentation(
    net: VoxelClassifier | PointNet,
    val: LabelledShapes,
    count: int,
    progress: Progress = _no_progress,
) -> TestTimeAugmentation:
    """The augmentation with the largest sum of accuracy and balanced accuracy on `count` validation shapes, upright and in random
    rotations; the first of equals. The bias of the given pose is chosen first, then whether symmetries are averaged."""
    estimates_pose = isinstance(net, VoxelClassifier) and net.upright_estimator is not None
    poses = ("none", "any") if estimates_pose else ("none",)
    batches = {
        pose: [
            (indices, voxels, net.score_poses(voxels))
            for indices, voxels in rotated_batches(val, pose, count=min(count, len(val)))
        ]
        for pose in poses
    }

    def score(candidate: TestTimeAugmentation) -> float:
        total = 0.0
        for some in batches.values():
            predicted = [
                net.probabilities(voxels, candidate, scores).argmax(1).numpy() for _, voxels, scores in some
            ]
            targets = val.targets[[i for indices, _, _ in some for i in indices]]
            right = np.concatenate(predicted) == targets
            total += float(right.mean()) + balanced_accuracy(right, targets)
        return round(total, 6)

    def best(candidates: list[TestTimeAugmentation], at: float) -> TestTimeAugmentation:
        scores = []
        for k, candidate in enumerate(candidates):
            scores.append(score(candidate))
            progress(at + 0.5 * (k + 1) / len(candidates))
        return candidates[int(np.argmax(scores))]

    net.eval()
    bias = (
        best([TestTimeAugmentation(identity_bias=bias) for bias in UPRIGHT_BIASES], 0.0).identity_bias
        if estimates_pose
        else 0.0
    )
    return best([TestTimeAugmentation(identity_bias=bias), TestTimeAugmentation(1, True, bias)], 0.5)


def choose_k(nearest: NearestNeighbours, val: LabelledShapes) -> int:
    """The k with the largest accuracy on upright validation shapes; the smallest of equals."""
    ranked = torch.cat([nearest.ranked(voxels) for _, voxels in rotated_batches(val, "none")])
    truth = torch.from_numpy(val.targets)
    right = [float((nearest.votes(ranked, k).argmax(1) == truth).float().mean()) for k in NEIGHBOUR_COUNTS]
    return NEIGHBOUR_COUNTS[int(np.argmax(right))]


def choose_linear_svm(
    of: Features, train: LabelledShapes, val: LabelledShapes, progress: Progress = _no_progress
) -> tuple[LinearSVM, float]:
    """The SVM with the largest accuracy on upright validation shapes, and its regularisation."""
    features = torch.cat([of(voxels) for _, voxels in rotated_batches(train, "none", progress)])
    validation = torch.cat([of(voxels) for _, voxels in rotated_batches(val, "none")])
    targets, truth = torch.from_numpy(train.targets), torch.from_numpy(val.targets)
    best: tuple[float, LinearSVM, float] | None = None
    for strength in REGULARISATION:
        svm = fit_linear_svm(of, features, targets, len(train.names), strength)
        right = float((svm.scores(validation).argmax(1) == truth).float().mean())
        if best is None or right > best[0]:
            best = right, svm, strength
    assert best is not None
    return best[1], best[2]
