"""From what a solid fills to a small grid of numbers and back: an autoencoder, and a variational one.

Space is folded first: 4^3 neighbouring cells become channels (as in sub-pixel convolution, Shi et al. 2016,
arXiv:1609.05158), so that 64^3 cells cost what 16^3 do. Residual 3-D convolutions (He et al. 2016) at 16^3, 8^3 and 4^3
follow; the decoder mirrors them. The code is a small grid (Z, P, P, P), P = 4 or 8, where each place tells of its cells and,
through the convolutions, of those around.

Variational (Kingma & Welling 2014, arXiv:1312.6114). With q(z|x) = N(m(x), s(x)^2), a prior N(0, 1) and cells that are
independent given z,

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))                                   (the evidence lower bound)
    E_q[log p(x|z)] = - sum over cells of the binary cross-entropy at one z = m + s e, e ~ N(0, 1)      (their eq. 10)
    KL = 1/2 sum over the code of (m^2 + s^2 - log s^2 - 1)                                      (their appendix B)

because  log p(x) = E_q[log p(x, z) - log q(z|x)] + KL(q(z|x) || p(z|x))  and the last term is never negative.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, voxel_shuffle, voxel_unshuffle

QUIET = -6.0
"""Log variance that the posterior begins with."""


class ShapeEncoder(nn.Module):
    """(B, inputs, 64, 64, 64) to the posterior: mean and log variance, each (B, codes, places, places, places)."""

    def __init__(self, width: int = 64, codes: int = 16, places: int = 4, inputs: int = 1) -> None:
        super().__init__()
        self.start = nn.Conv3d(inputs * PATCH_SIZE**3, width, 1)
        self.fine = ResBlock3d(width)
        self.down = nn.Conv3d(width, 2 * width, 2, 2)
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        deep = 5 * width // 2 if places == 4 else 2 * width
        self.narrow = (
            nn.Sequential(nn.Conv3d(2 * width, deep, 2, 2), nn.ReLU(), ResBlock3d(deep))
            if places == 4
            else nn.Identity()
        )
        self.mean = nn.Conv3d(deep, codes, 1)
        self.spread = nn.Conv3d(deep, codes, 1)
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, QUIET)  # type: ignore[arg-type]

    def features(self, cells: torch.Tensor) -> torch.Tensor:
        """(B, 5/2 width, 4, 4, 4), or (B, 2 * width, 8, 8, 8) for codes of 8 places."""
        x = self.fine(torch.relu(self.start(voxel_unshuffle(cells))))
        return torch.as_tensor(self.narrow(self.coarse(torch.relu(self.down(x)))))

    def forward(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.features(cells)
        return self.mean(x).float(), self.spread(x).float().clamp(-12, 4)


class ShapeDecoder(nn.Module):
    """(B, codes, places, places, places) to logits (B, 64, 64, 64)."""

    def __init__(self, width: int = 64, codes: int = 16, places: int = 4) -> None:
        super().__init__()
        deep = 5 * width // 2 if places == 4 else 2 * width
        self.start = nn.Conv3d(codes, deep, 3, padding=1)
        self.widen = (
            nn.Sequential(ResBlock3d(deep), nn.ConvTranspose3d(deep, 2 * width, 2, 2), nn.ReLU())
            if places == 4
            else nn.Identity()
        )
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        self.up = nn.ConvTranspose3d(2 * width, width, 2, 2)
        self.fine = nn.Sequential(ResBlock3d(width), ResBlock3d(width))
        self.head = nn.Conv3d(width, PATCH_SIZE**3, 1)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        x = self.coarse(self.widen(torch.relu(self.start(code))))
        x = self.fine(torch.relu(self.up(x)))
        return voxel_shuffle(self.head(x)).float()[:, 0]


class ShapeAutoencoder(nn.Module):
    """Encoder and decoder; cells come as shares in [0, 1]. shape: of a code."""

    def __init__(self, width: int = 64, codes: int = 16, places: int = 4) -> None:
        super().__init__()
        self.shape = (codes, places, places, places)
        self.encoder = ShapeEncoder(width, codes, places)
        self.decoder = ShapeDecoder(width, codes, places)

    def posterior(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the codes of (B, 64, 64, 64) shares."""
        mean, spread = self.encoder(2 * cells[:, None] - 1)
        return mean, spread

    def encode(self, cells: torch.Tensor) -> torch.Tensor:
        """The code itself: the posterior's mean."""
        return self.posterior(cells)[0]

    def decode(self, code: torch.Tensor) -> torch.Tensor:
        """Logits (B, 64, 64, 64)."""
        return torch.as_tensor(self.decoder(code))

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        return self.decode(self.encode(cells))


def kl_divergence(mean: torch.Tensor, spread: torch.Tensor) -> torch.Tensor:
    """KL of N(mean, exp(spread)) from N(0, 1), in nats, each number of the code by itself."""
    return 0.5 * (mean**2 + spread.exp() - spread - 1)


def refine_latent(
    net: ShapeAutoencoder, cells: torch.Tensor, code: torch.Tensor, steps: int, rate: float = 0.05
) -> torch.Tensor:
    """The code of (B, 64, 64, 64) shares, moved to where its decoder makes them best: what the encoder says is a first guess
    (Kim et al. 2018, arXiv:1802.02550; Park et al. 2019, arXiv:1901.05103, section 4.2). Adam (Kingma & Ba 2015, algorithm 1;
    torch's own loads its compiler first, for seconds) on the loss of training, a step is about `rate` of the codes' spread
    and falls to nothing. Each shape is by itself, whatever else is in the batch."""
    if steps < 1:
        return code
    kept = [p.requires_grad for p in net.parameters()]
    net.requires_grad_(False)
    scale = code.detach().flatten(1).std(1).clamp(min=1e-3).view(-1, 1, 1, 1, 1)
    moved = torch.zeros_like(code).requires_grad_()
    first, second = torch.zeros_like(code), torch.zeros_like(code)
    with torch.enable_grad():
        for step in range(steps):
            said = net.decode(code.detach() + scale * moved)
            share = torch.sigmoid(said)
            both, sizes = (share * cells).sum((1, 2, 3)), (share + cells).sum((1, 2, 3))
            entropy = nn.functional.binary_cross_entropy_with_logits(said, cells, reduction="none")
            loss = (entropy.mean((1, 2, 3)) - (both + 0.5) / (sizes + 1)).sum()
            (slope,) = torch.autograd.grad(loss, moved)
            with torch.no_grad():
                first = 0.9 * first + 0.1 * slope
                second = 0.999 * second + 0.001 * slope * slope
                mean, square = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
                moved -= rate * (1 - step / steps) * mean / (square.sqrt() + 1e-8)
    for p, wanted in zip(net.parameters(), kept):
        p.requires_grad_(wanted)
    return code.detach() + scale * moved.detach()
