"""Is a drawn thing what was asked for? Another network that names kinds, and has learned from real shapes alone, is asked: the
share of draws that it calls by the kind that they were drawn for (GAN-test, Shmelkov, Schmid & Alahari 2018, arXiv:1807.09499).
Real shapes never seen, beside them, say how much of that is its own error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.inference.networks import load_network
from lift3d.nets.shape_classifier import VoxelClassifier
from lift3d.train.data.labelled_shapes import centre_in_grid

CHUNK = 8
FIRST = 3
"""A kind is said if it is among so many likeliest."""


class Judge:
    """The package's classifier, or weights of the same network, asked about things that stand upright."""

    def __init__(self, weights: str | None = None) -> None:
        net, found = load_network("voxels_to_label", weights)
        self.net, self.names = net, found.require_labels()

    def said(self, kind: str, cells: Sequence[NDArray[np.bool_]]) -> float | None:
        """Share of (64, 64, 64) cells, empty ones too, for which `kind` is among the likeliest; None where the network does
        not know the kind."""
        if kind not in self.names or not isinstance(self.net, VoxelClassifier) or not len(cells):
            return None
        asked, right = self.names.index(kind), 0
        full = [centre_in_grid(c) for c in cells if c.any()]
        with torch.no_grad():
            for first in range(0, len(full), CHUNK):
                share = torch.from_numpy(np.stack(full[first : first + CHUNK])).float()
                likeliest = self.net.upright_logits(share).topk(min(FIRST, len(self.names))).indices
                right += int((likeliest == asked).any(1).sum())
        return right / len(cells)
