"""Solids seen in another pose: a 3-D spatial transformer (Jaderberg et al. 2015, arXiv:1506.02025), and who says which pose.

However a solid is turned, what comes out fills the grid as a shape of the corpus does: its box lies in the middle and the
longest side of the box has length `FILL`. Gradients reach the pose through the places that are read; box and scale follow.

Which way is up has several good answers (a crate, a rock), and their mean is none of them: `Stand` names several poses, one
near each axis to begin with, and how likely each is; in training the nearest alone is pulled to the truth (multiple choice
learning, Guzman-Rivera, Batra & Kohli 2012).
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.shape_codes import folded
from lift3d.nets.views_to_volume import Solid, rotation

FILL = 15 / 16
"""Share of the grid that the longest side takes: 60 of 64 cells, as in the corpus."""
FULL = 0.2
"""A cell that is full to this share counts in the box."""
UPS = ((0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0))
"""Where the poses of `Stand` have their up when training begins."""


def smaller(cells: torch.Tensor, side: int) -> torch.Tensor:
    """(B, N, N, N) to (B, side, side, side): shares of larger cells."""
    if cells.shape[-1] == side:
        return cells
    if cells.shape[-1] % side:
        raise ValueError(f"{cells.shape[-1]} cells a side are no multiple of {side}")
    return nn.functional.avg_pool3d(cells[:, None], cells.shape[-1] // side)[:, 0]


def posed(share: torch.Tensor, turn: torch.Tensor, side: int | None = None) -> torch.Tensor:
    """(B, side, side, side) of shares (B, N, N, N), x y z, after the linear map (B, 3, 3), fitted into the grid again.

    turn: of points in the given frame to points in the new one; a rotation, or one with a stretch. An empty grid stays so."""
    b, n = len(share), share.shape[-1]
    side = n if side is None else side
    turn = turn.to(share.dtype)
    middle, half = box(share, turn.detach())
    line = (torch.arange(side, device=share.device, dtype=share.dtype) + 0.5) / side * 2 - 1
    lattice = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(1, -1, 3)
    there = lattice * (half / FILL)[:, None, None] + middle[:, None]
    here = there @ torch.linalg.inv(turn).transpose(1, 2)
    where = here.flip(2).view(b, side, side, side, 3)  # grid_sample counts the last axis first
    return nn.functional.grid_sample(share[:, None], where, align_corners=False)[:, 0]


def box(share: torch.Tensor, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Middle (B, 3) and half the longest side (B,) of what is full, after the map; in half sides of the grid."""
    n = share.shape[-1]
    line = (torch.arange(n, device=share.device, dtype=share.dtype) + 0.5) / n * 2 - 1
    full = share > FULL
    # of each column (x, y) the lowest and the highest full cell are enough: a linear map is largest at one of them
    low = torch.where(full, line, torch.inf).amin(3)
    high = torch.where(full, line, -torch.inf).amax(3)
    some = full.any(3)
    ends = torch.where(some[..., None], torch.stack([low, high], 3), 0.0)
    a = turn[:, :, None, None]
    ground = a[..., 0] * line[:, None] + a[..., 1] * line  # (B, 3, n, n): by x and y
    reach = a[..., 2, None] * ends[:, None]
    least = (ground + reach.amin(4)).masked_fill(~some[:, None], torch.inf).amin((2, 3))
    most = (ground + reach.amax(4)).masked_fill(~some[:, None], -torch.inf).amax((2, 3))
    held = some.any(2).any(1)[:, None]
    least, most = torch.where(held, least, -1.0), torch.where(held, most, 1.0)
    return (least + most) / 2, (most - least).amax(1) / 2 + 1 / n


class Stand(nn.Module):
    """(B, 32, 32, 32) in [-1, 1] to poses: columns (B, K, 6) of `rotation`, up first, and their scores (B, K)."""

    def __init__(self, width: int = 24, several: int = 6) -> None:
        super().__init__()
        self.several = several
        self.start = nn.Conv3d(8, width, 1)
        self.near = nn.Sequential(nn.Conv3d(width, 2 * width, 2, 2), nn.ReLU(), Solid(2 * width))
        self.far = nn.Sequential(nn.Conv3d(2 * width, 4 * width, 2, 2), nn.ReLU(), Solid(4 * width))
        self.seen = nn.Linear(4 * width * 64, 256)
        self.poses, self.scores = nn.Linear(256, 6 * several), nn.Linear(256, several)
        nn.init.normal_(self.poses.weight, std=1e-3)
        with torch.no_grad():
            start = [(*UPS[k % 6], *UPS[(k + 2) % 6]) for k in range(several)]
            self.poses.bias.copy_(torch.tensor(start, dtype=torch.float32).flatten())

    def forward(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.relu(self.start(folded(cells[:, None], 2)))
        x = torch.relu(self.seen(self.far(self.near(x)).flatten(1)))
        return self.poses(x).float().unflatten(1, (self.several, 6)), self.scores(x).float()


def pose_losses(
    poses: torch.Tensor, scores: torch.Tensor, truth: torch.Tensor, loose: float = 0.05
) -> tuple[torch.Tensor, torch.Tensor]:
    """(error, cross-entropy of the score), means over the batch. truth (B, 3, 3): the rotation that makes upright.

    Error: 1 - cosine of up, and a fifth of how far the front is from the nearest of the four quarters, as many things have no
    front, but sides; of the nearest pose, and of all others with the weight `loose`, so that none is forgotten."""
    b, k = scores.shape
    turn = rotation(poses.reshape(-1, 6)).view(b, k, 3, 3)
    up = 1 - (turn[:, :, 2] * truth[:, None, 2]).sum(-1)
    sides = (turn[:, :, :1] * truth[:, None, :2]).sum(-1).abs().amax(-1)
    error = up + 0.2 * (1 - sides)
    nearest = up.detach().argmin(1)
    weight = torch.full_like(error, loose / max(k - 1, 1)).scatter(1, nearest[:, None], 1 - loose)
    return (weight * error).sum(1).mean(), nn.functional.cross_entropy(scores, nearest)
