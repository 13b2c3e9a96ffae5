"""An autoencoder of occupancy grids, plain or variational: 64^3 voxels to a small latent grid and back.

Patches of 4^3 voxels become channels first (sub-pixel convolution, Shi et al. 2016, arXiv:1609.05158), so that 64^3 voxels cost
as much as 16^3. Residual 3-D convolutions (He et al. 2016) at 16^3, 8^3 and 4^3 follow; the decoder reverses them. The latent
is a grid (Z, P, P, P), P = 4 or 8; each of its voxels describes the shape around it.

Variational (Kingma & Welling 2014, arXiv:1312.6114). With q(z|x) = N(m(x), s(x)^2), a prior N(0, 1) and voxels that are
independent given z,

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))                                   (the evidence lower bound)
    E_q[log p(x|z)] = - sum over voxels of the binary cross-entropy at one z = m + s e, e ~ N(0, 1)     (their eq. 10)
    KL = 1/2 sum over the latent of (m^2 + s^2 - log s^2 - 1)                                    (their appendix B)

because  log p(x) = E_q[log p(x, z) - log q(z|x)] + KL(q(z|x) || p(z|x))  and the last term is never negative.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, voxel_shuffle, voxel_unshuffle

INITIAL_LOG_VARIANCE = -6.0
"""Log variance of the posterior before training."""


class ShapeEncoder(nn.Module):
    """(B, inputs, 64, 64, 64) to the posterior: mean and log variance, each (B, channels, size, size, size).

    The names of the tensors identify the latent space (inference/networks.py); `spread` computes the log variance."""

    def __init__(self, width: int = 64, channels: int = 16, size: int = 4, inputs: int = 1) -> None:
        super().__init__()
        self.start = nn.Conv3d(inputs * PATCH_SIZE**3, width, 1)
        self.fine = ResBlock3d(width)
        self.down = nn.Conv3d(width, 2 * width, 2, 2)
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        deep = 5 * width // 2 if size == 4 else 2 * width
        self.narrow = (
            nn.Sequential(nn.Conv3d(2 * width, deep, 2, 2), nn.ReLU(), ResBlock3d(deep))
            if size == 4
            else nn.Identity()
        )
        self.mean = nn.Conv3d(deep, channels, 1)
        self.spread = nn.Conv3d(deep, channels, 1)
        nn.init.zeros_(self.spread.weight)
        nn.init.constant_(self.spread.bias, INITIAL_LOG_VARIANCE)  # type: ignore[arg-type]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Features (B, 5/2 width, 4, 4, 4) for latents of size 4, (B, 2 width, 8, 8, 8) for latents of size 8."""
        x = self.fine(torch.relu(self.start(voxel_unshuffle(x))))
        return torch.as_tensor(self.narrow(self.coarse(torch.relu(self.down(x)))))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance in float32; the log variance is clamped to [-12, 4]."""
        x = self.features(x)
        return self.mean(x).float(), self.spread(x).float().clamp(-12, 4)


class ShapeDecoder(nn.Module):
    """Latents (B, channels, size, size, size) to occupancy logits (B, 64, 64, 64)."""

    def __init__(self, width: int = 64, channels: int = 16, size: int = 4) -> None:
        super().__init__()
        deep = 5 * width // 2 if size == 4 else 2 * width
        self.start = nn.Conv3d(channels, deep, 3, padding=1)
        self.widen = (
            nn.Sequential(ResBlock3d(deep), nn.ConvTranspose3d(deep, 2 * width, 2, 2), nn.ReLU())
            if size == 4
            else nn.Identity()
        )
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        self.up = nn.ConvTranspose3d(2 * width, width, 2, 2)
        self.fine = nn.Sequential(ResBlock3d(width), ResBlock3d(width))
        self.head = nn.Conv3d(width, PATCH_SIZE**3, 1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Logits (B, 64, 64, 64) in float32."""
        x = self.coarse(self.widen(torch.relu(self.start(latent))))
        x = self.fine(torch.relu(self.up(x)))
        return voxel_shuffle(self.head(x)).float()[:, 0]


class ShapeAutoencoder(nn.Module):
    """Encoder and decoder of occupancy (B, 64, 64, 64) in [0, 1]. `shape` is the shape of a latent, (channels, size, size,
    size)."""

    def __init__(self, width: int = 64, channels: int = 16, size: int = 4) -> None:
        super().__init__()
        self.shape = (channels, size, size, size)
        self.encoder = ShapeEncoder(width, channels, size)
        self.decoder = ShapeDecoder(width, channels, size)

    def posterior(self, occupancy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latents, each (B, *shape), of occupancy (B, 64, 64, 64)."""
        mean, log_variance = self.encoder(2 * occupancy[:, None] - 1)
        return mean, log_variance

    def encode(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Latents (B, *shape): the posterior's mean."""
        return self.posterior(occupancy)[0]

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Occupancy logits (B, 64, 64, 64)."""
        return torch.as_tensor(self.decoder(latent))

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Logits (B, 64, 64, 64) of the reconstruction."""
        return self.decode(self.encode(occupancy))


def kl_divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """KL of N(mean, exp(log_variance)) from N(0, 1) in nats, element by element."""
    return 0.5 * (mean**2 + log_variance.exp() - log_variance - 1)


def refine_latent(
    net: ShapeAutoencoder, occupancy: torch.Tensor, latent: torch.Tensor, steps: int, rate: float = 0.05
) -> torch.Tensor:
    """Latents (B, *shape), optimised from the encoder's output so that the decoder reconstructs occupancy (B, 64, 64, 64) best.

    The encoder's output is only a first estimate (Kim et al. 2018, arXiv:1802.02550; Park et al. 2019, arXiv:1901.05103,
    section 4.2). Adam (Kingma & Ba 2015, algorithm 1; torch's own implementation loads its compiler for seconds first) minimises
    the training loss; a step is about `rate` times the latents' standard deviation and decreases to zero. The result for a shape
    does not depend on the rest of the batch."""
    if steps < 1:
        return latent
    requires_grad = [p.requires_grad for p in net.parameters()]
    net.requires_grad_(False)
    scale = latent.detach().flatten(1).std(1).clamp(min=1e-3).view(-1, 1, 1, 1, 1)
    offset = torch.zeros_like(latent).requires_grad_()
    first, second = torch.zeros_like(latent), torch.zeros_like(latent)
    with torch.enable_grad():
        for step in range(steps):
            logits = net.decode(latent.detach() + scale * offset)
            probability = torch.sigmoid(logits)
            both, sizes = (probability * occupancy).sum((1, 2, 3)), (probability + occupancy).sum((1, 2, 3))
            entropy = nn.functional.binary_cross_entropy_with_logits(logits, occupancy, reduction="none")
            loss = (entropy.mean((1, 2, 3)) - (both + 0.5) / (sizes + 1)).sum()
            (gradient,) = torch.autograd.grad(loss, offset)
            with torch.no_grad():
                first = 0.9 * first + 0.1 * gradient
                second = 0.999 * second + 0.001 * gradient * gradient
                mean, square = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
                offset -= rate * (1 - step / steps) * mean / (square.sqrt() + 1e-8)
    for p, wanted in zip(net.parameters(), requires_grad):
        p.requires_grad_(wanted)
    return latent.detach() + scale * offset.detach()
