"""Solids seen in another pose: a 3-D spatial transformer (Jaderberg et al. 2015, arXiv:1506.02025), and who says which pose.

However a solid is turned, what comes out fills the grid as a shape of the corpus does: its box lies in the middle and the
longest side of the box has length `FILL`. Gradients reach the pose through the places that are read; box and scale follow.

The rotation is hardly learned from cells at once: a network of six guesses, pulled to the truth, was wrong about up by 87
degrees in the median after 1,000 steps of 32 shapes. So `Stand` is given exact axes (nets/principal_frames.py):
those along which most
faces lie, the principal ones, and the grid's own. Each of the six directions of each may be up, and what is left to learn is how
upright a thing looks. Of validation shapes turned in any way one of the first twelve is within 10 degrees of up for 89 of 100.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import ResBlock3d, voxel_unshuffle
from lift3d.nets.principal_frames import principal_axis_frames, rectilinear_frames
from lift3d.nets.rotation6d import rotation_from_6d

FILL = 15 / 16
"""Share of the grid that the longest side takes: 60 of 64 cells, as in the corpus."""
FULL = 0.2
"""A cell that is full to this share counts in the box."""
POSES, OWN = 18, 2
"""Six directions of each of three frames; the one that leaves a thing as it stands."""


def downsample(cells: torch.Tensor, side: int) -> torch.Tensor:
    """(B, N, N, N) to (B, side, side, side): shares of larger cells."""
    if cells.shape[-1] == side:
        return cells
    if cells.shape[-1] % side:
        raise ValueError(f"{cells.shape[-1]} cells a side are no multiple of {side}")
    return nn.functional.avg_pool3d(cells[:, None], cells.shape[-1] // side)[:, 0]


def transform_voxels(share: torch.Tensor, turn: torch.Tensor, side: int | None = None) -> torch.Tensor:
    """(B, side, side, side) of shares (B, N, N, N), x y z, after the linear map (B, 3, 3), fitted into the grid again.

    turn: of points in the given frame to points in the new one; a rotation, or one with a stretch. An empty grid stays so."""
    b, n = len(share), share.shape[-1]
    side = n if side is None else side
    turn = turn.to(share.dtype)
    middle, half = bounding_box(share, turn.detach())
    line = (torch.arange(side, device=share.device, dtype=share.dtype) + 0.5) / side * 2 - 1
    lattice = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(1, -1, 3)
    there = lattice * (half / FILL)[:, None, None] + middle[:, None]
    here = there @ torch.linalg.inv(turn).transpose(1, 2)
    where = here.flip(2).view(b, side, side, side, 3)  # grid_sample counts the last axis first
    return nn.functional.grid_sample(share[:, None], where, align_corners=False)[:, 0]


def bounding_box(share: torch.Tensor, turn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
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


class UprightEstimator(nn.Module):
    """(B, 32, 32, 32) shares to poses: columns (B, POSES, 6) of `rotation`, up first, and their scores (B, POSES)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.start = nn.Conv3d(8, width, 1)
        self.near = nn.Sequential(nn.Conv3d(width, 2 * width, 2, 2), nn.ReLU(), ResBlock3d(2 * width))
        self.far = nn.Sequential(nn.Conv3d(2 * width, 4 * width, 2, 2), nn.ReLU(), ResBlock3d(4 * width))
        self.seen = nn.Linear(4 * width * 64, 128)
        self.score = nn.Linear(128, 1)

    def upright(self, share: torch.Tensor) -> torch.Tensor:
        """(N, 32, 32, 32) shares to (N,): how upright each looks."""
        x = torch.relu(self.start(voxel_unshuffle(2 * share[:, None] - 1, 2)))
        x = torch.relu(self.seen(self.far(self.near(x)).flatten(1)))
        return self.score(x).float()[:, 0]

    def forward(self, share: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.autocast(share.device.type, enabled=False), torch.no_grad():
            poses = candidate_poses(share)
        scores = []
        for k in range(POSES):  # one pose of all at a time: eighteen grids of each would fill the memory
            with torch.autocast(share.device.type, enabled=False), torch.no_grad():
                straight = transform_voxels(share.float(), rotation_from_6d(poses[:, k]))
            scores.append(self.upright(straight))
        return poses, torch.stack(scores, 1)


def candidate_poses(share: torch.Tensor) -> torch.Tensor:
    """(B, POSES, 6): up along each of the six directions of the grid's axes, of the straight and of the long ones, and a front
    for each."""
    own = torch.eye(3, device=share.device).expand(len(share), 3, 3)
    frames = torch.stack([own, rectilinear_frames(share), principal_axis_frames(share)], 1)
    both = torch.cat([frames, -frames], 2)  # the six directions
    front = both.roll(1, 2)
    return torch.cat([both, front], 3).flatten(1, 2)


def upright_loss(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the likeliest: scores (B, K), right (B, K) bool, where at least one of each row is."""
    share = right.float() / right.sum(1, keepdim=True)
    return -(share * scores.log_softmax(1)).sum(1).mean()
