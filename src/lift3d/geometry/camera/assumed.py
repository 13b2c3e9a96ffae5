"""Intrinsics of a photo that states no calibration."""

from __future__ import annotations

import numpy as np

from lift3d.types import F64, Image

ASSUMED_FIELD_OF_VIEW = 45.0
"""Degrees across the longer side, for a photo whose focal length is unknown."""


def assumed_intrinsics(image: Image) -> F64:
    """(3, 3) intrinsics: the focal length of EXIF, else of a common lens; the principal point is the centre of the photo."""
    longer = max(image.width, image.height)
    focal = (
        image.focal if image.focal is not None else longer / 2 / np.tan(np.radians(ASSUMED_FIELD_OF_VIEW) / 2)
    )
    return np.array([[focal, 0, image.width / 2], [0, focal, image.height / 2], [0, 0, 1.0]])
