"""The classifier's baseline: PointNet (Qi et al. 2017, arXiv:1612.00593) on the surface points of an occupancy grid."""

from __future__ import annotations

import torch
from torch import nn

from lift3d.nets.shape_classifier import (
    PoseScores,
    TestTimeAugmentation,
    identity_pose,
    symmetric_probabilities,
)


class PointNet(nn.Module):
    """Occupancy (B, 64, 64, 64) to logits (B, labels) by `points` surface points in [-1, 1]^3. The network classifies shapes in
    the given pose alone."""

    def __init__(self, labels: int, width: int = 16, points: int = 768, dropout: float = 0.3) -> None:
        super().__init__()
        self.points = points
        w = (3, 4 * width, 8 * width, 32 * width)
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 1, bias=False) for a, b in zip(w, w[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm1d(b) for b in w[1:])
        self.fc = nn.Linear(w[3], 16 * width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(16 * width, labels)

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Logits (B, labels) in float32."""
        x = surface_points(occupancy, self.points).transpose(1, 2)
        for conv, norm in zip(self.convs, self.norms):
            x = torch.relu(norm(conv(x)))
        return torch.as_tensor(self.head(self.dropout(torch.relu(self.fc(x.amax(2)))))).float()

    def probabilities(
        self, occupancy: torch.Tensor, augmentation: TestTimeAugmentation, scored: PoseScores | None = None
    ) -> torch.Tensor:
        """Probabilities (B, labels), averaged over symmetries as `augmentation` states; its number of poses is ignored."""
        return symmetric_probabilities(self, occupancy, augmentation.symmetries)

    def score_poses(self, occupancy: torch.Tensor) -> PoseScores:
        """The identity as the only pose."""
        return identity_pose(occupancy)

    def upright_rotation(
        self, occupancy: torch.Tensor, identity_bias: float = 0.0, scored: PoseScores | None = None
    ) -> torch.Tensor:
        """Identity matrices (B, 3, 3)."""
        return torch.eye(3, device=occupancy.device).expand(len(occupancy), 3, 3)


def surface_points(occupancy: torch.Tensor, count: int) -> torch.Tensor:
    """Points (B, count, 3) in [-1, 1]^3: centres of full voxels with an empty neighbour, spread evenly. The choice is
    deterministic: the same voxels give the same points."""
    full = occupancy > 0.5
    n = occupancy.shape[-1]
    padded = nn.functional.pad(full, (1, 1, 1, 1, 1, 1))
    inner = padded[:, 2:, 1:-1, 1:-1] & padded[:, :-2, 1:-1, 1:-1] & padded[:, 1:-1, 2:, 1:-1]
    inner &= padded[:, 1:-1, :-2, 1:-1] & padded[:, 1:-1, 1:-1, 2:] & padded[:, 1:-1, 1:-1, :-2]
    shell = (full & ~inner).flatten(1)
    order = torch.arange(n**3, device=occupancy.device) * 0x9E3779B1 % 1_000_003 / 1_000_003 + 1e-6
    value, index = (shell * order).topk(count, 1)
    index = torch.where(value > 0, index, index[:, :1])
    voxel = torch.stack([index // (n * n), index // n % n, index % n], -1)
    return (voxel.float() + 0.5) / n * 2 - 1
