"""Intrinsics of a photo without calibration."""

import numpy as np
import pytest

from lift3d.geometry.camera.assumed import ASSUMED_FIELD_OF_VIEW, assumed_intrinsics
from lift3d.types import Image


@pytest.mark.parametrize(("width", "height"), [(400, 300), (300, 400), (128, 128)])
def test_the_longer_side_spans_the_assumed_field_of_view(width: int, height: int) -> None:
    k = assumed_intrinsics(Image(np.zeros((height, width, 3), np.uint8)))
    longer = max(width, height)
    assert 2 * np.degrees(np.arctan(longer / 2 / k[0, 0])) == pytest.approx(ASSUMED_FIELD_OF_VIEW)
    assert k[0, 0] == k[1, 1] and (k[0, 2], k[1, 2]) == (width / 2, height / 2)


def test_a_known_focal_length_is_used() -> None:
    assert assumed_intrinsics(Image(np.zeros((30, 40, 3), np.uint8), focal=77.0))[0, 0] == 77
