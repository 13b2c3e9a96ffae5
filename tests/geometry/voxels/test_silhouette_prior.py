"""Every ray of a protruding part of the silhouette has full voxels; no other voxel becomes full."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.voxels.silhouette_prior import (
    NEIGHBOUR_WEIGHT,
    _reaching_out,
    _smooth,
    fill_behind_silhouette,
)


def depths(likeliest, sure, middle, lack, full):  # type: ignore[no-untyped-def]
    """The readable twin of `_smooth`: the normal equations of the energy, ray by ray."""
    rays = [tuple(x) for x in np.argwhere(lack)]
    a, b = np.zeros((len(rays), len(rays))), np.zeros(len(rays))
    for k, (v, u) in enumerate(rays):
        c = min(float(sure[v, u]), 1) + 1e-4
        a[k, k] += c
        b[k] += c * likeliest[v, u]
        for beside in ((v - 1, u), (v + 1, u), (v, u - 1), (v, u + 1)):
            if not (0 <= beside[0] < lack.shape[0] and 0 <= beside[1] < lack.shape[1]):
                continue
            if lack[beside]:
                a[k, k] += 1
                a[k, rays.index(beside)] -= 1
            elif full[beside]:
                a[k, k] += NEIGHBOUR_WEIGHT
                b[k] += NEIGHBOUR_WEIGHT * middle[beside]
    return np.linalg.solve(a, b)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_depths_are_those_of_the_readable_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, (7, 9))
    lack, full = kind == 1, kind == 2
    lack[3, 3], full[3, 3] = True, False
    given_ = (rng.integers(0, 16, (7, 9)), rng.random((7, 9), np.float32) * 1.5, rng.random((7, 9)) * 16)
    assert np.allclose(_smooth(*given_, lack, full), depths(*given_, lack, full))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.25, 0.5, 0.8]), st.floats(0.3, 3))
def test_voxels_are_only_added_and_only_behind_the_silhouette(seed: int, level: float, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    share = ndimage.gaussian_filter(rng.random((24, 24, 24)), 2).astype(np.float32)
    share = ((share - share.min()) / np.ptp(share)) ** 2
    silhouette = (ndimage.gaussian_filter(rng.random((24, 24)), 2) > 0.5).astype(np.float32)
    soft = ndimage.gaussian_filter1d(share, 0.7, axis=0)
    said = fill_behind_silhouette(share, silhouette, level, ratio)
    assert said.dtype == np.float32 and (said >= soft - 1e-6).all() and said.max() <= 1
    changed = ((said > level) & (soft <= level)).any(0)
    assert not changed[silhouette < 0.5].any()
    full = soft.max(0) >= level
    if full.any():
        kept = _reaching_out((silhouette > 0.5) & ~full, full)
        assert (said.max(0)[kept] > level).all() and not changed[~kept].any()


def chair() -> tuple[np.ndarray, np.ndarray]:
    """A seat and a leg whose depth is open."""
    share = np.zeros((32, 32, 32), np.float32)
    share[10:20, 4:12, 4:28] = 0.95
    share[8:24, 12:28, 6:8] = 0.12
    share[12:15, 12:28, 6:8] = 0.25
    silhouette = np.zeros((32, 32), np.float32)
    silhouette[4:12, 4:28], silhouette[12:28, 6:8] = 1, 1
    return share, silhouette


def test_a_leg_whose_depth_is_open_comes_back_where_it_is_most_likely() -> None:
    share, silhouette = chair()
    full = fill_behind_silhouette(share, silhouette, 0.4) > 0.4
    assert not (share[:, 12:28] > 0.4).any() and full[:, 12:28, 6:8].any(0).all()
    there = np.nonzero(full[:, 14:26, 6:8])[0]
    assert there.min() >= 10 and there.max() <= 18 and 12 <= np.median(there) <= 15
    assert ndimage.label(full)[1] == 1  # one thing


def test_a_leg_that_nobody_expects_hangs_from_the_seat() -> None:
    share, silhouette = chair()
    share[:, 12:] = 0
    full = fill_behind_silhouette(share, silhouette, 0.4) > 0.4
    there = np.nonzero(full[:, 14:26, 6:8])[0]
    assert full[:, 12:28, 6:8].any(0).all() and there.min() >= 10 and there.max() <= 20


def test_the_rim_of_a_mask_that_is_too_large_stays_empty() -> None:
    share, silhouette = chair()
    share[:, 12:] = 0
    silhouette[12:] = 0
    large = ndimage.binary_dilation(silhouette > 0, iterations=2).astype(np.float32)
    full = fill_behind_silhouette(share, large, 0.4) > 0.4
    assert np.array_equal(full.any(0), silhouette > 0)


def test_an_empty_prediction_stays_empty() -> None:
    share, silhouette = chair()
    assert not (fill_behind_silhouette(share * 0.1, silhouette, 0.4) > 0.4).any()
