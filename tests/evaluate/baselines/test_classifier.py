"""Baselines of classification on small shapes: neighbours against a loop, votes by hand, the optimum of the SVM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lift3d.evaluate.baselines import classifier  # noqa: E402
from lift3d.evaluate.baselines.classifier import (  # noqa: E402
    NEIGHBOUR_COUNTS,
    NearestNeighbours,
    choose_k,
    choose_linear_svm,
    fit_linear_svm,
    rotated_batches,
)


class Shapes:
    """Boxes with random sides in grids of 64 voxels; the label is the longest axis."""

    names = ("x", "y", "z")

    def __init__(self, count: int, seed: int) -> None:
        self.sides = np.random.default_rng(seed).integers(4, 60, (count, 3))
        self.targets = self.sides.argmax(1)

    def __len__(self) -> int:
        return len(self.sides)

    def full(self, i: int) -> np.ndarray:
        grid = np.zeros((64, 64, 64), bool)
        x, y, z = self.sides[i]
        grid[:x, :y, :z] = True
        return grid

    def number(self, i: int) -> int:
        return i


TRAIN = Shapes(20, 0)


@pytest.fixture(scope="module")
def nearest() -> NearestNeighbours:
    return NearestNeighbours(TRAIN)  # type: ignore[arg-type]


@pytest.mark.slow
def test_neighbours_are_those_of_a_loop_over_all_training_shapes(nearest: NearestNeighbours) -> None:
    query = Shapes(4, 1)
    batch = torch.from_numpy(np.stack([query.full(i) for i in range(4)])).float()
    ranked = nearest.ranked(batch)
    assert ranked.shape == (4, NEIGHBOUR_COUNTS[-1])
    for i in range(4):
        distance = []
        for j in range(len(TRAIN)):
            blocks = [
                s.full(k).reshape(32, 2, 32, 2, 32, 2).mean((1, 3, 5)) for s, k in ((query, i), (TRAIN, j))
            ]
            distance.append(((blocks[0] - blocks[1]) ** 2).sum())
        expected = TRAIN.targets[np.argsort(distance)[: NEIGHBOUR_COUNTS[-1]]]
        assert (
            ranked[i].numpy() == expected
        ).mean() > 0.8  # 8 bits may exchange neighbours at equal distances
        assert ranked[i, 0] == expected[0]


def test_the_nearest_neighbour_of_a_training_shape_is_itself(nearest: NearestNeighbours) -> None:
    batch = torch.from_numpy(np.stack([TRAIN.full(i) for i in range(8)])).float()
    assert nearest(batch).argmax(1).tolist() == TRAIN.targets[:8].tolist()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=15), st.integers(1, 15))
def test_the_majority_wins_and_nearer_shapes_decide_equal_votes(
    nearest: NearestNeighbours, labels: list[int], k: int
) -> None:
    first = labels[:k]
    votes = nearest.votes(torch.tensor([labels]), k)[0]
    assert [round(float(v)) for v in votes] == [first.count(label) for label in range(3)]
    winners = [label for label in range(3) if first.count(label) == max(map(first.count, range(3)))]
    assert int(votes.argmax()) in winners
    if len(first) == 2:
        assert int(votes.argmax()) == first[0]


def test_the_number_of_neighbours_is_the_smallest_of_the_best(
    nearest: NearestNeighbours, monkeypatch: pytest.MonkeyPatch
) -> None:
    val = Shapes(3, 2)
    val.targets = np.array([0, 1, 2])
    # the label is second and third nearest, so that one neighbour is wrong and three are right
    other = {0: 1, 1: 2, 2: 0}
    ranked = torch.tensor([[other[t], t, t, t, t] for t in range(3)])
    monkeypatch.setattr(nearest, "ranked", lambda voxels: ranked)
    assert choose_k(nearest, val) == 3  # type: ignore[arg-type]
    ranked = torch.tensor([[t] * 5 for t in range(3)])
    assert choose_k(nearest, val) == 1  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_support_vector_machine_is_at_the_minimum_of_its_loss() -> None:
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(3, [1, 5, 0.2], (60, 3)).astype(np.float32))
    targets = torch.from_numpy(rng.integers(0, 3, 60))
    svm = fit_linear_svm(lambda v: v, x, targets, 3, 0.1)
    rows = ((x - x.mean(0)) / x.std(0, correction=0)).double().numpy()
    sign = np.where(np.arange(3) == targets.numpy()[:, None], 1.0, -1.0)

    def loss(weight: np.ndarray, bias: np.ndarray) -> float:
        hinge = np.maximum(1 - sign * (rows @ weight + bias), 0) ** 2
        return float(hinge.sum(1).mean() + 0.05 * (weight**2).sum())

    weight, bias = svm.weight.double().numpy(), svm.bias.double().numpy()
    least = loss(weight, bias)
    for _ in range(50):  # the loss is strictly convex: every step away increases it
        step = rng.normal(size=(4, 3)) * 0.02
        assert loss(weight + step[:3], bias + step[3]) > least
    assert svm(x) == pytest.approx(rows @ weight + bias, abs=1e-4)


@pytest.mark.slow
def test_separable_categories_are_separated_and_a_constant_feature_is_harmless() -> None:
    centres = torch.tensor([[0.0, 0, 7], [10, 0, 7], [0, 10, 7]])
    targets = torch.arange(30) % 3
    x = centres[targets] + torch.randn(30, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 1, 0]
    )
    svm = fit_linear_svm(lambda v: v, x, targets, 3, 1e-3)
    assert svm(x).argmax(1).tolist() == targets.tolist() and torch.isfinite(svm.weight).all()


@pytest.mark.slow
def test_the_regularisation_is_the_first_of_the_best_on_validation_shapes() -> None:
    train, val = Shapes(12, 3), Shapes(8, 4)

    def sides(voxels: torch.Tensor) -> torch.Tensor:
        return torch.stack([voxels.amax(axes).sum(1) for axes in ((2, 3), (1, 3), (1, 2))], 1)

    svm, strength = choose_linear_svm(sides, train, val)  # type: ignore[arg-type]
    right = {}
    features = [torch.from_numpy(s.sides).float() for s in (train, val)]
    for candidate in classifier.REGULARISATION:
        fitted = fit_linear_svm(sides, features[0], torch.from_numpy(train.targets), 3, candidate)
        right[candidate] = (fitted.scores(features[1]).argmax(1).numpy() == val.targets).sum()
    assert strength == max(right, key=lambda s: (right[s], -s)) and right[strength] >= 5
    assert (svm.scores(features[1]).argmax(1).numpy() == val.targets).sum() == right[strength]


def test_batches_contain_every_index_once_and_report_progress() -> None:
    done: list[float] = []
    found = [(i, float(v.sum())) for some, batch in rotated_batches(Shapes(33, 5), "none", done.append)  # type: ignore[arg-type]
             for i, v in zip(some, batch)]  # fmt: skip
    assert found == [(i, float(np.prod(Shapes(33, 5).sides[i]))) for i in range(33)]
    assert done == [32 / 33, 1.0]
