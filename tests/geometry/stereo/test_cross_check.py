"""Cross-checked depths: right ones stay, wrong ones go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scenes import exact_maps, orbit_views

from lift3d.geometry.stereo.cross_check import cross_check


def _partners(n):
    return [[(i + d) % n for d in (-2, -1, 1, 2)] for i in range(n)]


@pytest.mark.slow
def test_exact_depths_are_kept_and_unchanged():
    views = orbit_views(10)
    raw = exact_maps(views)
    out = cross_check(views, raw, _partners(10), min_views=1)
    for before, after in zip(raw, out):
        kept = after.z > 0
        assert kept.sum() > 0.6 * (before.z > 0).sum()
        # neighbours are read at the nearest pixel: half a pixel of slope is the limit
        assert np.quantile(np.abs(after.z - before.z)[kept] / before.z[kept], 0.95) < 0.006


@pytest.mark.slow
def test_wrong_depths_are_dropped():
    views = orbit_views(10)
    raw = exact_maps(views)
    wrong = raw[3].z.copy()
    wrong[80:160, 120:200] *= 1.08
    raw[3] = replace(raw[3], z=wrong)
    out = cross_check(views, raw, _partners(10), min_views=2)
    assert (out[3].z[84:156, 124:196] > 0).mean() < 0.02


@pytest.mark.slow
def test_no_partner_means_no_depth():
    views = orbit_views(6)
    raw = exact_maps(views)
    out = cross_check(views, [raw[0], None, *raw[2:]], [[], [0, 2], *_partners(6)[2:]])
    assert not out[0].z.any() and not out[1].z.any()
