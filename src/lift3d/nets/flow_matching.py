"""Flow matching: a network whose velocity field carries noise to the latents of shapes, given a category.

Lipman et al. 2023, arXiv:2210.02747, with the straight paths of Liu, Gong & Liu 2023, arXiv:2209.03003: with noise e ~ N(0, 1),
a latent x and t in (0, 1),

    x_t = (1 - t) e + t x,      loss = | v(x_t, t, category) - (x - e) |^2,      dx/dt = v carries noise to latents.

t has a logit-normal distribution (Esser et al. 2024, arXiv:2403.03206). Training drops the category at random, so that the
difference between the conditional velocity v1 and the unconditional v0 can be amplified: v = v0 + w (v1 - v0)
(classifier-free guidance, Ho & Salimans 2022, arXiv:2207.12598).

Network: convolutions at the latent's own resolution keep it locally smooth; 4^3 patches are the tokens of a transformer, whose
layers are modulated by time and category (DiT, Peebles & Xie 2023, arXiv:2212.09748; one table for all layers as in Chen et
al. 2023, arXiv:2310.00426).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from lift3d.nets.blocks import voxel_shuffle, voxel_unshuffle
from lift3d.nets.latent_pca import LatentPCA

SIDE = 4
TOKENS = SIDE**3
FREQUENCIES = 64


class GroupNormResBlock3d(nn.Module):
    """Pre-activation residual block with group normalisation: (B, C, P, P, P) to the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv3d(channels, channels, 3, padding=1),
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv3d(channels, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, C, P, P, P)."""
        return x + torch.as_tensor(self.body(x))


class DiTBlock(nn.Module):
    """Transformer block modulated by scale, shift and gate of its attention and of its MLP (adaLN; Peebles & Xie 2023)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.modulation_bias = nn.Parameter(torch.randn(6, width) * 0.02)

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """Tokens (B, T, W) of tokens x (B, T, W). modulation (B, 6, W): common to all layers; each layer adds its own bias."""
        b, t, c = x.shape
        scale, shift, gate, scale2, shift2, gate2 = (modulation + self.modulation_bias).unsqueeze(2).unbind(1)
        y = self.norm1(x) * (1 + scale) + shift
        q, k, v = self.qkv(y).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        # Attention is written out: for 64 tokens on a CPU the whole step is a fifth faster than with torch's own function.
        weight = (q * (c // self.heads) ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        attended = (weight.to(v.dtype) @ v).transpose(1, 2).reshape(b, t, c)
        x = x + gate * self.proj(attended)
        y = self.norm2(x) * (1 + scale2) + shift2
        return x + torch.as_tensor(gate2 * self.fc2(nn.functional.gelu(self.fc1(y))))


class LatentFlow(nn.Module):
    """Velocity of normalised latents (B, channels, size, size, size).

    categories: number of categories; the index `categories` means "any category". The buffers `mean` and `std`
    (channels, 1, 1, 1) normalise latents and are stored with the weights."""

    def __init__(
        self,
        channels: int,
        categories: int,
        width: int = 256,
        layers: int = 8,
        size: int = 4,
        local: int | None = None,
        pca: tuple[int, int, int, int] | None = None,
    ) -> None:
        """size: voxels of a latent along each side, 4 or 8. local: channels of the convolutions; None: 96 at size 4 and 48 at
        size 8. pca: numbers of components, exemplars, clusters and axes of the `LatentPCA`; None: no PCA."""
        super().__init__()
        local = local if local is not None else (96 if size == SIDE else 48)
        self.shape, self.categories, self.patch = (channels, size, size, size), categories, size // SIDE
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.zeros(channels, 1, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1, 1))
        self.conv_in = nn.Conv3d(channels, local, 3, padding=1)
        self.local = GroupNormResBlock3d(local)
        self.embed = nn.Linear(self.patch**3 * local, width)
        self.pos_embed = nn.Parameter(torch.randn(TOKENS, width) * 0.02)
        self.category = nn.Embedding(categories + 1, width)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.modulation = nn.Linear(width, 6 * width)
        self.layers = nn.ModuleList(DiTBlock(width, width // 64) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.unembed = nn.Linear(width, self.patch**3 * local)
        self.join = nn.Conv3d(2 * local, local, 1)
        self.last = GroupNormResBlock3d(local)
        self.conv_out = nn.Conv3d(local, channels, 3, padding=1)
        self.pca = LatentPCA(pca[0], channels * size**3, *pca[1:]) if pca else None
        nn.init.normal_(self.category.weight, std=0.2)
        for zero in (self.conv_out, self.modulation):
            nn.init.zeros_(zero.weight)
            nn.init.zeros_(zero.bias)  # type: ignore[arg-type]

    def normalise(self, latent: torch.Tensor) -> torch.Tensor:
        """Latents of zero mean and unit variance in each channel, (B, channels, size, size, size)."""
        return (latent - self.mean) / self.std

    def denormalise(self, x: torch.Tensor) -> torch.Tensor:
        """The inverse of `normalise`."""
        return x * self.std + self.mean

    def forward(self, x: torch.Tensor, t: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        """The velocity, of x's shape, at normalised x (B, channels, size, size, size), times t (B,) and categories (B,)."""
        angle = (t[:, None] * 1000) * torch.exp(
            torch.arange(FREQUENCIES, device=t.device) * (-math.log(10_000) / FREQUENCIES)
        )
        condition = self.time(torch.cat([angle.sin(), angle.cos()], 1)) + self.category(category)
        modulation = self.modulation(nn.functional.silu(condition)).view(x.shape[0], 6, -1)
        local = self.local(self.conv_in(x))
        y = self.embed(voxel_unshuffle(local, self.patch).flatten(2).transpose(1, 2)) + self.pos_embed
        for layer in self.layers:
            y = layer(y, modulation)
        y = self.unembed(self.norm(y)).transpose(1, 2).reshape(x.shape[0], -1, SIDE, SIDE, SIDE)
        y = self.join(torch.cat([voxel_shuffle(y, self.patch), local], 1))
        return torch.as_tensor(self.conv_out(self.last(y))).float()


def flow_matching_loss(net: LatentFlow, latent: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
    """The mean squared error of the velocity, a scalar, at one random time for each latent (B, channels, size, size, size)."""
    x = net.normalise(latent)
    noise = torch.randn_like(x)
    t = torch.sigmoid(torch.randn(len(x), device=x.device))
    at = t.view(-1, 1, 1, 1, 1)
    velocity = net((1 - at) * noise + at * x, t, category)
    return torch.as_tensor((velocity - (x - noise)).square().mean())


def guided_velocity(
    net: LatentFlow, x: torch.Tensor, t: float, category: torch.Tensor, guidance: float
) -> torch.Tensor:
    """The velocity, of x's shape, at x and time t with classifier-free guidance. guidance: 1 for the conditional velocity, 0 for
    the unconditional one."""
    if guidance == 1:
        return torch.as_tensor(net(x, torch.full((len(x),), t), category))
    both = net(
        torch.cat([x, x]),
        torch.full((2 * len(x),), t),
        torch.cat([category, torch.full_like(category, net.categories)]),
    )
    conditional, unconditional = both.chunk(2)
    return torch.as_tensor(unconditional + guidance * (conditional - unconditional))


def integrate_heun(
    net: LatentFlow, x: torch.Tensor, category: torch.Tensor, steps: int = 24, guidance: float = 1.0,
    reverse: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Integrate from noise x to normalised latents, or the reverse, by Heun's method, which is of second order."""
    times = torch.linspace(1, 0, steps + 1) if reverse else torch.linspace(0, 1, steps + 1)
    for a, b in zip(times.tolist(), times[1:].tolist()):
        first = guided_velocity(net, x, a, category, guidance)
        second = guided_velocity(net, x + (b - a) * first, b, category, guidance)
        x = x + (b - a) * 0.5 * (first + second)
    return x


def integrate_adams_bashforth(
    net: LatentFlow, x: torch.Tensor, category: torch.Tensor, steps: int = 24, guidance: float = 1.0,
    guided: tuple[float, float] = (0.0, 1.0), begin: float = 0.0,
) -> torch.Tensor:  # fmt: skip
    """Integrate from noise x to normalised latents by the two-step Adams-Bashforth method, whose first step is Heun's.

    The method is as accurate as Heun's with half the evaluations of the velocity, but less exactly reversible. guided: the times
    between which guidance applies: guidance before makes all samples alike, guidance after has no effect (Kynkaanniemi et al.
    2024, arXiv:2404.07724). begin: the time of x; only the part of `steps` after this time is computed."""

    def at(x: torch.Tensor, t: float) -> torch.Tensor:
        return guided_velocity(net, x, t, category, guidance if guided[0] <= t <= guided[1] else 1.0)

    count = max(1, round(steps * (1 - begin)))
    size = (1 - begin) / count
    before = at(x, begin)
    x = x + size * 0.5 * (before + at(x + size * before, begin + size))
    for k in range(1, count):
        now = at(x, begin + k * size)
        x, before = x + size * (1.5 * now - 0.5 * before), now
    return x


def initial_state(
    net: LatentFlow, noise: torch.Tensor, coordinates: torch.Tensor, begin: float
) -> torch.Tensor:
    """The state (Z, P, P, P) of the flow at time `begin`: noise (Z, P, P, P) mixed with the latent of principal coordinates
    (K,)."""
    assert net.pca is not None
    return (1 - begin) * noise + begin * net.pca.reconstruct(coordinates).view_as(noise)
