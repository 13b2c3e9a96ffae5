"""Training of the upright estimator: batches, the loss of a perfect and of a constant estimator, accuracy."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.train.data.backbone_features import Augmentation  # noqa: E402
from lift3d.train.tasks.upright import (  # noqa: E402
    FRACTION,
    INTERVAL,
    SIDES,
    UPSIDE_DOWN,
    random_blur,
    upright_accuracy,
    upright_batch,
    upright_training_loss,
)


class Shapes:
    """Cones: wide at the base, so that they have one upright pose."""

    def __len__(self) -> int:
        return 5

    def full(self, i: int) -> np.ndarray:
        x, y, z = np.indices((64, 64, 64)) + 0.5
        return (np.hypot(x - 32, y - 32) < (62 - z) * 0.45) & (z > 2)


class LowCentre(torch.nn.Module):
    """Scores a shape by how low its centre of mass lies; sign -1: how high."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(100.0 * sign))

    def upright(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.linspace(-1, 1, x.shape[-1])
        return -self.gain * (x * z).sum((1, 2, 3)) / x.sum((1, 2, 3))


WAYS = Augmentation(2, "none", 0.1, 0.0, 0.1, 0)


def test_rotations_are_proper_and_lay_the_up_axis_down() -> None:
    for r in (UPSIDE_DOWN, *SIDES):
        assert np.allclose(r @ r.T, np.eye(3)) and np.linalg.det(r) == pytest.approx(1)
    assert UPSIDE_DOWN[2, 2] == -1 and all(r[2, 2] == 0 for r in SIDES)
    assert len({tuple(r[:, 2]) for r in SIDES}) == 4


def test_batches_come_every_interval_and_split_over_processes() -> None:
    whole = upright_batch(Shapes(), WAYS, 8, 0, INTERVAL, 0, 1)
    assert whole["upright_voxels"].shape == (8 // FRACTION, 64, 64, 64)
    assert upright_batch(Shapes(), WAYS, 8, 0, INTERVAL + 1, 0, 1) == {}
    parts = [upright_batch(Shapes(), WAYS, 8, 0, INTERVAL, rank, 2) for rank in range(2)]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([p[name] for p in parts]), tensor)


def test_the_loss_and_the_accuracy_of_known_estimators() -> None:
    batch = upright_batch(Shapes(), WAYS, 8, 0, 0, 0, 1)
    right, wrong = LowCentre(), LowCentre(-1)
    assert (
        float(upright_training_loss(right, batch).detach())
        < 1
        < float(upright_training_loss(wrong, batch).detach())
    )
    indices = np.arange(2)
    assert upright_accuracy(right, Shapes(), indices) == 1 and upright_accuracy(wrong, Shapes(), indices) == 0


def test_a_random_blur_keeps_the_range_and_is_seeded() -> None:
    x = (torch.rand(2, 8, 8, 8) > 0.5).float()
    torch.manual_seed(0)
    a = random_blur(x)
    torch.manual_seed(0)
    assert torch.equal(random_blur(x), a) and float(a.min()) >= 0 and float(a.max()) <= 1
    assert torch.equal(random_blur(torch.zeros(1, 4, 4, 4)), torch.zeros(1, 4, 4, 4))
