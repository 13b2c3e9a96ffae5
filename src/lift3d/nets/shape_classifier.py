"""The category of an occupancy grid: residual 3-D convolutions (He et al. 2016) on the grid that a spatial transformer has
rotated upright (Jaderberg et al. 2015, arXiv:1506.02025; rotations as in Zhou et al. 2019, arXiv:1812.07035).

The backbone's layers are those of the autoencoder's encoder (nets/shape_autoencoder.py), initialised by its weights or by
pre-training (nets/masked_autoencoder.py). A two-layer head classifies; other categories need only another head. Besides the
backbone's features, the head's input has the width, depth and height of the shape and the filled fraction of its bounding box.
The backbone's input is 2 occupancy - 1, so that 0 is neutral. nets/point_net.py has the baseline on points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from lift3d.nets.blocks import PATCH_SIZE, ResBlock3d, voxel_unshuffle
from lift3d.nets.rotation6d import rotation_from_6d
from lift3d.nets.sizes import IDENTITY, OCCUPIED, UPRIGHT_SIZE
from lift3d.nets.spatial_transformer import UprightEstimator, downsample, transform_voxels

SIZE_FEATURES, OCTANTS, OCTANT_SIDE = 5, 8, 4


@dataclass(frozen=True)
class TestTimeAugmentation:
    """poses: number of likeliest poses over which probabilities are averaged; symmetries: average over four rotations by 90
    degrees and their reflections; identity_bias: added to the score of the given pose, in which most shapes are upright."""

    __test__ = False  # pytest would collect the class because of its name

    poses: int = 1
    symmetries: bool = False
    identity_bias: float = 0.0


PoseScores = tuple[torch.Tensor, torch.Tensor]
"""Poses (B, K, 6) and their scores (B, K)."""


class VoxelBackbone(nn.Module):
    """(B, 64, 64, 64) in [-1, 1] to features. The tensors have the names that they have in `ShapeEncoder`
    (nets/shape_autoencoder.py), so that an autoencoder's weights can initialise them."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.start = nn.Conv3d(PATCH_SIZE**3, width, 1)
        self.fine = ResBlock3d(width)
        self.down = nn.Conv3d(width, 2 * width, 2, 2)
        self.coarse = nn.Sequential(ResBlock3d(2 * width), ResBlock3d(2 * width))
        self.features = 2 * width + (2 + OCTANTS) * 2 * width

    def feature_maps(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (B, width, 16, 16, 16) and (B, 2 width, 8, 8, 8)."""
        fine = self.fine(torch.relu(self.start(voxel_unshuffle(x[:, None]))))
        return fine, torch.as_tensor(self.coarse(torch.relu(self.down(fine))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, features): mean and maximum of both maps, and the means of the eight octants of the second."""
        maps = [m.float() for m in self.feature_maps(x)]
        pools = [pool for m in maps for pool in (m.mean((2, 3, 4)), m.amax((2, 3, 4)))]
        return torch.cat([*pools, nn.functional.avg_pool3d(maps[1], OCTANT_SIDE).flatten(1)], 1)


class ClassifierHead(nn.Module):
    """(B, features) to logits (B, out): batch normalisation and two layers with dropout."""

    def __init__(self, features: int, hidden: int, out: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(features, affine=False)
        self.input_dropout, self.dropout = nn.Dropout(dropout / 2), nn.Dropout(dropout)
        self.fc1, self.fc2 = nn.Linear(features, hidden), nn.Linear(hidden, out)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits (B, out) in float32."""
        x = self.fc1(self.input_dropout(self.norm(features.float())))
        return torch.as_tensor(self.fc2(self.dropout(nn.functional.gelu(x)))).float()


class VoxelClassifier(nn.Module):
    """Occupancy (B, 64, 64, 64) to logits (B, labels). transformer: whether shapes are rotated upright first."""

    def __init__(
        self, labels: int, width: int = 64, transformer: bool = True, dropout: float = 0.5, hidden: int = 512
    ) -> None:
        super().__init__()
        self.backbone = VoxelBackbone(width)
        features = self.backbone.features + SIZE_FEATURES
        self.head = ClassifierHead(features, hidden, labels, dropout)
        self.upright_estimator = UprightEstimator() if transformer else None

    def features(self, occupancy: torch.Tensor) -> torch.Tensor:
        """The head's input (B, F): the backbone's features and the size features."""
        return torch.cat([self.backbone(2 * occupancy - 1), size_features(occupancy)], 1)

    def upright_logits(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Logits (B, labels) of shapes that are upright already."""
        return torch.as_tensor(self.head(self.features(occupancy)))

    def score_poses(self, occupancy: torch.Tensor) -> PoseScores:
        """Candidate poses and their scores; the identity alone without a transformer."""
        if self.upright_estimator is None:
            return identity_pose(occupancy)
        scored: PoseScores = self.upright_estimator(downsample(occupancy, UPRIGHT_SIZE))
        return scored

    def upright_rotation(
        self, occupancy: torch.Tensor, identity_bias: float = 0.0, scored: PoseScores | None = None
    ) -> torch.Tensor:
        """Rotations (B, 3, 3) to the likeliest pose. scored: the result of `score_poses`, if already computed."""
        poses, scores = scored if scored is not None else self.score_poses(occupancy)
        likeliest = favour_identity(scores, identity_bias).argmax(1)
        return rotation_from_6d(poses[torch.arange(len(poses), device=poses.device), likeliest].float())

    def rotate(self, occupancy: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
        """Occupancy (B, 64, 64, 64) rotated by (B, 3, 3) and fitted into the grid."""
        with torch.autocast(occupancy.device.type, enabled=False):
            return transform_voxels(occupancy.float(), rotation)

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        """Logits (B, labels) in the likeliest pose."""
        if self.upright_estimator is None:
            return self.upright_logits(occupancy)
        return self.upright_logits(self.rotate(occupancy, self.upright_rotation(occupancy)))

    def probabilities(
        self, occupancy: torch.Tensor, augmentation: TestTimeAugmentation, scored: PoseScores | None = None
    ) -> torch.Tensor:
        """Probabilities (B, labels), averaged as `augmentation` states. scored: the result of `score_poses`, if already
        computed."""
        if self.upright_estimator is None:
            return symmetric_probabilities(self.upright_logits, occupancy, augmentation.symmetries)
        poses, scores = scored if scored is not None else self.score_poses(occupancy)
        scores = favour_identity(scores, augmentation.identity_bias)
        count = min(augmentation.poses, scores.shape[1])
        weight, which = scores.softmax(1).topk(count, 1)
        weight = weight / weight.sum(1, keepdim=True)
        total = torch.zeros(0)
        for k in range(count):
            columns = poses[torch.arange(len(poses), device=poses.device), which[:, k]]
            upright = self.rotate(occupancy, rotation_from_6d(columns.float()))
            part = weight[:, k, None] * symmetric_probabilities(
                self.upright_logits, upright, augmentation.symmetries
            )
            total = part if k == 0 else total + part
        return total


def identity_pose(occupancy: torch.Tensor) -> PoseScores:
    """The given pose, (B, 1, 6) for `rotation_from_6d`, with the score 0."""
    identity = torch.tensor([0.0, 0, 1, 1, 0, 0], device=occupancy.device)
    return identity.expand(len(occupancy), 1, 6), occupancy.new_zeros(len(occupancy), 1)


def favour_identity(scores: torch.Tensor, bias: float) -> torch.Tensor:
    """Scores (B, K) with a bias added to the score of the given pose."""
    if bias == 0 or scores.shape[1] == 1:
        return scores
    more = torch.zeros_like(scores)
    more[:, IDENTITY] = bias
    return scores + more


def size_features(occupancy: torch.Tensor) -> torch.Tensor:
    """(B, 5): the smaller and the larger horizontal side of the bounding box, its height, its filled fraction, and the square
    root of the filled fraction of the grid. Lengths are in units of the grid's side."""
    full = (occupancy > OCCUPIED).float()
    sides = torch.stack([full.amax(axes).mean(1) for axes in ((2, 3), (1, 3), (1, 2))], 1)
    ground = sides[:, :2].sort(1).values
    inside = occupancy.float().mean((1, 2, 3))
    fill = inside / sides.prod(1).clamp(min=1e-6)
    return torch.stack([ground[:, 0], ground[:, 1], sides[:, 2], fill, inside.sqrt()], 1)


def symmetric_probabilities(
    classify: Callable[[torch.Tensor], torch.Tensor], occupancy: torch.Tensor, symmetries: bool
) -> torch.Tensor:
    """Probabilities (B, labels) of the logits `classify(occupancy)`; with symmetries, the softmax of the mean log-probability
    over rotations by 90 degrees and their reflections."""
    if not symmetries:
        return classify(occupancy).softmax(1)
    rotated = [torch.rot90(occupancy, k, (1, 2)) for k in range(4)]
    logs = [classify(x).log_softmax(1) for r in rotated for x in (r, r.flip(1))]
    return torch.stack(logs).mean(0).softmax(1)
