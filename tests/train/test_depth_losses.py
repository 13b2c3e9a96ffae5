"""Losses of depth: invariant to scale and shift, equal to slow twins of the equations."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.train.depth_losses import (  # noqa: E402
    align,
    gradient_loss,
    median_and_deviation,
    normal_loss,
    trimmed_mae,
)


def example(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(3, 9, 11) * 2 + 5, torch.rand(3, 9, 11) < 0.8


def test_median_and_deviation_are_those_of_the_valid_pixels() -> None:
    d, valid = example()
    t, s = median_and_deviation(d, valid)
    for k in range(3):
        x = np.sort(d[k][valid[k]].numpy())
        middle = x[(len(x) - 1) // 2]  # torch takes the lower of two
        assert float(t[k]) == pytest.approx(middle)
        assert float(s[k]) == pytest.approx(np.abs(x - middle).mean(), rel=1e-5)


def test_the_loss_ignores_scale_and_shift() -> None:
    d, valid = example()
    scale = torch.tensor([0.5, 2, 30.0])[:, None, None]
    assert torch.allclose(align(scale * d - 4, valid), align(d, valid), atol=1e-4)


def test_the_trimmed_error_is_that_of_equation_5() -> None:
    r, valid = example()
    expected = []
    for k in range(3):
        x = np.sort(np.abs(r[k][valid[k]].numpy()))
        expected.append(x[: int(0.8 * len(x))].sum() / (2 * len(x)))
    assert float(trimmed_mae(r, valid)) == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_largest_residuals_have_no_gradient() -> None:
    r, valid = example()
    r[0, 0, 0], valid[0, 0, 0] = 1e4, True
    r.requires_grad_()
    trimmed_mae(r, valid).backward()
    assert r.grad is not None and float(r.grad[0, 0, 0]) == 0 and float(r.grad[~valid].abs().sum()) == 0


def test_the_gradient_loss_is_that_of_equation_11() -> None:
    r, valid = example()
    total = 0.0
    for k in range(3):
        for scale in (1, 2):
            x, v = r[k, ::scale, ::scale].numpy(), valid[k, ::scale, ::scale].numpy()
            parts = 0.0
            for i in range(x.shape[0]):
                for j in range(x.shape[1]):
                    if j + 1 < x.shape[1] and v[i, j] and v[i, j + 1]:
                        parts += abs(x[i, j + 1] - x[i, j])
                    if i + 1 < x.shape[0] and v[i, j] and v[i + 1, j]:
                        parts += abs(x[i + 1, j] - x[i, j])
            total += parts / v.sum() / 3
    assert float(gradient_loss(r, valid, 2)) == pytest.approx(total, rel=1e-4)
    assert float(gradient_loss(torch.full_like(r, 3.0), valid)) == 0


def test_normals_count_where_they_are_known() -> None:
    truth = torch.zeros(1, 3, 2, 2)
    truth[:, 2, 0] = -1
    prediction = torch.zeros(1, 3, 2, 2)
    prediction[:, 0] = 1
    prediction[0, :, 0, 0] = torch.tensor([0, 0, -1.0])
    assert float(normal_loss(prediction, truth)) == pytest.approx(0.5)
    assert float(normal_loss(prediction, torch.zeros_like(truth))) == 0
