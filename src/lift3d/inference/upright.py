"""Which way up a model stands: poses that geometry proposes (nets/spatial_transformer.py), judged by the network of voxels and by
the embedding's upright head on rendered views.

The candidates are exact (principal axes, rectilinear frames, the given axes), and the judgement only chooses among them. Views
tell much better than 32 voxels a side whether a tree stands on its crown, because the backbone has seen upright photographs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.render.drawable import drawable
from lift3d.inference.embedding import EmbeddingNetwork, render_directions
from lift3d.inference.picture_features import features_of
from lift3d.nets.sizes import IDENTITY
from lift3d.types import F32, F64, Part
from lift3d.weights import PretrainedCfg

if TYPE_CHECKING:
    import torch

    from lift3d.nets.shape_classifier import PoseScores

DIRECTIONS = ((40.0, 15.0), (130.0, 25.0), (250.0, 15.0))
"""Azimuth and elevation in degrees of the views by which a pose is judged."""
SAME_UP = 0.985
"""Cosine between two up axes from which on they count as one; 10 degrees."""


@dataclass(frozen=True)
class PoseWeights:
    """Weights of the mean log odds of the views and of the score by voxels, and what is added for the given pose, in which most
    shapes are upright. Chosen on validation; the card of `embedding_to_label` has them."""

    views: float = 1.0
    voxels: float = 0.0
    stay: float = 2.0


def pose_weights(found: PretrainedCfg) -> PoseWeights | None:
    """The weights in the card of `embedding_to_label`; None where it has none: poses are then judged by voxels alone. InputError
    for a damaged card."""
    numbers = found.numbers("pose")
    try:
        return PoseWeights(**numbers) if numbers else None
    except TypeError as error:
        raise InputError("the card of these weights is damaged", "download weights and card again") from error


def upright_by_views(parts: list[Part], rotations: F64, network: EmbeddingNetwork) -> F32:
    """Mean log odds (K,) that clean parts stand upright after each of the rotations (K, 3, 3); poses with the same up axis share
    them. -inf for a pose in which nothing is visible."""
    ready, ups = drawable(parts), rotations[:, 2]
    out = np.full(len(rotations), -np.inf, np.float32)
    for k, up in enumerate(ups):
        alike = np.flatnonzero(ups[:k] @ up > SAME_UP)
        if len(alike):
            out[k] = out[alike[0]]
            continue
        try:
            pictures = render_directions(ready, DIRECTIONS, network.image_size, 1, rotations[k])
        except InputError:
            continue
        out[k] = network.upright_scores(features_of(pictures, network.runtime)).mean()
    return out


def judge_poses(
    parts: list[Part],
    scored: PoseScores,
    network: EmbeddingNetwork,
    weights: PoseWeights,
    turned: F64 | None = None,
) -> PoseScores:
    """The poses (1, K, 6) of one shape with the scores (1, K) of `judge_rotations`, as tensors. scored: of
    `VoxelClassifier.score_poses`; turned (3, 3): rotation from the frame of the parts to that of the voxels."""
    import torch

    from lift3d.nets.rotation6d import rotation_from_6d

    poses, by_voxels = scored
    rotations = rotation_from_6d(poses[0].float()).double().cpu().numpy()
    whole = rotations if turned is None else rotations @ turned
    total = judge_rotations(parts, whole, by_voxels[0].cpu().numpy(), network=network, weights=weights)
    return poses, torch.from_numpy(total)[None].to(by_voxels)


def judge_rotations(
    parts: list[Part], rotations: F64, by_voxels: F32, *, network: EmbeddingNetwork, weights: PoseWeights
) -> F32:
    """Scores (K,) by views and voxels of the candidate poses of one shape: clean parts after each of the rotations (K, 3, 3),
    given the scores by voxels (K,)."""
    by_views = upright_by_views(parts, rotations, network)
    total = np.asarray(weights.views * by_views + weights.voxels * by_voxels, np.float32)
    total[IDENTITY] += weights.stay
    return total


def has_poses(net: torch.nn.Module) -> bool:
    """Whether a classifier of voxels chooses among poses."""
    from lift3d.nets.shape_classifier import VoxelClassifier

    return isinstance(net, VoxelClassifier) and net.upright_estimator is not None
