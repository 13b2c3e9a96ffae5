"""Views of a ball on a table to depth maps, compared with exact ray casting."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import cast, orbit_views

from lift3d.errors import CaptureError
from lift3d.maps.images_to_depths import ImagesToDepths
from lift3d.types import Views


@pytest.mark.slow
def test_depths_are_right_where_they_are_given(maps):
    good = given = 0
    for depth in maps.depths:
        truth, _ = cast(depth.camera)
        kept = (depth.z > 0) & (truth > 0)
        given += kept.sum()
        good += (np.abs(depth.z - truth)[kept] < 0.01 * truth[kept]).sum()
    assert given > 0.35 * sum(d.z.size for d in maps.depths)
    assert good > 0.97 * given


@pytest.mark.slow
def test_two_views_are_refused():
    v = orbit_views(18)
    two = Views(v.images[:2], v.cameras[:2], v.points, v.observations[v.observations[:, 0] < 2])
    with pytest.raises(CaptureError, match="at least 3"):
        ImagesToDepths()(two)
