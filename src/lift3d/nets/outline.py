"""The outline of a code before the code: its first principal coordinates, drawn for a kind by a flow of their own.

What a thing is as a whole is decided while a flow still carries mostly noise, and of a kind with sixty shapes a large network
has then seen too little: its details are right, and a chair is no chair. So a drawing begins as in cascades (Ho et al. 2022,
arXiv:2106.15282): a small network, which sees every shape hundreds of times in the same minutes, draws the coordinates y of a
code along the K directions of largest variance V; the larger flow (nets/latent_flow.py) begins at the time b > 0 with

    x_b = (1 - b) e + b (m + V y),      e ~ N(0, 1),

which is nearly where its own path would be (Meng et al. 2022, arXiv:2108.01073), since noise hides at that time what V y lacks.
"""

from __future__ import annotations

import math

import torch
from torch import nn

FREQUENCIES = 64


class Told(nn.Module):
    """A layer of two linear maps with a shortcut, scaled, shifted and gated by time and kind: (B, W) to the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.tell = nn.Linear(width, 3 * width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        nn.init.zeros_(self.tell.weight)
        nn.init.zeros_(self.tell.bias)

    def forward(self, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        scale, shift, gate = self.tell(told).chunk(3, 1)
        y = self.norm(x) * (1 + scale) + shift
        return x + torch.as_tensor((1 + gate) * self.narrow(nn.functional.gelu(self.wide(y))))


class Outline(nn.Module):
    """Velocities of K coordinates, each in its own standard deviation. kinds: number `kinds` stands for any; size: numbers of a
    code. `middle` (size,), `directions` (K, size) and `spread` (K,) are kept with the weights; `learn` sets them."""

    def __init__(self, kinds: int, count: int, size: int, width: int = 256, layers: int = 3) -> None:
        super().__init__()
        self.count, self.kinds = count, kinds
        self.middle: torch.Tensor
        self.directions: torch.Tensor
        self.spread: torch.Tensor
        self.register_buffer("middle", torch.zeros(size))
        self.register_buffer("directions", torch.eye(count, size))
        self.register_buffer("spread", torch.ones(count))
        self.open, self.close = nn.Linear(count, width), nn.Linear(width, count)
        self.kind = nn.Embedding(kinds + 1, width)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.layers = nn.ModuleList(Told(width) for _ in range(layers))
        self.settled = nn.LayerNorm(width)
        nn.init.normal_(self.kind.weight, std=0.5)
        nn.init.zeros_(self.close.weight)
        nn.init.zeros_(self.close.bias)

    def learn(self, codes: torch.Tensor) -> None:
        """Directions of codes (N, size), of which there are `count` or more."""
        middle = codes.mean(0)
        centred = codes - middle
        variance, directions = torch.linalg.eigh(centred.T.double() @ centred.double() / len(codes))
        self.middle.copy_(middle)
        self.directions.copy_(directions.flip(1)[:, : self.count].T)
        self.spread.copy_(variance.flip(0)[: self.count].clamp(min=1e-6).sqrt())

    def of(self, x: torch.Tensor) -> torch.Tensor:
        """(B, K) coordinates of codes (B, ...)."""
        return (x.flatten(1) - self.middle) @ self.directions.T / self.spread

    def code(self, y: torch.Tensor) -> torch.Tensor:
        """(B, size) codes that have these coordinates and no others."""
        return self.middle + (y * self.spread) @ self.directions

    def forward(self, y: torch.Tensor, t: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        """The velocity at y (B, K), at times t (B,) of kinds (B,)."""
        angle = (t[:, None] * 1000) * torch.exp(
            torch.arange(FREQUENCIES, device=t.device) * (-math.log(10_000) / FREQUENCIES)
        )
        told = self.time(torch.cat([angle.sin(), angle.cos()], 1)) + self.kind(kind)
        told = nn.functional.silu(told)
        x = self.open(y)
        for layer in self.layers:
            x = layer(x, told)
        return torch.as_tensor(self.close(self.settled(x)))

    def loss(self, x: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        """Of normalised codes (B, ...), as `flow_loss` (nets/latent_flow.py)."""
        y = self.of(x)
        noise = torch.randn_like(y)
        t = torch.sigmoid(torch.randn(len(y), device=y.device))
        said = self((1 - t[:, None]) * noise + t[:, None] * y, t, kind)
        return (said - (y - noise)).square().mean()

    def drawn(self, noise: torch.Tensor, kind: torch.Tensor, steps: int = 32) -> torch.Tensor:
        """(B, K) noise to coordinates by Heun's method."""
        y, size = noise, 1 / steps
        for k in range(steps):
            first = self(y, torch.full((len(y),), k * size), kind)
            second = self(y + size * first, torch.full((len(y),), (k + 1) * size), kind)
            y = y + size * 0.5 * (first + second)
        return y
