"""The outline that a drawing begins with: a code's first principal coordinates, between those of two known things of its kind.

What a thing is as a whole is decided while a flow still carries mostly noise, and of a kind with sixty shapes a network has then
seen too little: its details are right, and a chair is no chair. So a drawing may begin later, from something that is remembered
(Meng et al. 2022, arXiv:2108.01073; Blattmann et al. 2022, arXiv:2204.11824). Of known codes the coordinates y along the K
directions of largest variance V are kept, and the flow (nets/latent_flow.py) begins at the time b > 0 with

    x_b = (1 - b) e + b (m + V y),      y = y_i + s (y_j - y_i),      e ~ N(0, 1),

where j is one of the nearest to i and s is small. That is nearly where the flow's own path from e would be: at such a time noise
hides all that V y lacks. What is drawn has the layout of things of its kind and details of its own; how near to known things
it comes is measured (copies, evaluate/generation.py). A flow of these coordinates, trained instead of remembering them, was
broader than its kinds: of eight chairs one was a chair.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

MOST, NEAREST, MIXED = 128, (3, 10), 0.4
"""Codes that are kept of a kind; which of the nearest one is mixed with, after what is itself in another way; and how much of it
at most."""


class Outline(nn.Module):
    """count: K; size: numbers of a code; kept: N. `middle` (size,), `directions` (K, size), `known` (N, K) and `kind` (N,) are
    kept with the weights; `remember` sets them."""

    def __init__(self, count: int, size: int, kept: int) -> None:
        super().__init__()
        self.count = count
        self.middle: torch.Tensor
        self.directions: torch.Tensor
        self.known: torch.Tensor
        self.kind: torch.Tensor
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("directions", torch.eye(count, size))
        self.register_buffer("known", torch.zeros(kept, count))
        self.register_buffer("kind", torch.zeros(kept, dtype=torch.int64))

    def remember(self, codes: torch.Tensor, known: torch.Tensor, kind: torch.Tensor) -> None:
        """Directions of codes (M, size); coordinates of those that are kept (N, size), of kinds (N,)."""
        middle = codes.mean(0)
        centred = (codes - middle).double()
        directions = torch.linalg.eigh(centred.T @ centred / len(codes))[1].flip(1)
        self.middle.copy_(middle)
        self.directions.copy_(directions[:, : self.count].T)
        self.known.copy_(self.of(known))
        self.kind.copy_(kind)

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """(B, K) coordinates of codes (B, ...)."""
        return (x.flatten(1) - self.middle) @ self.directions.T

    def code(self, y: torch.Tensor) -> torch.Tensor:
        """(B, size) codes that have these coordinates and no others."""
        return self.middle + y @ self.directions

    def knows(self, kind: int) -> bool:
        return bool((self.kind == kind).any())

    def drawn(self, kind: int, rng: np.random.Generator) -> torch.Tensor:
        """(K,) coordinates between those of two known things of a kind, of which one at least is known."""
        own = self.known[self.kind == kind]
        first = own[int(rng.integers(len(own)))]
        near = (own - first).square().sum(1).argsort(stable=True)[slice(*NEAREST)]
        share = float(rng.uniform(0, MIXED))
        if not len(near):
            return first
        return first + share * (own[int(near[int(rng.integers(len(near)))])] - first)


def kept_of(kinds: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Numbers of the codes that are kept, of kinds (N,): MOST of each at most, evenly spread; none of a kind over `count`."""
    out = []
    for kind in range(count):
        own = np.flatnonzero(kinds == kind)
        out.append(own[np.linspace(0, len(own) - 1, min(MOST, len(own))).astype(int)] if len(own) else own)
    return np.concatenate([np.zeros(0, np.int64), *out])
