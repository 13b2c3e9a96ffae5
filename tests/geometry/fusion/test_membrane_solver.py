"""The membrane solver: transfers between grids, block masks, and kernels against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.fusion.membrane_solver import (
    HALF_WEIGHT,
    _coarsened,
    block_grid_shape,
    blocks_near_surface,
    coarse_shape,
    prolong,
    relax,
    solve_membrane,
)

sizes = st.tuples(*[st.integers(2, 9)] * 3)


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_shapes_of_grids(shape: tuple[int, int, int]) -> None:
    """The coarse grid covers the fine one with at most one node more than needed; blocks cover all nodes."""
    for n, c, b in zip(shape, coarse_shape(shape), block_grid_shape(shape)):
        assert 2 * (c - 1) >= n - 1 > 2 * (c - 2)
        assert 4 * b >= n > 4 * (b - 1)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(sizes, st.integers(0, 1000))
def test_prolongation_reproduces_trilinear_functions(shape: tuple[int, int, int], seed: int) -> None:
    a, b, c, d, e = np.random.default_rng(seed).normal(size=5)
    x, y, z = np.indices(shape).astype(float)
    fine = prolong((a + b * x + c * y + d * z + e * x * y * z).astype(np.float32))
    assert fine.shape == tuple(2 * n - 1 for n in shape)
    x, y, z = np.indices(fine.shape) / 2
    np.testing.assert_allclose(fine, a + b * x + c * y + d * z + e * x * y * z, rtol=1e-4, atol=1e-3)


def restricted_twin(fine: np.ndarray) -> np.ndarray:
    out = np.zeros(coarse_shape(fine.shape))
    for index in np.ndindex(out.shape):
        total = weight = 0.0
        for offset in np.ndindex(3, 3, 3):
            node = [2 * i + o - 1 for i, o in zip(index, offset)]
            if all(0 <= n < s for n, s in zip(node, fine.shape)):
                w = np.prod([1 / (1 + abs(o - 1)) for o in offset])
                total, weight = total + w * fine[tuple(node)], weight + w
        out[index] = total / weight if weight else 0.0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 4, 7), (3, 3, 3), (2, 6, 5)])
def test_restriction_equals_its_twin_and_keeps_constants(shape: tuple[int, int, int]) -> None:
    fine = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    np.testing.assert_allclose(_coarsened(fine), restricted_twin(fine), atol=1e-6)
    np.testing.assert_allclose(_coarsened(np.full(shape, 3, np.float32)), 3, rtol=1e-6)


def test_one_sweep_equals_its_twin() -> None:
    """Red nodes first, then black ones, each from its six neighbours; walls reflect."""
    rng = np.random.default_rng(1)
    shape, smooth, over = (5, 4, 6), 0.3, 1.4
    phi, f = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
    w = rng.uniform(0, 4, shape).astype(np.float32)
    expected = phi.astype(float)
    for parity in (0, 1):
        for i, j, k in np.ndindex(shape):
            if (i + j + k) % 2 != parity:
                continue
            total = 0.0
            for axis in range(3):
                for step in (-1, 1):
                    node = [i, j, k]
                    node[axis] = min(max(node[axis] + step, 0), shape[axis] - 1)
                    total += expected[tuple(node)]
            a = w[i, j, k] / (w[i, j, k] + HALF_WEIGHT)
            value = (a * f[i, j, k] + smooth * total) / (a + 6 * smooth)
            expected[i, j, k] += over * (value - expected[i, j, k])
    np.testing.assert_allclose(relax(phi, f, w, smooth, 1, over=over), expected, atol=1e-5)


def test_inactive_blocks_do_not_change() -> None:
    rng = np.random.default_rng(2)
    phi = rng.normal(size=(8, 8, 8)).astype(np.float32)
    before = phi.copy()
    active = np.zeros((2, 2, 2), np.uint8)
    active[0, 1, 0] = 1
    relax(phi, np.zeros_like(phi), np.ones_like(phi), 0.2, 3, active)
    changed = phi != before
    assert changed[:4, 4:, :4].all()
    changed[:4, 4:, :4] = False
    assert not changed.any()


def test_blocks_near_the_surface_hold_every_sign_change() -> None:
    x = np.indices((9, 9, 9)).transpose(1, 2, 3, 0)
    phi = np.clip(np.linalg.norm(x - 4.2, axis=-1) - 2.5, -1, 1).astype(np.float32)
    blocks, fine = blocks_near_surface(phi), prolong(phi)
    assert blocks.shape == block_grid_shape(fine.shape) and 0 < blocks.mean() < 1
    for axis in range(3):
        crossing = np.argwhere(np.diff(np.sign(fine), axis=axis) != 0)
        assert blocks[tuple((crossing // 4).T)].all()
    assert not blocks_near_surface(np.ones((5, 5, 5), np.float32)).any()


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.floats(-1, 1), st.integers(0, 100))
def test_constant_data_give_a_constant_membrane(value: float, seed: int) -> None:
    w = (np.random.default_rng(seed).random((7, 8, 9)) < 0.2).astype(np.float32)
    w[3, 3, 3] = 1
    phi = solve_membrane(np.full(w.shape, value, np.float32), w, 0.1)
    np.testing.assert_allclose(phi, value, atol=2e-3)


def test_the_membrane_obeys_the_maximum_principle_and_symmetry() -> None:
    f, w = np.zeros((11, 9, 9), np.float32), np.zeros((11, 9, 9), np.float32)
    f[0], f[-1], w[0], w[-1] = -1, 1, 50, 50
    phi = solve_membrane(f, w, 0.05)
    assert np.abs(phi).max() <= 1 + 1e-5
    np.testing.assert_allclose(phi, -phi[::-1], atol=1e-3)
    profile = phi.mean((1, 2))
    assert (np.diff(profile) > 0).all() and np.abs(phi - profile[:, None, None]).max() < 1e-3
