"""GAN-test (Shmelkov, Schmid & Alahari 2018, arXiv:1807.09499): the fraction of generated shapes that a classifier trained on
real shapes assigns to the category for which they were generated. The same fraction of real test shapes shows the classifier's
own error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.inference.networks import load_network
from lift3d.nets.shape_classifier import VoxelClassifier
from lift3d.train.data.labelled_shapes import centre_in_grid

BATCH_SIZE = 8
TOP_K = 3
"""A shape counts as correct if its category is among the TOP_K most probable categories."""


class GanTest:
    """The classifier `voxels_to_label`, applied to upright shapes. weights: name or path; None: the packaged weights."""

    def __init__(self, weights: str | None = None) -> None:
        net, found = load_network("voxels_to_label", weights)
        self.net, self.names = net, found.require_labels()

    def accuracy(self, category: str, shapes: Sequence[NDArray[np.bool_]]) -> float | None:
        """Top-3 accuracy on voxel grids (64, 64, 64) that were generated for `category`; an empty grid is wrong. None for a
        category without a label in the classifier, or without shapes."""
        if category not in self.names or not isinstance(self.net, VoxelClassifier) or not len(shapes):
            return None
        target, right = self.names.index(category), 0
        full = [centre_in_grid(shape) for shape in shapes if shape.any()]
        with torch.no_grad():
            for first in range(0, len(full), BATCH_SIZE):
                batch = torch.from_numpy(np.stack(full[first : first + BATCH_SIZE])).float()
                top = self.net.upright_logits(batch).topk(min(TOP_K, len(self.names))).indices
                right += int((top == target).any(1).sum())
        return right / len(shapes)
