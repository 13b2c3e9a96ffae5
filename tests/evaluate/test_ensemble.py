"""The ensemble of two classifiers: combined labels by hand, the chosen weight, and the pose that each classifier receives."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import trimesh

torch = pytest.importorskip("torch")

from lift3d.errors import InputError  # noqa: E402
from lift3d.evaluate.ensemble import CANDIDATE_WEIGHTS, Ensemble, EnsembleOutputs, best_weight  # noqa: E402
from lift3d.nets.shape_classifier import TestTimeAugmentation  # noqa: E402
from lift3d.train.data.labelled_shapes import evaluation_rotation  # noqa: E402
from lift3d.types import Part  # noqa: E402

LABELS = ("chair", "table", "lamp")


def outputs(
    voxels: list[list[float]], embeddings: list[list[float]], categories: tuple[str, ...] = LABELS
) -> EnsembleOutputs:
    return EnsembleOutputs(np.array(voxels), np.array(embeddings), LABELS, categories)


def test_the_weight_decides_between_two_predictions_that_differ() -> None:
    # geometric means 0.6^w 0.2^(1 - w) and 0.3^w 0.7^(1 - w): equal where w = log 3.5 / log 7 = 0.644
    one = outputs([[0.6, 0.3, 0.1]], [[0.2, 0.7, 0.1]])
    chair, table = np.array([0]), np.array([1])
    for weight in np.linspace(0, 1, 21):
        assert one.correct(chair, weight)[0] == (weight > np.log(3.5) / np.log(7))
        assert one.correct(table, weight)[0] == (weight < np.log(3.5) / np.log(7))


def test_a_category_that_the_voxels_do_not_know_is_wrong() -> None:
    one = outputs([[0.6, 0.3, 0.1]] * 3, [[0.1, 0.9], [0.9, 0.1], [0.4, 0.6]], ("chair", "whale"))
    assert one.correct(np.array([0, 0, 2]), 0.5).tolist() == [False, True, False]


def test_the_best_weight_is_the_smallest_with_the_largest_score() -> None:
    # Views are wrong and voxels are right for the first shape, and the reverse for the second.
    first, second = [[0.6, 0.3, 0.1], [0.1, 0.45, 0.45]], [[0.2, 0.7, 0.1], [0.01, 0.04, 0.95]]
    one = outputs(first, second)
    targets = np.array([0, 2])
    assert best_weight([one], targets) == 0.7  # the first candidate above 0.644
    assert best_weight([one, one], targets) == 0.7
    right_anyway = outputs([[0.9, 0.05, 0.05]], [[0.9, 0.05, 0.05]])
    assert best_weight([right_anyway], np.array([0])) == CANDIDATE_WEIGHTS[0]


class Shapes:
    """Shapes whose grid is full up to their index, and whose model has one vertex on the x axis."""

    names = LABELS

    def __init__(self) -> None:
        self.shapes = SimpleNamespace(corpus=SimpleNamespace(parts=self.parts))

    def number(self, i: int) -> int:
        return 100 + i

    def full(self, i: int) -> np.ndarray:
        grid = np.zeros((4, 4, 4), bool)
        grid[: i % 4] = True
        return grid

    def parts(self, number: int) -> list[Part]:
        box = trimesh.creation.box()
        return [Part(np.asarray(box.vertices) + [number - 100.0, 0, 0], np.asarray(box.faces, np.int32))]


class Net:
    """Estimates a quarter rotation about z as the rotation to the upright pose of every shape."""

    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])

    def score_poses(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.sum((1, 2, 3))

    def probabilities(
        self, batch: torch.Tensor, augmentation: TestTimeAugmentation, scores: Any
    ) -> torch.Tensor:
        assert augmentation.identity_bias == 2
        return torch.stack([scores + 1, torch.ones(len(batch)), torch.ones(len(batch))], 1)

    def upright_rotation(self, batch: torch.Tensor, bias: float, scores: Any) -> torch.Tensor:
        assert bias == 2
        return self.quarter.expand(len(batch), 3, 3)


class Views:
    """The embedding of a model is the centre of its vertices."""

    def embed_parts(self, parts: list[Part]) -> np.ndarray:
        centre = parts[0].vertices.mean(0)
        if np.linalg.norm(centre) > 19:
            raise InputError("the model is invisible from every side")
        return np.asarray(centre)


def ensemble() -> Ensemble:
    classifier = SimpleNamespace(names=LABELS[:2], classify=lambda centre: np.exp(centre[:2] / 10))
    return Ensemble(Net(), TestTimeAugmentation(identity_bias=2.0), classifier, Views())  # type: ignore[arg-type]


@pytest.mark.parametrize("pose", ["none", "up"])
def test_the_views_are_those_of_the_shape_in_its_pose_and_then_upright(pose: str) -> None:
    done: list[float] = []
    indices = list(range(18))
    found = ensemble().predict(Shapes(), pose, indices, done.append)  # type: ignore[arg-type]
    assert found.categories == LABELS[:2] and found.labels == LABELS and done == [16 / 18, 1.0]
    assert found.voxels.sum(1) == pytest.approx(1) and found.embeddings.sum(1) == pytest.approx(1)
    for i in indices:
        x, y, _ = Net.quarter.numpy() @ evaluation_rotation(100 + i, pose) @ [i, 0, 0]
        assert found.embeddings[i, 1] == pytest.approx(1 / (1 + np.exp((x - y) / 10)), abs=1e-6)


def test_upright_voxels_reach_the_network_unchanged_and_an_invisible_model_has_equal_probabilities() -> None:
    indices = [1, 2, 3, 20]
    found = ensemble().predict(Shapes(), "none", indices)  # type: ignore[arg-type]
    counts = np.array([16 * (i % 4) for i in indices])
    assert found.voxels[:, 0] == pytest.approx((counts + 1) / (counts + 3))
    assert found.embeddings[3].tolist() == [0.5, 0.5]
