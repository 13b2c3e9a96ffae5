"""What `lift3d classify` says of a model: the answer of its cells joined with that of its views, set upright as the cells were
(lift3d/classify.py), here for shapes of a corpus in any pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_classifier import TestTimeAugmentation, VoxelClassifier
from lift3d.pipelines.classify import combine_labels
from lift3d.train.data.labelled_shapes import LabelledShapes, evaluation_rotation
from lift3d.train.metrics import balanced_accuracy
from lift3d.types import Label

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Of the cells beside the views, that are tried."""
CHUNK = 16


@dataclass(frozen=True, eq=False)
class Said:
    """Of shapes `numbers` in one pose: what the cells say (N, labels), what views and solid say (N, kinds), and the names of
    both."""

    cells: NDArray[np.float64]
    places: NDArray[np.float64]
    names: tuple[str, ...]
    kinds: tuple[str, ...]

    def right(self, targets: NDArray[np.int64], weight: float) -> NDArray[np.bool_]:
        """Whether the joined answer is right; one that only the second knows is wrong."""
        out = []
        for p, q, target in zip(self.cells, self.places, targets):
            joined = combine_labels(Label(self.names, p), Label(self.kinds, q), weight)
            out.append(joined.top(1)[0][0] == self.names[target])
        return np.array(out)


def said_of(
    net: VoxelClassifier | PointNet, plan: TestTimeAugmentation, judge: EmbeddingClassifier, space: EmbeddingNetwork,
    shapes: LabelledShapes, kind: str,
    numbers: list[int], progress: Callable[[float], None] = lambda f: None,
) -> Said:  # fmt: skip
    """Both answers about shapes turned as `kind` says and as their numbers decide. A thing of which nothing is seen from any
    side has the answer of its cells alone."""
    from lift3d.nets.spatial_transformer import transform_voxels

    cells, places = [], []
    for first in range(0, len(numbers), CHUNK):
        some = numbers[first : first + CHUNK]
        turns = np.stack([evaluation_rotation(shapes.number(i), kind) for i in some])
        share = torch.from_numpy(np.stack([shapes.full(i) for i in some])).float()
        with torch.no_grad():
            share = share if kind == "none" else transform_voxels(share, torch.from_numpy(turns))
            asked = net.score_poses(share)
            cells.append(net.probabilities(share, plan, asked).double().numpy())
            ups = net.upright_rotation(share, plan.identity_bias, asked).double().numpy()
        for i, turn, up in zip(some, turns, ups):
            parts = shapes.shapes.corpus.parts(shapes.number(i))
            whole = up @ turn
            try:
                place = space.embed_parts([replace(p, vertices=p.vertices @ whole.T) for p in parts])
                places.append(judge.classify(place).astype(np.float64))
            except InputError:  # panes of glass alone
                places.append(np.full(len(judge.names), 1 / len(judge.names)))
        progress(min(1.0, (first + CHUNK) / len(numbers)))
    p, q = np.concatenate(cells), np.stack(places)
    return Said(p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True), shapes.names, judge.names)


def best_weight(said: list[Said], targets: NDArray[np.int64]) -> float:
    """The weight of the cells with which most is right on validation, over objects and over categories alike; the smallest of
    equals."""

    def score(weight: float) -> float:
        rights = [one.right(targets, weight) for one in said]
        return round(sum(float(r.mean()) + balanced_accuracy(r, targets) for r in rights), 6)

    return max(WEIGHTS, key=score)
