"""The guided filter: constants stay, edges are followed, and a slow twin agrees."""

from __future__ import annotations

import numpy as np
from guided_filter import guided_filter


def test_a_map_follows_the_edge_of_the_picture():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 22:] = [200, 90, 30]
    rough = np.zeros((40, 40), np.float32)
    rough[:, 19:] = 1  # three pixels beside the edge
    got = guided_filter(picture, rough, 6, 1e-4)
    truth = np.zeros((40, 40))
    truth[:, 22:] = 1
    assert (
        np.abs(got - truth)[:, 19:22].mean() < 0.7
        and (got[:, 22:] > 0.7).all()
        and (got[:, :10] < 0.05).all()
    )
    assert np.allclose(guided_filter(picture, np.full((40, 40), 0.25, np.float32), 4, 1e-4), 0.25, atol=1e-6)


def test_it_equals_its_definition_window_by_window():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (9, 10, 3), dtype=np.uint8)
    share = rng.random((9, 10)).astype(np.float32)
    r, epsilon = 1, 1e-2
    at = np.pad(np.arange(90).reshape(9, 10), r, mode="symmetric")  # the border is mirrored
    flat, value = picture.reshape(-1, 3) / 255, share.reshape(-1)
    lines = np.zeros((9, 10, 4))
    for i in range(9):
        for j in range(10):
            some = at[i : i + 3, j : j + 3].ravel()
            I, p = flat[some], value[some]
            a = np.linalg.solve(
                np.cov(I.T, bias=True) + epsilon * np.eye(3), (I * p[:, None]).mean(0) - I.mean(0) * p.mean()
            )
            lines[i, j] = [*a, p.mean() - a @ I.mean(0)]
    padded = np.pad(lines, ((1, 1), (1, 1), (0, 0)), mode="symmetric")
    mean = np.mean([padded[i : i + 9, j : j + 10] for i in range(3) for j in range(3)], 0)
    wanted = ((mean[..., :3] * picture / 255).sum(-1) + mean[..., 3]).clip(0, 1)
    assert np.allclose(guided_filter(picture, share, r, epsilon), wanted, atol=1e-5)
