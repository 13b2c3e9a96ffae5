"""The Poisson equation by cosine transform: exact for gradients, least squares for other fields."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from lift3d.geometry.relief.poisson import differences, integrate


@pytest.mark.parametrize("shape", [(2, 2), (7, 1), (31, 40), (64, 33)])
def test_a_gradient_is_integrated_exactly(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    assert np.allclose(integrate(*differences(values)), values - values.mean(), atol=1e-10)


def test_other_fields_in_the_sense_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    h, w = 6, 5
    right, down = rng.normal(size=(h, w - 1)), rng.normal(size=(h - 1, w))
    rows = []
    for k in range(h * w):
        one = np.zeros(h * w)
        one[k] = 1
        rows.append(np.concatenate([d.ravel() for d in differences(one.reshape(h, w))]))
    solution = lsq_linear(np.array(rows).T, np.concatenate([right.ravel(), down.ravel()]), tol=1e-14).x
    solution = solution.reshape(h, w)
    assert np.allclose(integrate(right, down), solution - solution.mean(), atol=1e-6)
