"""The outline that a drawing begins with: a code's first principal coordinates, near to those of known things of its kind.

What a thing is as a whole is decided while a flow still carries mostly noise, and of a kind with sixty shapes a network has then
seen too little: its details are right, and a chair is no chair. So a drawing may begin later (Meng et al. 2022,
arXiv:2108.01073; Blattmann et al. 2022, arXiv:2204.11824). Of codes the coordinates y along the K directions of largest
variance V are looked at, and the flow (nets/flow_matching.py) begins at the time b > 0 with

    x_b = (1 - b) e + b (m + V y),      e ~ N(0, 1).

That is nearly where the flow's own path from e would be: at such a time noise hides all that V y lacks. Of some kinds known
coordinates are remembered, and y lies between those of two of them,

    y = y_i + s (y_j - y_i),

where j is one of the nearest to i and s is small. Of the others none are: y is drawn as the oldest of shape models draws (active
shape models, Cootes, Taylor, Cooper & Graham 1995; as a mixture, Cootes & Taylor 1999). A kind is one part, a large kind several;
those of a part have a mean u and R directions w of their own in which they vary most, as long as their standard deviations, and

    y = u + sum_r c_r w_r,      c ~ N(0, 1).

What is drawn then is new (copies, evaluate/scores/generation.py), and is named as often; but things of boards and
legs, whose sums are
none, are made well only from what is remembered. A flow of these coordinates was broader than its kinds: of eight
chairs one was a chair.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

MAX_EXEMPLARS, NEIGHBOURS, MAX_MIX = 128, (3, 10), 0.4
"""Codes that are kept of a kind; which of the nearest one is mixed with, after what is itself in another way; and how much of it
at most."""


class LatentPCA(nn.Module):
    """count: K; size: numbers of a code; kept: N codes are remembered; parts: of all other kinds together; ways: R. `middle`
    (size,), `directions` (K, size), `known` (N, K) and `kind` (N,), and `means` (parts, K), `spread` (parts, R, K), `part`
    (parts,), its kind, and `share` (parts,) are kept with the weights; `remember` and `learn` set them."""

    def __init__(self, count: int, size: int, kept: int, parts: int = 0, ways: int = 1) -> None:
        super().__init__()
        self.middle: torch.Tensor
        self.directions: torch.Tensor
        self.known: torch.Tensor
        self.kind: torch.Tensor
        self.means: torch.Tensor
        self.spread: torch.Tensor
        self.part: torch.Tensor
        self.share: torch.Tensor
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("directions", torch.eye(count, size))
        self.register_buffer("known", torch.zeros(kept, count))
        self.register_buffer("kind", torch.full((kept,), -1))
        self.register_buffer("means", torch.zeros(parts, count))
        self.register_buffer("spread", torch.zeros(parts, ways, count))
        self.register_buffer("part", torch.full((parts,), -1))
        self.register_buffer("share", torch.ones(parts))

    def remember(self, codes: torch.Tensor, known: torch.Tensor, kind: torch.Tensor) -> None:
        """Directions of codes (M, size); coordinates of those that are kept (N, size), of kinds (N,)."""
        middle = codes.mean(0)
        self.middle.copy_(middle)
        self.directions.copy_(principal_components(codes - middle, len(self.directions))[0])
        self.known.copy_(self.of(known))
        self.kind.copy_(kind)

    def learn(self, codes: torch.Tensor, parts: Sequence[tuple[int, NDArray[np.int64]]]) -> None:
        """Of each part, a kind and the numbers of its codes (M, size), how it varies; after `remember`."""
        for k, (kind, numbers) in enumerate(parts):
            own = self.of(codes[torch.from_numpy(numbers)])
            ways, deviations = principal_components(own - own.mean(0), self.spread.shape[1])
            self.means[k], self.spread[k] = own.mean(0), deviations[:, None] * ways
            self.part[k], self.share[k] = kind, len(own)

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """(B, K) coordinates of codes (B, ...)."""
        return (x.flatten(1) - self.middle) @ self.directions.T

    def code(self, y: torch.Tensor) -> torch.Tensor:
        """(B, size) codes that have these coordinates and no others."""
        return self.middle + y @ self.directions

    def knows(self, kind: int) -> bool:
        return bool((self.kind == kind).any() or (self.part == kind).any())

    def remembers(self, kind: int) -> bool:
        return bool((self.kind == kind).any())

    def drawn(self, kind: int, rng: np.random.Generator) -> torch.Tensor:
        """(K,) coordinates of a thing of a kind that is known."""
        return self._between(kind, rng) if self.remembers(kind) else self._varied(kind, rng)

    def _between(self, kind: int, rng: np.random.Generator) -> torch.Tensor:
        own = self.known[self.kind == kind]
        first = own[int(rng.integers(len(own)))]
        near = (own - first).square().sum(1).argsort(stable=True)[slice(*NEIGHBOURS)]
        share = float(rng.uniform(0, MAX_MIX))
        if not len(near):
            return first
        return first + share * (own[int(near[int(rng.integers(len(near)))])] - first)

    def _varied(self, kind: int, rng: np.random.Generator) -> torch.Tensor:
        own = torch.nonzero(self.part == kind)[:, 0]
        shares = self.share[own].double()
        part = own[int(rng.choice(len(own), p=(shares / shares.sum()).numpy()))]
        c = torch.from_numpy(rng.standard_normal(self.spread.shape[1], np.float32))
        return self.means[part] + c @ self.spread[part]


def choose_exemplars(kinds: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Numbers of the codes that are kept, of kinds (N,): MOST of each at most, evenly spread; none of a kind over `count`."""
    out = []
    for kind in range(count):
        own = np.flatnonzero(kinds == kind)
        out.append(
            own[np.linspace(0, len(own) - 1, min(MAX_EXEMPLARS, len(own))).astype(int)] if len(own) else own
        )
    return np.concatenate([np.zeros(0, np.int64), *out])


def principal_components(x: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The `count` directions (count, size) in which x (N, size), whose mean is nothing, varies most, and how much: standard
    deviations (count,)."""
    wide = x.double()
    variance, axes = torch.linalg.eigh(wide.T @ wide / len(wide))
    most = variance.argsort(descending=True)[:count]
    return axes.T[most].to(x.dtype), variance[most].clamp(min=0).sqrt().to(x.dtype)
