"""What kind of thing fills these cells: residual 3-D convolutions (He et al. 2016) over what a spatial transformer has set
upright (Jaderberg et al. 2015, arXiv:1506.02025; rotations as Zhou et al. 2019, arXiv:1812.07035).

The trunk's layers are those of the autoencoder's encoder (nets/shape_autoencoder.py), or what pre-training has made of them
(nets/masked_autoencoder.py). A head of two layers reads it, which is exchangeable: other categories are another
head. Beside what the trunk
sees, it is told how wide, deep and high the thing is and how much of its box it fills. Cells go in as 2 share - 1, so that 0 says
nothing.

`PointLabel` is the same question asked of points of the surface (PointNet, Qi et al. 2017, arXiv:1612.00593).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, voxel_unshuffle
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.spatial_transformer import FULL, OWN, UprightEstimator, downsample, transform_voxels

UPRIGHT_SIZE = 32
"""Cells along each side by which the transformer judges a pose."""
SIZES, EIGHTHS = 5, 8


@dataclass(frozen=True)
class TestTimeAugmentation:
    """How a network is asked. poses: of how many of the likeliest the answers are averaged; around: also of four quarter turns,
    each mirrored too; stay: what is added to the score of standing as it was given, as most things do."""

    poses: int = 1
    around: bool = False
    stay: float = 0.0


PoseScores = tuple[torch.Tensor, torch.Tensor]
"""Poses (B, K, 6) and their scores (B, K)."""


class VoxelBackbone(nn.Module):
    """(B, 64, 64, 64) in [-1, 1] to features. The layers bear the names of `ShapeEncoder` (nets/shape_autoencoder.py): what the
    autoencoder has learned of solids without labels is what this begins with."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.start = nn.Conv3d(PATCH_SIZE**3, width, 1)
        self.fine = ResBlock3d(width)
        self.down = nn.Conv3d(width, 2 * width, 2, 2)
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        self.features = 2 * width + (2 + EIGHTHS) * 2 * width

    def near(self, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (B, width, 16, 16, 16) and (B, 2 * width, 8, 8, 8)."""
        fine = self.fine(torch.relu(self.start(voxel_unshuffle(cells[:, None]))))
        return fine, torch.as_tensor(self.coarse(torch.relu(self.down(fine))))

    def forward(self, cells: torch.Tensor) -> torch.Tensor:
        """(B, features): mean and largest of both, and the means of the eight octants of the second."""
        held = [x.float() for x in self.near(cells)]
        pools = [pool for x in held for pool in (x.mean((2, 3, 4)), x.amax((2, 3, 4)))]
        return torch.cat([*pools, nn.functional.adaptive_avg_pool3d(held[1], 2).flatten(1)], 1)


class ClassifierHead(nn.Module):
    """(B, features) to (B, out): features to one scale, and two layers."""

    def __init__(self, features: int, hidden: int, out: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.some, self.drop = nn.Dropout(dropout / 2), nn.Dropout(dropout)
        self.wide, self.head = nn.Linear(features, hidden), nn.Linear(hidden, out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        x = self.wide(self.some(self.norm(features.float())))
        return torch.as_tensor(self.head(self.drop(nn.functional.gelu(x)))).float()


class VoxelClassifier(nn.Module):
    """(B, 64, 64, 64) shares to logits (B, labels)."""

    def __init__(
        self, labels: int, width: int = 64, transformer: bool = True, dropout: float = 0.5, hidden: int = 512
    ) -> None:
        super().__init__()
        self.trunk = VoxelBackbone(width)
        features = self.trunk.features + SIZES
        self.label = ClassifierHead(features, hidden, labels, dropout)
        self.stand = UprightEstimator() if transformer else None

    def features(self, share: torch.Tensor) -> torch.Tensor:
        """(B, F) of what the trunk sees, and the sizes."""
        return torch.cat([self.trunk(2 * share - 1), size_features(share)], 1)

    def upright_logits(self, share: torch.Tensor) -> torch.Tensor:
        """(B, labels) of shares that stand upright already."""
        return torch.as_tensor(self.label(self.features(share)))

    def asked(self, share: torch.Tensor) -> PoseScores:
        """Poses and scores; of a network without transformer, the one that it was given."""
        if self.stand is None:
            still = torch.tensor([0.0, 0, 1, 1, 0, 0], device=share.device)
            return still.expand(len(share), 1, 6), share.new_zeros(len(share), 1)
        said: tuple[torch.Tensor, torch.Tensor] = self.stand(downsample(share, UPRIGHT_SIZE))
        return said

    def upright(
        self, share: torch.Tensor, stay: float = 0.0, asked: PoseScores | None = None
    ) -> torch.Tensor:
        """(B, 3, 3) rotations from how things lie to the likeliest pose. asked: if it is known already."""
        poses, scores = asked if asked is not None else self.asked(share)
        likeliest = favour_identity(scores, stay).argmax(1)
        return rotation_from_6d(poses[torch.arange(len(poses), device=poses.device), likeliest].float())

    def set_upright(self, share: torch.Tensor, turn: torch.Tensor) -> torch.Tensor:
        """(B, 64, 64, 64) of shares turned by (B, 3, 3)."""
        with torch.autocast(share.device.type, enabled=False):
            return transform_voxels(share.float(), turn)

    def forward(self, share: torch.Tensor) -> torch.Tensor:
        if self.stand is None:
            return self.upright_logits(share)
        return self.upright_logits(self.set_upright(share, self.upright(share)))

    def probabilities(
        self, share: torch.Tensor, plan: TestTimeAugmentation, asked: PoseScores | None = None
    ) -> torch.Tensor:
        """(B, labels), asked as the plan says."""
        if self.stand is None:
            return _around(self.upright_logits, share, plan.around)
        poses, scores = asked if asked is not None else self.asked(share)
        scores = favour_identity(scores, plan.stay)
        count = min(plan.poses, scores.shape[1])
        weight, which = scores.softmax(1).topk(count, 1)
        weight = weight / weight.sum(1, keepdim=True)
        total = torch.zeros(0)
        for k in range(count):
            columns = poses[torch.arange(len(poses), device=poses.device), which[:, k]]
            straight = self.set_upright(share, rotation_from_6d(columns.float()))
            said = weight[:, k, None] * _around(self.upright_logits, straight, plan.around)
            total = said if k == 0 else total + said
        return total


class PointNet(nn.Module):
    """(B, 64, 64, 64) shares to logits by points on the surface of what is full, in [-1, 1]^3."""

    def __init__(self, labels: int, width: int = 16, points: int = 768, dropout: float = 0.3) -> None:
        super().__init__()
        self.points = points
        w = (3, 4 * width, 8 * width, 32 * width)
        self.maps = nn.ModuleList(nn.Conv1d(a, b, 1, bias=False) for a, b in zip(w, w[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm1d(b) for b in w[1:])
        self.wide = nn.Linear(w[3], 16 * width)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(16 * width, labels)

    def forward(self, share: torch.Tensor) -> torch.Tensor:
        x = surface_points(share, self.points).transpose(1, 2)
        for to, norm in zip(self.maps, self.norms):
            x = torch.relu(norm(to(x)))
        return torch.as_tensor(self.head(self.drop(torch.relu(self.wide(x.amax(2)))))).float()

    def probabilities(
        self, share: torch.Tensor, plan: TestTimeAugmentation, asked: PoseScores | None = None
    ) -> torch.Tensor:
        return _around(self, share, plan.around)

    def asked(self, share: torch.Tensor) -> PoseScores:
        """It knows one pose alone."""
        still = torch.tensor([0.0, 0, 1, 1, 0, 0], device=share.device)
        return still.expand(len(share), 1, 6), share.new_zeros(len(share), 1)

    def upright(
        self, share: torch.Tensor, stay: float = 0.0, asked: PoseScores | None = None
    ) -> torch.Tensor:
        """(B, 3, 3): it leaves everything as it lies."""
        return torch.eye(3, device=share.device).expand(len(share), 3, 3)


def favour_identity(scores: torch.Tensor, stay: float) -> torch.Tensor:
    """(B, K) scores with what standing as it was given is worth beforehand."""
    if stay == 0 or scores.shape[1] == 1:
        return scores
    more = torch.zeros_like(scores)
    more[:, OWN] = stay
    return scores + more


def create_classifier(config: dict[str, Any], labels: int) -> VoxelClassifier | PointNet:
    """The network of a run's options."""
    width, dropout = int(config["width"]), float(config["dropout"])
    if config["kind"] == "points":
        return PointNet(labels, width // 4, dropout=dropout)
    return VoxelClassifier(labels, width, bool(config["transformer"]), dropout, int(config["hidden"]))


def size_features(share: torch.Tensor) -> torch.Tensor:
    """(B, 5): smaller and larger side along the ground, height, share of the box that is full, and of the grid."""
    full = (share > FULL).float()
    sides = torch.stack([full.amax(axes).mean(1) for axes in ((2, 3), (1, 3), (1, 2))], 1)
    ground = sides[:, :2].sort(1).values
    inside = share.float().mean((1, 2, 3))
    fill = inside / sides.prod(1).clamp(min=1e-6)
    return torch.stack([ground[:, 0], ground[:, 1], sides[:, 2], fill, inside.sqrt()], 1)


def surface_points(share: torch.Tensor, count: int) -> torch.Tensor:
    """(B, count, 3) in [-1, 1]: centres of full cells with an empty neighbour, spread evenly; the same cells, the same points."""
    full = share > 0.5
    n = share.shape[-1]
    held = nn.functional.pad(full, (1, 1, 1, 1, 1, 1))
    inner = held[:, 2:, 1:-1, 1:-1] & held[:, :-2, 1:-1, 1:-1] & held[:, 1:-1, 2:, 1:-1]
    inner &= held[:, 1:-1, :-2, 1:-1] & held[:, 1:-1, 1:-1, 2:] & held[:, 1:-1, 1:-1, :-2]
    shell = (full & ~inner).flatten(1)
    order = torch.arange(n**3, device=share.device) * 0x9E3779B1 % 1_000_003 / 1_000_003 + 1e-6
    value, where = (shell * order).topk(count, 1)
    where = torch.where(value > 0, where, where[:, :1])
    places = torch.stack([where // (n * n), where // n % n, where % n], -1)
    return (places.float() + 0.5) / n * 2 - 1


def _around(of: Callable[[torch.Tensor], torch.Tensor], share: torch.Tensor, around: bool) -> torch.Tensor:
    """Probabilities, of the mean log-probability over quarter turns and mirrors if `around`."""
    if not around:
        return of(share).softmax(1)
    laid = [torch.rot90(share, k, (1, 2)) for k in range(4)]
    logs = [of(x).log_softmax(1) for turned in laid for x in (turned, turned.flip(1))]
    return torch.stack(logs).mean(0).softmax(1)
