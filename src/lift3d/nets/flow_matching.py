"""From noise to the code of a shape along straight lines, given a kind: flow matching with a small transformer.

Flow matching (Lipman et al. 2023, arXiv:2210.02747, with the straight paths of Liu, Gong & Liu 2023, arXiv:2209.03003): with
noise e ~ N(0, 1), a code x and t in (0, 1),

    x_t = (1 - t) e + t x,      loss = | v(x_t, t, kind) - (x - e) |^2,      dx/dt = v carries noise to codes.

t is drawn from a logit-normal distribution (Esser et al. 2024, arXiv:2403.03206). The kind is left out at times, so that
both velocities are known and the one with the kind can be strengthened: v = v0 + w (v1 - v0) (Ho & Salimans 2022,
arXiv:2207.12598).

Network: convolutions at the code's own places keep it locally smooth; 4^3 of them, or 2^3 of 8^3 folded into one, are the
tokens of a transformer whose layers are scaled and shifted by time and kind (Peebles & Xie 2023, arXiv:2212.09748;
one table for all layers as in Chen et al. 2023, arXiv:2310.00426).
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
    """Two 3 x 3 x 3 convolutions with a shortcut, normalised in groups: (B, C, P, P, P) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv3d(channels, channels, 3, padding=1),
            nn.GroupNorm(8, channels), nn.SiLU(), nn.Conv3d(channels, channels, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.as_tensor(self.body(x))


class DiTBlock(nn.Module):
    """A transformer layer under six vectors: scale, shift and gate of attention and of the two linear maps."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.ask, self.answer = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 3 * width), nn.Linear(3 * width, width)
        self.own = nn.Parameter(torch.randn(6, width) * 0.02)

    def forward(self, x: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """x (B, T, W); told (B, 6, W), the same for all layers, to which the layer adds its own."""
        b, t, c = x.shape
        scale, shift, gate, scale2, shift2, gate2 = (told + self.own).unsqueeze(2).unbind(1)
        y = self.first(x) * (1 + scale) + shift
        q, k, v = self.ask(y).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        # written out: of so few tokens it is a fifth of the whole step faster on processors than torch's own
        weight = (q * (c // self.heads) ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        seen = (weight.to(v.dtype) @ v).transpose(1, 2).reshape(b, t, c)
        x = x + gate * self.answer(seen)
        y = self.second(x) * (1 + scale2) + shift2
        return x + torch.as_tensor(gate2 * self.narrow(nn.functional.gelu(self.wide(y))))


class LatentFlow(nn.Module):
    """kinds: how many there are; number `kinds` stands for any. Codes are normalised with `middle` and `spread`, which are
    kept with the weights."""

    def __init__(
        self,
        codes: int,
        kinds: int,
        width: int = 256,
        layers: int = 8,
        places: int = 4,
        local: int | None = None,
        outline: tuple[int, int, int, int] | None = None,
    ) -> None:
        """local: channels of the convolutions; 48 at 8 places and 96 at 4 if not given. outline: how many coordinates it
        has, of how many codes they are remembered, of how many parts it is known how they vary, and in how many ways
        (nets/latent_pca.py)."""
        super().__init__()
        local = local if local is not None else (96 if places == SIDE else 48)
        self.shape, self.kinds, self.fold = (codes, places, places, places), kinds, places // SIDE
        self.middle: torch.Tensor
        self.spread: torch.Tensor
        self.register_buffer("middle", torch.zeros(codes, 1, 1, 1))
        self.register_buffer("spread", torch.ones(codes, 1, 1, 1))
        self.open = nn.Conv3d(codes, local, 3, padding=1)
        self.smooth = GroupNormResBlock3d(local)
        self.token = nn.Linear(self.fold**3 * local, width)
        self.place = nn.Parameter(torch.randn(TOKENS, width) * 0.02)
        self.kind = nn.Embedding(kinds + 1, width)
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.told = nn.Linear(width, 6 * width)
        self.layers = nn.ModuleList(DiTBlock(width, width // 64) for _ in range(layers))
        self.settled = nn.LayerNorm(width)
        self.back = nn.Linear(width, self.fold**3 * local)
        self.join = nn.Conv3d(2 * local, local, 1)
        self.last = GroupNormResBlock3d(local)
        self.close = nn.Conv3d(local, codes, 3, padding=1)
        self.outline = LatentPCA(outline[0], codes * places**3, *outline[1:]) if outline else None
        nn.init.normal_(self.kind.weight, std=0.2)
        for still in (self.close, self.told):
            nn.init.zeros_(still.weight)
            nn.init.zeros_(still.bias)  # type: ignore[arg-type]

    def normalised(self, code: torch.Tensor) -> torch.Tensor:
        return (code - self.middle) / self.spread

    def code(self, x: torch.Tensor) -> torch.Tensor:
        """The inverse of `normalised`."""
        return x * self.spread + self.middle

    def forward(self, x: torch.Tensor, t: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
        """The velocity at x (B, Z, P, P, P), normalised, at times t (B,) of kinds (B,)."""
        angle = (t[:, None] * 1000) * torch.exp(
            torch.arange(FREQUENCIES, device=t.device) * (-math.log(10_000) / FREQUENCIES)
        )
        told = self.time(torch.cat([angle.sin(), angle.cos()], 1)) + self.kind(kind)
        told = self.told(nn.functional.silu(told)).view(len(x), 6, -1)
        local = self.smooth(self.open(x))
        y = self.token(voxel_unshuffle(local, self.fold).flatten(2).transpose(1, 2)) + self.place
        for layer in self.layers:
            y = layer(y, told)
        y = self.back(self.settled(y)).transpose(1, 2).unflatten(2, (SIDE, SIDE, SIDE))
        y = self.join(torch.cat([voxel_shuffle(y, self.fold), local], 1))
        return torch.as_tensor(self.close(self.last(y))).float()


def flow_matching_loss(net: LatentFlow, code: torch.Tensor, kind: torch.Tensor) -> torch.Tensor:
    """The mean squared error of the velocity at one time of each code."""
    x = net.normalised(code)
    noise = torch.randn_like(x)
    t = torch.sigmoid(torch.randn(len(x), device=x.device))
    at = t.view(-1, 1, 1, 1, 1)
    said = net((1 - at) * noise + at * x, t, kind)
    return torch.as_tensor((said - (x - noise)).square().mean())


def guided_velocity(
    net: LatentFlow, x: torch.Tensor, t: float, kind: torch.Tensor, guidance: float
) -> torch.Tensor:
    """With the kind strengthened; guidance 1 leaves it as it is, 0 leaves the kind out."""
    if guidance == 1:
        return torch.as_tensor(net(x, torch.full((len(x),), t), kind))
    both = net(
        torch.cat([x, x]), torch.full((2 * len(x),), t), torch.cat([kind, torch.full_like(kind, net.kinds)])
    )
    known, any_ = both.chunk(2)
    return torch.as_tensor(any_ + guidance * (known - any_))


def integrate_heun(
    net: LatentFlow, x: torch.Tensor, kind: torch.Tensor, steps: int = 24, guidance: float = 1.0,
    back: bool = False,
) -> torch.Tensor:  # fmt: skip
    """x along the flow: noise to normalised codes, or back; Heun's method, whose error falls with the square of the step."""
    times = torch.linspace(1, 0, steps + 1) if back else torch.linspace(0, 1, steps + 1)
    for a, b in zip(times.tolist(), times[1:].tolist()):
        first = guided_velocity(net, x, a, kind, guidance)
        second = guided_velocity(net, x + (b - a) * first, b, kind, guidance)
        x = x + (b - a) * 0.5 * (first + second)
    return x


def integrate_adams_bashforth(
    net: LatentFlow, x: torch.Tensor, kind: torch.Tensor, steps: int = 24, guidance: float = 1.0,
    guided: tuple[float, float] = (0.0, 1.0), begin: float = 0.0,
) -> torch.Tensor:  # fmt: skip
    """Noise along the flow to normalised codes by Adams and Bashforth's method of second order, whose first step is Heun's:
    as exact as Heun's for half of its velocities, and not to be turned around as exactly. guided: times between which the kind
    is strengthened. Earlier it makes all draws alike, later it changes nothing and costs as much (Kynkaanniemi et al. 2024,
    arXiv:2404.07724). begin: the time of x; the fewer steps are left."""

    def at(x: torch.Tensor, t: float) -> torch.Tensor:
        return guided_velocity(net, x, t, kind, guidance if guided[0] <= t <= guided[1] else 1.0)

    count = max(1, round(steps * (1 - begin)))
    size = (1 - begin) / count
    before = at(x, begin)
    x = x + size * 0.5 * (before + at(x + size * before, begin + size))
    for k in range(1, count):
        now = at(x, begin + k * size)
        x, before = x + size * (1.5 * now - 0.5 * before), now
    return x


def initial_state(net: LatentFlow, noise: torch.Tensor, outline: torch.Tensor, begin: float) -> torch.Tensor:
    """Noise (Z, P, P, P) and coordinates (K,) to where the flow begins at the time `begin`."""
    assert net.outline is not None
    return (1 - begin) * noise + begin * net.outline.code(outline).view_as(noise)
