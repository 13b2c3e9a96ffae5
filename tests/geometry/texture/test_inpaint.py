"""Harmonic colours on the surface, and the texture between charts."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.geometry.texture import inpaint
from lift3d.geometry.texture.inpaint import GREY, fill_harmonic, pad_texture


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The unit cells of an n x n square, two triangles each."""
    x, y = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    v = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1).astype(float)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).ravel()
    return v, np.concatenate(
        [np.stack([a, a + 1, a + n + 2], 1), np.stack([a, a + n + 2, a + n + 1], 1)]
    ).astype(np.int32)


def test_filling_is_harmonic() -> None:
    v, f = grid(12)
    truth = (v[:, :1] * [0.01, 0.02, 0.03] + 0.1).astype(np.float32)
    known = (v[:, 0] == 0) | (v[:, 0] == 12)
    ring = trimesh.Trimesh(v, f, process=False)
    filled = fill_harmonic(np.where(known[:, None], truth, 0).astype(np.float32), known, f)
    assert (filled[known] == truth[known]).all()
    lonely = fill_harmonic(
        np.full((4, 3), 0.25, np.float32), np.array([1, 1, 1, 0], bool), f[:0].reshape(0, 3)
    )
    np.testing.assert_allclose(lonely[3], 0.25, atol=1e-3)
    inner = ~known
    for i in np.flatnonzero(inner)[::7]:
        around = filled[ring.vertex_neighbors[i]]
        np.testing.assert_allclose(filled[i], around.mean(0), atol=2e-3)
        assert (filled[i] >= truth.min(0) - 1e-3).all() and (filled[i] <= truth.max(0) + 1e-3).all()


@pytest.mark.slow
def test_gutters_grow_and_everything_gets_a_colour() -> None:
    texture, state = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    texture[10:20, 10:20], state[10:20, 10:20] = (200, 10, 10), 1
    texture[40:50, 40:50], state[40:50, 40:50] = (10, 10, 200), 1
    kept = texture.copy()
    painted = state == 1
    pad_texture(texture, state, 5)
    assert (texture[painted] == kept[painted]).all()
    assert (texture[5:25, 5:25] == (200, 10, 10)).all() and (texture[35:55, 35:55] == (10, 10, 200)).all()
    assert (texture.sum(2) > 0).all()


def test_conjugate_gradients_agree_with_the_factorisation(monkeypatch) -> None:
    v, f = grid(12)
    rng = np.random.default_rng(0)
    known = rng.random(len(v)) < 0.1
    colours = rng.random((len(v), 3)).astype(np.float32)
    direct = fill_harmonic(colours, known, f)
    monkeypatch.setattr(inpaint, "DIRECT", 0)
    np.testing.assert_allclose(fill_harmonic(colours, known, f), direct, atol=2e-3)


def test_all_known_and_none_known() -> None:
    v, f = grid(2)
    colours = np.random.default_rng(1).random((9, 3)).astype(np.float32)
    assert fill_harmonic(colours, np.ones(9, bool), f) is colours
    np.testing.assert_allclose(fill_harmonic(colours, np.zeros(9, bool), f), GREY, atol=1e-4)


def test_a_ring_of_the_gutter_is_the_mean_of_its_painted_neighbours() -> None:
    texture, state = np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8)
    texture[4, 3:6] = [[10, 0, 90], [20, 0, 90], [60, 0, 90]]
    state[4, 3:6] = 1
    before = texture.copy()
    pad_texture(texture, state, 1)
    assert (state == 3).sum() == 12
    for y, x in np.argwhere(state == 3):
        block = (slice(max(y - 1, 0), y + 2), slice(max(x - 1, 0), x + 2))
        around = before[block][(before[block] > 0).any(-1)].astype(float)
        np.testing.assert_allclose(texture[y, x], around.mean(0), atol=0.51)


def test_an_empty_texture_stays_black_and_a_full_one_unchanged() -> None:
    texture, state = np.zeros((7, 5, 3), np.uint8), np.zeros((7, 5), np.uint8)
    pad_texture(texture, state, 3)
    assert not texture.any()
    full = np.random.default_rng(2).integers(0, 256, (7, 5, 3)).astype(np.uint8)
    kept = full.copy()
    pad_texture(full, np.ones((7, 5), np.uint8), 3)
    np.testing.assert_array_equal(full, kept)
