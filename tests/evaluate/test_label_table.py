"""Parts of the classifier's table: linear SVM, nearest neighbours, accuracy scores, and the confusion matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

torch = pytest.importorskip("torch")

from lift3d.evaluate.baselines.classifier import (  # noqa: E402
    CachedEncoder,
    NearestNeighbours,
    critic_features,
    fit_linear_svm,
    latent_features,
)
from lift3d.evaluate.classifier import PLAIN, accuracy_scores, format_table, per_category, recovered_fraction  # noqa: E402
from lift3d.evaluate.sheets.confusion_matrix import confusion_matrix, draw_confusions, write_confusions  # noqa: E402
from lift3d.nets.latent_gan import LatentCritic  # noqa: E402
from lift3d.nets.shape_autoencoder import ShapeAutoencoder  # noqa: E402
from lift3d.train.metrics import balanced_accuracy  # noqa: E402


class Few:
    """Labelled shapes that need no corpus."""

    def __init__(self, cells: np.ndarray, targets: np.ndarray) -> None:
        self.cells, self.targets, self.names = cells, targets, ("a", "b", "c")

    def __len__(self) -> int:
        return len(self.cells)

    def full(self, i: int) -> np.ndarray:
        return self.cells[i]


@pytest.mark.slow
def test_a_linear_svm_separates_separable_classes() -> None:
    torch.manual_seed(0)
    targets = torch.arange(90) % 3
    x = torch.randn(90, 5) + 4 * torch.eye(5)[targets] + 100
    machine = fit_linear_svm(lambda share: share, x, targets, 3, 1e-3)
    assert bool((machine.scores(x).argmax(1) == targets).all())
    alone = fit_linear_svm(lambda share: share, x, targets, 3, 1e6)
    assert float(alone.weight.abs().max()) < 1e-3 < float(machine.weight.abs().max())


def test_the_loss_of_the_linear_svm_is_at_its_minimum() -> None:
    torch.manual_seed(1)
    x, targets = torch.randn(60, 4), torch.randint(0, 3, (60,))
    machine = fit_linear_svm(lambda share: share, x, targets, 3, 0.1, 200)
    rows = (x - machine.mean) / machine.scale
    side = torch.full((60, 3), -1.0).scatter(1, targets[:, None], 1.0)

    def loss(w: torch.Tensor) -> torch.Tensor:
        hinge = (1 - side * (rows @ w + machine.bias)).clamp(min=0).square().sum(1).mean()
        return hinge + 0.05 * w.square().sum()

    w = machine.weight.clone().requires_grad_()
    loss(w).backward()
    assert w.grad is not None and float(w.grad.abs().max()) < 1e-3


def test_the_nearest_shape_of_a_known_shape_is_itself() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.random((7, 8, 8, 8)) > 0.5
    cells = coarse.repeat(8, 1).repeat(8, 2).repeat(8, 3)
    train = Few(cells, np.array([0, 1, 2, 0, 1, 2, 0]))
    nearest = NearestNeighbours(train)  # type: ignore[arg-type]
    share = torch.from_numpy(cells).float()
    assert nearest(share).argmax(1).tolist() == train.targets.tolist()
    slow = ((share[:, None] - share[None]).flatten(2) ** 2).sum(2).argsort(1)
    assert torch.equal(nearest.ranked(share)[:, :3], nearest.targets[slow[:, :3]])
    votes = nearest.votes(torch.tensor([[2, 0, 0, 1]]), 3)
    assert votes.argmax(1).tolist() == [0]
    assert nearest.votes(torch.tensor([[2, 0]]), 2).argmax(1).tolist() == [2]  # the nearer of equals


def test_features_of_a_critic_have_the_size_of_the_protocol() -> None:
    codec, critic = ShapeAutoencoder(8, 2, 8).eval(), LatentCritic(2, 3, 16, 8).eval()
    once = CachedEncoder(codec)
    of = critic_features(once, lambda code: 2 * code, critic)
    x = torch.rand(2, 64, 64, 64)
    with torch.no_grad():
        assert of(x).shape == (2, (16 + 32) * 4**3 + 32 * 2**3)
        seen = torch.nn.functional.leaky_relu(critic.start(2 * codec.encode(x)), 0.2)
        first = torch.nn.functional.adaptive_max_pool3d(seen, 4).flatten(1)
        assert torch.allclose(of(x)[:, : first.shape[1]], first)
        assert torch.equal(latent_features(once)(x), codec.encode(x).flatten(1))


def test_scores_weigh_objects_and_categories_and_the_recovered_fraction_is_known() -> None:
    right, targets = np.array([True, True, True, False]), np.array([0, 0, 0, 1])
    told = accuracy_scores(right, targets, ["p", "q", "r", "s"])
    assert told["accuracy"] == 0.75 and told["balanced"] == 0.5 == balanced_accuracy(right, targets)
    low, high = told["accuracy_interval"]  # type: ignore[misc]
    assert low <= 0.75 <= high
    row = {k: {"accuracy": a, "balanced": a} for k, a in (("none", 0.8), ("up", 0.6), ("any", 0.2))}
    better = {k: {"accuracy": a, "balanced": a} for k, a in (("none", 0.8), ("up", 0.7), ("any", 0.65))}
    rows = {PLAIN: row, "network": better}
    assert recovered_fraction(rows) == pytest.approx(0.75) and recovered_fraction({"network": better}) is None
    text = "\n".join(
        format_table({"rows": rows, "shapes": 4, "split": "test", "labels": ["a", "b"], "won_back": 0.75})
    )
    assert "recovers 75%" in text and "0.650 / 0.650" in text


def test_the_confusion_matrix_counts_every_shape(tmp_path: Path) -> None:
    targets, said = np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 2, 0])
    table = confusion_matrix(targets, said, 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    told = per_category(table, ("a", "b", "c"))
    assert told["a"] == {"shapes": 2, "told": 0.5, "right": 0.5, "taken_for": "b"}
    assert told["b"]["taken_for"] is None
    names = ("a", "b", "a name that is far too long for the band that it has to stand in")
    write_confusions(tmp_path / "c.png", table, names)
    assert Pil.open(tmp_path / "c.png").size == draw_confusions(table, names, "x").size
