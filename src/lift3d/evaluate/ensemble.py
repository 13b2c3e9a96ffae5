"""The ensemble of `lift3d classify` on shapes of a corpus in any pose: the category predicted from a model's voxels, combined
with the category predicted from its rendered views after the same upright rotation (pipelines/classify.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.inference.embedding import EmbeddingNetwork
from lift3d.inference.embedding_classifier import EmbeddingClassifier
from lift3d.inference.upright import PoseWeights, judge_poses
from lift3d.nets.point_net import PointNet
from lift3d.nets.shape_classifier import PoseScores, TestTimeAugmentation, VoxelClassifier
from lift3d.nets.spatial_transformer import transform_voxels
from lift3d.pipelines.classify import combine_labels
from lift3d.train.data.labelled_shapes import LabelledShapes, evaluation_rotation
from lift3d.train.metrics import balanced_accuracy
from lift3d.types import Label

CANDIDATE_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Candidate weights of the prediction from voxels; the prediction from views has the complementary weight."""
BATCH_SIZE = 16


@dataclass(frozen=True, eq=False)
class EnsembleOutputs:
    """Probabilities of N shapes in one pose: from voxels (N, K) with K labels, and from views and solid (N, M) with M
    categories."""

    voxels: NDArray[np.float64]
    embeddings: NDArray[np.float64]
    labels: tuple[str, ...]
    categories: tuple[str, ...]

    def correct(self, targets: NDArray[np.int64], weight: float) -> NDArray[np.bool_]:
        """(N,) whether the combined prediction is the target, an index into `labels`; a category that is missing in `labels` is
        wrong. weight: of the voxels."""
        out = []
        for p, q, target in zip(self.voxels, self.embeddings, targets):
            combined = combine_labels(Label(self.labels, p), Label(self.categories, q), weight)
            out.append(combined.top(1)[0][0] == self.labels[target])
        return np.array(out)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The networks of the ensemble. poses: how views judge poses; None: poses are judged by voxels alone."""

    net: VoxelClassifier | PointNet
    augmentation: TestTimeAugmentation
    classifier: EmbeddingClassifier
    embedding: EmbeddingNetwork
    poses: PoseWeights | None = None

    def predict(
        self, shapes: LabelledShapes, pose: str, indices: list[int],
        progress: Callable[[float], None] = lambda fraction: None,
    ) -> EnsembleOutputs:  # fmt: skip
        """Both predictions for shapes in rotations that `pose` ("none", "up", "any") and their indices determine. A shape that is
        invisible in all views has equal probabilities from views."""
        voxels, embeddings = [], []
        for first in range(0, len(indices), BATCH_SIZE):
            some = indices[first : first + BATCH_SIZE]
            rotations = np.stack([evaluation_rotation(shapes.number(i), pose) for i in some])
            batch = torch.from_numpy(np.stack([shapes.full(i) for i in some])).float()
            with torch.no_grad():
                batch = batch if pose == "none" else transform_voxels(batch, torch.from_numpy(rotations))
                scores, plan = self.net.score_poses(batch), self.augmentation
                if self.poses is not None:
                    scores, plan = (
                        self._judged(shapes, some, rotations, scores),
                        replace(plan, identity_bias=0.0),
                    )
                voxels.append(self.net.probabilities(batch, plan, scores).double().numpy())
                upright = self.net.upright_rotation(batch, plan.identity_bias, scores).double().numpy()
            for i, rotation, to_upright in zip(some, rotations, upright):
                embeddings.append(self._from_views(shapes, i, to_upright @ rotation))
            progress(min(1.0, (first + BATCH_SIZE) / len(indices)))
        p, q = np.concatenate(voxels), np.stack(embeddings)
        return EnsembleOutputs(
            p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True), shapes.names, self.classifier.names
        )

    def _judged(
        self, shapes: LabelledShapes, indices: list[int], rotations: NDArray[np.float32], scored: PoseScores
    ) -> PoseScores:
        """Scores of the candidate poses of a batch by views and voxels."""
        assert self.poses is not None
        out = []
        for k, i in enumerate(indices):
            one, turned = (scored[0][k : k + 1], scored[1][k : k + 1]), rotations[k].astype(np.float64)
            parts = shapes.shapes.corpus.parts(shapes.number(i))
            out.append(judge_poses(parts, one, self.embedding, self.poses, turned)[1])
        return scored[0], torch.cat(out)

    def _from_views(
        self, shapes: LabelledShapes, index: int, rotation: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        parts = shapes.shapes.corpus.parts(shapes.number(index))
        try:
            embedding = self.embedding.embed_parts(
                [replace(p, vertices=p.vertices @ rotation.T) for p in parts]
            )
            return self.classifier.classify(embedding).astype(np.float64)
        except InputError:  # the model consists of transparent parts alone
            return np.full(len(self.classifier.names), 1 / len(self.classifier.names))


def best_weight(outputs: list[EnsembleOutputs], targets: NDArray[np.int64]) -> float:
    """The weight of the voxels with the largest sum of accuracy and balanced accuracy over all poses; the smallest of equals."""

    def score(weight: float) -> float:
        rights = [one.correct(targets, weight) for one in outputs]
        return round(sum(float(r.mean()) + balanced_accuracy(r, targets) for r in rights), 6)

    return max(CANDIDATE_WEIGHTS, key=score)
