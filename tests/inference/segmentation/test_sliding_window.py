"""Sliding windows cover a volume, their weights add up, and one window equals the network's own output."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_plan import small_plan  # noqa: E402

from lift3d.inference.segmentation.sliding_window import (  # noqa: E402
    LEAST_WEIGHT,
    gaussian_weights,
    padded,
    predict_probabilities,
    starts,
)
from lift3d.nets.segmentation.unet import ResidualUNet3d  # noqa: E402


class Local(torch.nn.Module):
    """Logits that depend on each voxel alone, so that all windows agree."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([0.0, 1.0, -2.0]).view(1, 3, 1, 1, 1))

    def forward(self, x):
        return x * self.scale


@pytest.mark.parametrize(("size", "window"), [(5, 8), (8, 8), (9, 8), (12, 8), (13, 8), (40, 8), (41, 7)])
def test_windows_cover_an_axis(size: int, window: int) -> None:
    first = starts(size, window)
    covered = {k + i for k in first for i in range(window)}
    assert covered >= set(range(size)) and max(covered) < max(size, window)
    assert all(0 < b - a <= (window + 1) // 2 for a, b in zip(first, first[1:]))


def test_weights_are_gaussian_and_symmetric() -> None:
    weights = gaussian_weights((8, 12, 10))
    assert weights.max() == 1 and weights.min() == np.float32(LEAST_WEIGHT)
    assert np.allclose(weights, weights[::-1, ::-1, ::-1])
    line = np.exp(-0.5 * ((np.arange(12) - 5.5) / 1.5) ** 2)
    assert np.allclose(weights[3, :, 4], line / line.max(), atol=1e-6)


def test_volumes_that_fit_equal_the_network_itself() -> None:
    torch.manual_seed(0)
    net = ResidualUNet3d.of(small_plan()).eval()
    values = np.random.default_rng(0).normal(size=(16, 16, 8)).astype(np.float32)
    with torch.no_grad():
        whole = torch.softmax(net(torch.from_numpy(values)[None, None]), 1)[0].numpy()
    found = predict_probabilities(net, values, (16, 16, 8), bfloat16=False)
    assert np.allclose(found, whole, atol=1e-6)
    smaller = values[:13, :15, :8]
    with torch.no_grad():
        wide, inside = padded(smaller, (16, 16, 8))
        whole = torch.softmax(net(torch.from_numpy(wide)[None, None]), 1)[0].numpy()
    found = predict_probabilities(net, smaller, (16, 16, 8), bfloat16=False)
    assert found.shape == (3, 13, 15, 8) and np.allclose(found, whole[(slice(None), *inside)], atol=1e-6)


@pytest.mark.parametrize("shape", [(30, 21, 8), (5, 40, 9), (17, 17, 17)])
@pytest.mark.parametrize("mirror", [(), (0,), (0, 2)])
def test_windows_of_a_local_function_equal_the_whole_volume(
    shape: tuple[int, ...], mirror: tuple[int, ...]
) -> None:
    net, values = Local(), np.random.default_rng(1).normal(size=shape).astype(np.float32)
    fractions: list[float] = []
    found = predict_probabilities(net, values, (16, 16, 8), mirror, False, fractions.append)
    exact = torch.softmax(net(torch.from_numpy(values)[None, None]), 1)[0].detach().numpy()
    assert np.allclose(found, exact, atol=1e-5) and np.allclose(found.sum(0), 1, atol=1e-5)
    assert not fractions or fractions[-1] == 1


def test_mirroring_makes_the_prediction_symmetric() -> None:
    torch.manual_seed(0)
    net = ResidualUNet3d.of(small_plan()).eval()
    values = np.random.default_rng(2).normal(size=(16, 16, 8)).astype(np.float32)
    found = predict_probabilities(net, values, (16, 16, 8), (0,), False)
    flipped = predict_probabilities(net, values[::-1], (16, 16, 8), (0,), False)
    assert np.allclose(found, flipped[:, ::-1], atol=1e-5)
