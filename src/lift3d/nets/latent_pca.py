"""Principal components of latents, and samples of their first coordinates, from which the generation of a shape can begin.

A flow (nets/flow_matching.py) determines the overall form of a shape while its state is still mostly noise. Sixty training
shapes of a category are too few for that: details come out right, but the form is not that of the category. Sampling can
therefore begin later (Meng et al. 2022, arXiv:2108.01073; Blattmann et al. 2022, arXiv:2204.11824), from the coordinates y of a
latent along the K directions V of largest variance. The flow begins at the time b > 0 with

    x_b = (1 - b) e + b (m + V y),      e ~ N(0, 1),

which is close to the flow's own path from e, because at time b the noise hides all that V y lacks. For some categories the
coordinates of training shapes are stored (exemplars), and y interpolates two of them,

    y = y_i + s (y_j - y_i),

where j is one of the nearest exemplars to i and s is small. For the other categories y is sampled from a Gaussian (active shape
models, Cootes, Taylor, Cooper & Graham 1995) or a mixture (Cootes & Taylor 1999): a category has one cluster, a large category
several, each with a mean u and R directions w of largest variance, scaled to their standard deviations:

    y = u + sum_r c_r w_r,      c ~ N(0, 1).

Samples of clusters copy no training shape (evaluate/scores/generation.py), and the classifier recognises them as often as
interpolated exemplars. Shapes made of thin boards and legs need exemplars, because a weighted sum of two such shapes is no such
shape. A flow trained on these coordinates instead gave samples outside of their categories: one of eight chairs was a chair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

MAX_EXEMPLARS, NEIGHBOURS, MAX_MIX = 128, (3, 10), 0.4
"""MAX_EXEMPLARS: the most exemplars of a category. NEIGHBOURS: ranks of the nearest exemplars from which j is sampled (rank 0 is
the exemplar itself, 1 and 2 are mostly its own variants). MAX_MIX: the largest s."""


class LatentPCA(nn.Module):
    """count: K components; size: length of a flattened latent; exemplars: N stored exemplars; clusters: C clusters of all other
    categories together; axes: R axes of each cluster.

    Buffers, stored with the weights and set by `fit_exemplars` and `fit_clusters`: mean (size,), components (K, size),
    exemplars (N, K), exemplar_category (N,), cluster_mean (C, K), cluster_axes (C, R, K), cluster_category (C,) and
    cluster_size (C,)."""

    def __init__(self, count: int, size: int, exemplars: int, clusters: int = 0, axes: int = 1) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.components: torch.Tensor
        self.exemplars: torch.Tensor
        self.exemplar_category: torch.Tensor
        self.cluster_mean: torch.Tensor
        self.cluster_axes: torch.Tensor
        self.cluster_category: torch.Tensor
        self.cluster_size: torch.Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("components", torch.eye(count, size))
        self.register_buffer("exemplars", torch.zeros(exemplars, count))
        self.register_buffer("exemplar_category", torch.full((exemplars,), -1))
        self.register_buffer("cluster_mean", torch.zeros(clusters, count))
        self.register_buffer("cluster_axes", torch.zeros(clusters, axes, count))
        self.register_buffer("cluster_category", torch.full((clusters,), -1))
        self.register_buffer("cluster_size", torch.ones(clusters))

    def fit_exemplars(self, latents: torch.Tensor, exemplars: torch.Tensor, category: torch.Tensor) -> None:
        """Set the principal components from latents (M, size), and store the coordinates of exemplars (N, size) with their
        categories (N,)."""
        mean = latents.mean(0)
        self.mean.copy_(mean)
        self.components.copy_(principal_components(latents - mean, len(self.components))[0])
        self.exemplars.copy_(self.project(exemplars))
        self.exemplar_category.copy_(category)

    def fit_clusters(self, latents: torch.Tensor, clusters: Sequence[tuple[int, NDArray[np.int64]]]) -> None:
        """Set mean and axes of the clusters, each given as its category and the indices of its latents (M, size). To be called
        after `fit_exemplars`, which sets the components."""
        for k, (category, indices) in enumerate(clusters):
            own = self.project(latents[torch.from_numpy(indices)])
            axes, deviations = principal_components(own - own.mean(0), self.cluster_axes.shape[1])
            self.cluster_mean[k], self.cluster_axes[k] = own.mean(0), deviations[:, None] * axes
            self.cluster_category[k], self.cluster_size[k] = category, len(own)

    def project(self, x: torch.Tensor) -> torch.Tensor:
        """Coordinates (B, K) of latents (B, ...)."""
        return (x.flatten(1) - self.mean) @ self.components.T

    def reconstruct(self, y: torch.Tensor) -> torch.Tensor:
        """Flattened latents (B, size) of coordinates (B, K)."""
        return self.mean + y @ self.components

    def has_category(self, category: int) -> bool:
        """Whether `sample` supports this category."""
        return bool((self.exemplar_category == category).any() or (self.cluster_category == category).any())

    def has_exemplars(self, category: int) -> bool:
        """Whether exemplars of this category are stored."""
        return bool((self.exemplar_category == category).any())

    def sample(self, category: int, rng: np.random.Generator) -> torch.Tensor:
        """Coordinates (K,) of a shape of a category for which `has_category` is true."""
        return (
            self._interpolate(category, rng)
            if self.has_exemplars(category)
            else self._sample_cluster(category, rng)
        )

    def _interpolate(self, category: int, rng: np.random.Generator) -> torch.Tensor:
        """Coordinates (K,) between an exemplar and one of its neighbours."""
        own = self.exemplars[self.exemplar_category == category]
        first = own[int(rng.integers(len(own)))]
        near = (own - first).square().sum(1).argsort(stable=True)[slice(*NEIGHBOURS)]
        s = float(rng.uniform(0, MAX_MIX))
        if not len(near):
            return first
        return first + s * (own[int(near[int(rng.integers(len(near)))])] - first)

    def _sample_cluster(self, category: int, rng: np.random.Generator) -> torch.Tensor:
        """Coordinates (K,) sampled from the category's mixture of Gaussians."""
        own = torch.nonzero(self.cluster_category == category)[:, 0]
        weight = self.cluster_size[own].double()
        cluster = own[int(rng.choice(len(own), p=(weight / weight.sum()).numpy()))]
        c = torch.from_numpy(rng.standard_normal(self.cluster_axes.shape[1], np.float32))
        return self.cluster_mean[cluster] + c @ self.cluster_axes[cluster]


def choose_exemplars(categories: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Indices of the latents that become exemplars, evenly spaced, at most MAX_EXEMPLARS of a category. categories (N,): the
    category index of each latent; an index of `count` or more has no exemplars."""
    out = []
    for category in range(count):
        own = np.flatnonzero(categories == category)
        chosen = np.linspace(0, len(own) - 1, min(MAX_EXEMPLARS, len(own))).astype(int)
        out.append(own[chosen] if len(own) else own)
    return np.concatenate([np.zeros(0, np.int64), *out])


def principal_components(x: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions (count, size) of largest variance of x (N, size), whose mean is zero, the largest first, and their standard
    deviations (count,)."""
    wide = x.double()
    variance, axes = torch.linalg.eigh(wide.T @ wide / len(wide))
    largest = variance.argsort(descending=True)[:count]
    return axes.T[largest].to(x.dtype), variance[largest].clamp(min=0).sqrt().to(x.dtype)
