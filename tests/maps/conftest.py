"""Depth maps that the tests of several mappings share."""

from __future__ import annotations

import pytest
from scenes import orbit_views

from lift3d.maps.images_to_depths import ImagesToDepths
from lift3d.types import DepthMaps


@pytest.fixture(scope="session")
def maps() -> DepthMaps:
    """Depth maps measured in 18 views of a ball on a table."""
    return ImagesToDepths()(orbit_views(18))
