"""Training of the upright estimator (nets/spatial_transformer.py) together with the classifier: upright shapes against the same
shapes upside down, on their sides and in random rotations."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lift3d.nets.shape_classifier import UPRIGHT_SIZE
from lift3d.nets.spatial_transformer import UprightEstimator, downsample, transform_voxels, upright_loss
from lift3d.train.data.backbone_features import Augmentation
from lift3d.train.data.labelled_shapes import LabelledShapes, random_rotation, small_rotation
from lift3d.train.data.sampling import sample_indices
from lift3d.train.data.shape_set import orient
from lift3d.train.task import Batch

INTERVAL, FRACTION = 2, 4
"""INTERVAL: the estimator is trained in every INTERVAL-th step; FRACTION: the ratio of the batch size to the estimator's."""
TILT = 8.0
"""Standard deviation in degrees of the tilt of the shapes that count as upright."""
UPSIDE_DOWN = np.diag([1, -1, -1]).astype(np.float32)
SIDES = tuple(
    np.array(rotation, np.float32)
    for rotation in (
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    )
)  # fmt: skip
"""Rotations that lay a shape on each of its sides."""


def upright_batch(
    shapes: LabelledShapes,
    augmentation: Augmentation,
    batch: int,
    seed: int,
    step: int,
    rank: int,
    world: int,
) -> Batch:
    """The estimator's samples of this step, for the first of every INTERVAL steps; empty for the other steps.

    upright_voxels (B, 64, 64, 64) bool, and linear maps (B, 3, 3) float32: `upright` with a small tilt, `askew` with a
    random rotation. B is batch / FRACTION over all processes."""
    if step % INTERVAL:
        return {}
    indices = sample_indices(len(shapes), step // INTERVAL, max(batch // FRACTION, world), seed + 1)
    voxels, upright, askew = [], [], []
    for k, i in list(enumerate(indices.tolist()))[rank::world]:
        rng = np.random.default_rng([seed, step, k, FRACTION])
        orientation, rotation, stretch = augmentation.sample(rng)
        voxels.append(orient(shapes.full(i), orientation))
        upright.append(small_rotation(rng, TILT) @ rotation @ np.diag(stretch))
        askew.append(random_rotation(rng, "any"))
    return {
        "upright_voxels": torch.from_numpy(np.stack(voxels)), "askew": torch.from_numpy(np.stack(askew)),
        "upright": torch.from_numpy(np.stack(upright).astype(np.float32)),
    }  # fmt: skip


def upright_training_loss(estimator: UprightEstimator, batch: Batch) -> torch.Tensor:
    """Cross-entropy, a scalar, of each upright shape against itself upside down, on two sides, and in a random rotation."""
    with torch.autocast(batch["upright_voxels"].device.type, enabled=False):
        voxels = downsample(batch["upright_voxels"].float(), UPRIGHT_SIZE)
        x = random_blur(transform_voxels(voxels, batch["upright"]))
        askew = random_blur(transform_voxels(voxels, batch["askew"]))
    others = [x.flip(2, 3), torch.rot90(x, 1, (1, 3)), torch.rot90(x, 1, (2, 3)), askew]
    half = len(x) // 2  # half of the shapes lie on the opposite sides
    others[1] = torch.cat([others[1][:half], others[1][half:].flip(1, 3)])
    others[2] = torch.cat([others[2][:half], others[2][half:].flip(2, 3)])
    scores = estimator.upright(torch.cat([x, *others])).view(len(others) + 1, len(x)).T
    right = torch.zeros_like(scores, dtype=torch.bool)
    right[:, 0] = True
    return upright_loss(scores, right)


def upright_accuracy(
    estimator: UprightEstimator, shapes: LabelledShapes, indices: NDArray[np.int64]
) -> float:
    """The fraction of shapes whose score is higher upright than upside down and on each side."""
    device, right = next(estimator.parameters()).device, list[float]()
    rotations = torch.from_numpy(np.stack([np.eye(3, dtype=np.float32), UPSIDE_DOWN, *SIDES])).to(device)
    for i in indices:
        voxels = downsample(torch.from_numpy(shapes.full(int(i))).to(device).float()[None], UPRIGHT_SIZE)
        rotated = transform_voxels(voxels.expand(len(rotations), -1, -1, -1), rotations)
        right.append(float(estimator.upright(rotated).argmax() == 0))
    return float(np.mean(right))


def random_blur(occupancy: torch.Tensor) -> torch.Tensor:
    """(B, n, n, n), each shape blurred by a random amount, so that the blur of resampling does not reveal a shape's rotation."""
    weight = 0.7 * torch.rand(len(occupancy), 1, 1, 1, device=occupancy.device)
    blurred = nn.functional.avg_pool3d(occupancy[:, None], 3, 1, 1)[:, 0]
    return torch.as_tensor(torch.lerp(occupancy, blurred, weight))
