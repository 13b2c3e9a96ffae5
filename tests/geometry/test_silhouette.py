"""Rays of the silhouette are full somewhere; nothing is taken away but steps."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.silhouette import FAINTEST, LONGEST, SHORTEST, behind_silhouette


def twin(share: np.ndarray, silhouette: np.ndarray, level: float) -> np.ndarray:
    """Ray by ray."""
    soft = ndimage.gaussian_filter1d(share, 0.7, axis=0)
    around = ndimage.gaussian_filter(soft, (0.7, 1.0, 1.0))
    out = soft.copy()
    for v in range(share.shape[1]):
        for u in range(share.shape[2]):
            ray = soft[:, v, u]
            if silhouette[v, u] <= 0.5 or ray.max() >= level or ray.max() <= FAINTEST:
                continue
            length = int(min(max(round(float(ray.sum())), SHORTEST), LONGEST))
            sums = [around[k : k + length, v, u].sum() for k in range(len(ray) - length + 1)]
            first = int(np.argmax(sums))
            for k in range(first, first + length):
                out[k, v, u] = max(out[k, v, u], min(1.25 * level, (1 + level) / 2))
    return out


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.9]))
def test_it_does_as_its_readable_twin(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    share = (rng.random((16, 9, 8)) * rng.random((1, 9, 8)) ** 2).astype(np.float32)
    silhouette = rng.random((9, 8)).astype(np.float32)
    said = behind_silhouette(share, silhouette, level)
    assert np.allclose(said, twin(share, silhouette, level), atol=1e-5)
    seen = (silhouette > 0.5) & (ndimage.gaussian_filter1d(share, 0.7, axis=0).max(0) > FAINTEST)
    assert (said.max(0)[seen] >= level * (1 - 1e-6)).all() and said.dtype == np.float32 and said.max() <= 1


def test_a_leg_whose_depth_is_open_comes_back_where_it_is_most_likely() -> None:
    share = np.zeros((32, 32, 32), np.float32)
    share[10:20, 4:12, 4:28] = 0.95  # a seat
    share[8:24, 12:28, 6:8] = 0.12  # a leg, somewhere below it
    share[12:15, 12:28, 6:8] = 0.25
    silhouette = np.zeros((32, 32), np.float32)
    silhouette[4:12, 4:28], silhouette[12:28, 6:8] = 1, 1
    full = behind_silhouette(share, silhouette, 0.4) > 0.4
    assert not (share[:, 13:28] > 0.4).any() and full[:, 12:28, 6:8].any(0).all()
    depths = np.nonzero(full[:, 14:26, 6:8])[0]
    assert depths.min() >= 10 and depths.max() <= 18 and np.median(depths) in (13, 13.5, 14)
    assert ndimage.label(full)[1] == 1  # one thing


def test_rays_beside_the_thing_and_rays_of_a_faulty_mask_stay_empty() -> None:
    share = np.full((8, 4, 4), 0.1, np.float32)
    share[:, 0] = 0.001
    silhouette = np.ones((4, 4), np.float32)
    silhouette[:, 0] = 0
    full = behind_silhouette(share, silhouette, 0.5) > 0.5
    assert not full[:, 0].any() and not full[:, :, 0].any() and full[:, 1:, 1:].any(0).all()
