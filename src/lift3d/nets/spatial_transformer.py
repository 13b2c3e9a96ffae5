"""A 3-D spatial transformer (Jaderberg et al. 2015, arXiv:1506.02025) that rotates shapes upright, and the network that estimates
the rotation.

For any rotation, the output fills the grid as shapes of the corpus do: its bounding box is centred, and the longest side of the
box has length `FILL`. The rotation has gradients through the sampling positions, but not through the box.

The rotation is hard to regress from voxels: after 1,000 training steps of 32 shapes, a network with six outputs had a median
error of 87 degrees in the up direction. `UprightEstimator` therefore chooses among exact frames (nets/principal_frames.py): the
rectilinear frame, the principal axes, and the grid's own axes. Each of their six directions may be up, and the network learns
only how upright a rotated shape looks. For 89 of 100 validation shapes in random rotations one of the first twelve candidates is
within 10 degrees of up.
"""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.blocks import ResBlock3d, voxel_unshuffle
from lift3d.nets.principal_frames import principal_axis_frames, rectilinear_frames
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.sizes import FILL, OCCUPIED, POSES


def downsample(occupancy: torch.Tensor, side: int) -> torch.Tensor:
    """(B, N, N, N) to (B, side, side, side) by averaging. ValueError unless N is a multiple of `side`."""
    if occupancy.shape[-1] == side:
        return occupancy
    if occupancy.shape[-1] % side:
        raise ValueError(f"{occupancy.shape[-1]} voxels a side are not a multiple of {side}")
    return nn.functional.avg_pool3d(occupancy[:, None], occupancy.shape[-1] // side)[:, 0]


def transform_voxels(occupancy: torch.Tensor, linear: torch.Tensor, side: int | None = None) -> torch.Tensor:
    """Occupancy (B, N, N, N), axes x y z, after a linear map and fitted into the grid again: (B, side, side, side).

    linear (B, 3, 3): maps points of the input's frame to the output's; a rotation, possibly with scaling along axes. An empty
    grid stays empty."""
    b, n = len(occupancy), occupancy.shape[-1]
    side = n if side is None else side
    linear = linear.to(occupancy.dtype)
    centre, half = bounding_box(occupancy, linear.detach())
    line = (torch.arange(side, device=occupancy.device, dtype=occupancy.dtype) + 0.5) / side * 2 - 1
    lattice = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(1, -1, 3)
    output = lattice * (half / FILL)[:, None, None] + centre[:, None]
    source = output @ torch.linalg.inv(linear).transpose(1, 2)
    grid = source.flip(2).view(b, side, side, side, 3)  # grid_sample expects the last axis first
    return nn.functional.grid_sample(occupancy[:, None], grid, align_corners=False)[:, 0]


def bounding_box(occupancy: torch.Tensor, linear: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Centre (B, 3) and half the longest side (B,) of the occupied voxels' box after the linear map, in half grid sides."""
    n = occupancy.shape[-1]
    line = (torch.arange(n, device=occupancy.device, dtype=occupancy.dtype) + 0.5) / n * 2 - 1
    full = occupancy > OCCUPIED
    # The lowest and the highest voxel of each column (x, y) suffice: a linear map has its extremes over the column there.
    low = torch.where(full, line, torch.inf).amin(3)
    high = torch.where(full, line, -torch.inf).amax(3)
    some = full.any(3)
    ends = torch.where(some[..., None], torch.stack([low, high], 3), 0.0)
    a = linear[:, :, None, None]
    ground = a[..., 0] * line[:, None] + a[..., 1] * line  # (B, 3, n, n): the part from x and y
    height = a[..., 2, None] * ends[:, None]
    least = (ground + height.amin(4)).masked_fill(~some[:, None], torch.inf).amin((2, 3))
    most = (ground + height.amax(4)).masked_fill(~some[:, None], -torch.inf).amax((2, 3))
    not_empty = some.any(2).any(1)[:, None]
    least, most = torch.where(not_empty, least, -1.0), torch.where(not_empty, most, 1.0)
    return (least + most) / 2, (most - least).amax(1) / 2 + 1 / n


class UprightEstimator(nn.Module):
    """Occupancy (B, 32, 32, 32) to candidate poses (B, POSES, 6) for `rotation_from_6d`, and their scores (B, POSES)."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.start = nn.Conv3d(8, width, 1)
        self.fine = nn.Sequential(nn.Conv3d(width, 2 * width, 2, 2), nn.ReLU(), ResBlock3d(2 * width))
        self.coarse = nn.Sequential(nn.Conv3d(2 * width, 4 * width, 2, 2), nn.ReLU(), ResBlock3d(4 * width))
        self.fc = nn.Linear(4 * width * 64, 128)
        self.score = nn.Linear(128, 1)

    def upright(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Scores (N,) of shapes (N, 32, 32, 32): the larger, the more upright a shape looks."""
        x = torch.relu(self.start(voxel_unshuffle(2 * occupancy[:, None] - 1, 2)))
        x = torch.relu(self.fc(self.coarse(self.fine(x)).flatten(1)))
        return self.score(x).float()[:, 0]

    def forward(self, occupancy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Poses (B, POSES, 6) and scores (B, POSES). The poses have no gradient."""
        with torch.autocast(occupancy.device.type, enabled=False), torch.no_grad():
            poses = candidate_poses(occupancy)
        scores = []
        for k in range(
            POSES
        ):  # one pose of all shapes at a time: eighteen grids of each shape would exhaust the memory
            with torch.autocast(occupancy.device.type, enabled=False), torch.no_grad():
                rotated = transform_voxels(occupancy.float(), rotation_from_6d(poses[:, k]))
            scores.append(self.upright(rotated))
        return poses, torch.stack(scores, 1)


def candidate_poses(occupancy: torch.Tensor) -> torch.Tensor:
    """Poses (B, POSES, 6) for `rotation_from_6d`: up along each of the six directions of the grid's axes, of the rectilinear
    frame and of the principal axes, and a front for each."""
    own = torch.eye(3, device=occupancy.device).expand(len(occupancy), 3, 3)
    frames = torch.stack([own, rectilinear_frames(occupancy), principal_axis_frames(occupancy)], 1)
    up = torch.cat([frames, -frames], 2)  # the six directions
    front = up.roll(1, 2)
    return torch.cat([up, front], 3).flatten(1, 2)


def upright_loss(scores: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, a scalar, of scores (B, K) against the uniform distribution over the correct poses, right (B, K) bool; each
    row has at least one."""
    target = right.float() / right.sum(1, keepdim=True)
    return -(target * scores.log_softmax(1)).sum(1).mean()
