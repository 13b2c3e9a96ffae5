"""Reconstruction of voxelised shapes: the autoencoder and its baselines, with one interface.

autoencoded   the network's latent code, decoded; optionally refined by gradient steps
components    principal components of the training shapes, as many as the code has dimensions
mean          the mean training shape, for every input
nearest       the training shape nearest by latent code, or with the largest IoU (an oracle)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.nets.mixed_precision import autocast_bfloat16
from lift3d.nets.shape_autoencoder import ShapeAutoencoder, refine_latent
from lift3d.train.data.shape_set import ShapeSet
from lift3d.types import F32

Progress = Callable[[float], None]
BATCH_SIZE, LARGE_BATCH = 16, 256
"""Shapes per batch; LARGE_BATCH where each batch requires a pass over all training shapes."""
BLOCK = 8192
"""Number of voxels of the training shapes that are unpacked at once."""


def _no_progress(fraction: float) -> None:
    """The default receiver of progress."""


class Reconstructor(Protocol):
    """A method that reconstructs shapes. batch_size: number of shapes per call."""

    batch_size: int

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """Occupancy (B, X, Y, Z) in [0, 1] of shapes (B, X, Y, Z)."""
        ...


class Autoencoded:
    """Reconstruction from the network's latent code, refined by `steps` gradient steps."""

    batch_size = BATCH_SIZE

    def __init__(self, net: ShapeAutoencoder, steps: int = 0) -> None:
        self.net, self.steps = net, steps

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """Occupancy (B, 64, 64, 64) decoded from the code of each shape (B, 64, 64, 64)."""
        voxels = torch.from_numpy(np.ascontiguousarray(full)).float()
        with torch.no_grad(), autocast_bfloat16():
            code = refine_latent(self.net, voxels, self.net.encode(voxels).float(), self.steps)
            logits = self.net.decode(code)
        return np.asarray(torch.sigmoid(logits.float()).numpy())


class TrainingVoxels:
    """The voxels of all training shapes, eight to a byte, read in blocks of voxels."""

    def __init__(self, train: ShapeSet, progress: Progress = _no_progress) -> None:
        rows = []
        for i in range(len(train)):
            rows.append(np.packbits(train.full(i)))
            if i % 200 == 0:
                progress(i / len(train))
        self.bits = np.stack(rows)

    def __len__(self) -> int:
        return len(self.bits)

    def blocks(self) -> list[tuple[int, int]]:
        """Ranges (first, last) of voxels that are processed together."""
        count = self.bits.shape[1] * 8
        return [(first, min(first + BLOCK, count)) for first in range(0, count, BLOCK)]

    def block(self, first: int, last: int) -> torch.Tensor:
        """(N, last - first) float32: one range of voxels of all shapes."""
        return torch.from_numpy(np.unpackbits(self.bits[:, first // 8 : last // 8], axis=1)).float()

    def shapes(self, indices: NDArray[np.int64], shape: tuple[int, ...]) -> F32:
        """The voxels of some shapes as float32 of the given shape."""
        return np.asarray(np.unpackbits(self.bits[indices], axis=1).reshape(shape), np.float32)


class PrincipalComponents:
    """Projection onto the first `length` principal components of the training voxels (Pearson 1901), or onto all if there are
    fewer. They are computed from the eigenvectors of the Gram matrix."""

    batch_size = LARGE_BATCH

    def __init__(self, training: TrainingVoxels, length: int, progress: Progress = _no_progress) -> None:
        n = len(training)
        self.training, self.length = training, min(length, n - 1)
        gram, means = torch.zeros(n, n), []
        blocks = training.blocks()
        for k, (first, last) in enumerate(blocks):
            voxels = training.block(first, last)
            means.append(voxels.mean(0))
            voxels -= means[-1]
            gram += voxels @ voxels.T
            progress((k + 1) / len(blocks))
        self.mean = torch.cat(means)
        values, vectors = torch.linalg.eigh(gram)
        self.values = values.flip(0)[: self.length].clamp(min=1e-6)
        self.vectors = vectors.flip(1)[:, : self.length].contiguous()

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """The projections (B, X, Y, Z) of shapes (B, X, Y, Z). Their values may be outside of [0, 1]."""
        flat = torch.from_numpy(full.reshape(len(full), -1)).float()
        product = torch.zeros(len(full), len(self.training))
        blocks = self.training.blocks()
        projected = []
        for first, last in blocks:
            centred = self.training.block(first, last) - self.mean[first:last]
            product += (flat[:, first:last] - self.mean[first:last]) @ centred.T
        weights = (product @ self.vectors / self.values) @ self.vectors.T
        for first, last in blocks:
            centred = self.training.block(first, last) - self.mean[first:last]
            projected.append(weights @ centred + self.mean[first:last])
        return np.asarray(torch.cat(projected, 1).view(full.shape).numpy())


class MeanShape:
    """The mean of all training shapes, for every input."""

    batch_size = BATCH_SIZE

    def __init__(self, training: TrainingVoxels) -> None:
        side = round((training.bits.shape[1] * 8) ** (1 / 3))
        blocks = [training.block(a, b).mean(0) for a, b in training.blocks()]
        self.mean = torch.cat(blocks).view(side, side, side)

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """The mean occupancy, repeated (B, X, Y, Z)."""
        return np.broadcast_to(self.mean.numpy(), full.shape)


class NearestVoxels:
    """The training shape with the largest IoU: an upper bound for retrieval."""

    batch_size = LARGE_BATCH

    def __init__(self, training: TrainingVoxels) -> None:
        self.training = training

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """The nearest training shapes (B, X, Y, Z)."""
        flat = torch.from_numpy(full.reshape(len(full), -1)).float()
        intersection, sizes = torch.zeros(len(full), len(self.training)), torch.zeros(len(self.training))
        for first, last in self.training.blocks():
            voxels = self.training.block(first, last)
            intersection += flat[:, first:last] @ voxels.T
            sizes += voxels.sum(1)
        best = (intersection / (flat.sum(1)[:, None] + sizes - intersection)).argmax(1).numpy()
        return self.training.shapes(best, full.shape)


class NearestLatent:
    """The training shape whose latent code is nearest by Euclidean distance. codes (N, ...): of the training shapes."""

    batch_size = BATCH_SIZE

    def __init__(self, training: TrainingVoxels, net: ShapeAutoencoder, codes: F32) -> None:
        self.training, self.net = training, net
        self.codes = torch.from_numpy(codes.reshape(len(codes), -1))

    def reconstruct(self, full: NDArray[np.bool_]) -> F32:
        """The nearest training shapes (B, 64, 64, 64)."""
        with torch.no_grad():
            own = self.net.encode(torch.from_numpy(np.ascontiguousarray(full)).float()).flatten(1)
        best = torch.cdist(own, self.codes).argmin(1).numpy()
        return self.training.shapes(best, full.shape)
