"""What each pixel of a depth map is evidence of, packed into four bytes for the fusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.types import Depth

FREE_ONLY = 64
"""Added to the confidence of a measured surface that is not the object's, so only the space before it is known."""
CONFIDENCE_STEPS = 30
"""The confidence of a surface is held in these steps."""
PROPAGATED = 32
"""Added to the confidence of a surface that other views measured: it proves no free space."""
BLANK, NO_EVIDENCE, OFF_OBJECT = 128, 129, 130
"""A pixel without a measurement, one that proves nothing, and one beside the object's silhouette."""


def pack_pixels(depth: Depth, labels: NDArray[np.int8]) -> NDArray[np.uint32]:
    """(H * W,) uint32 of four bytes a pixel, the lowest first: 127 (1 + n) of the three components of the normal (to 0.3
    degrees), then the evidence (see above).

    depth: with normals and confidence; labels: (H, W) int8, 1 surface of the object, 0 another surface, -1 outside its
    silhouette.
    """
    assert depth.normals is not None and depth.confidence is not None
    step = np.clip(depth.confidence * CONFIDENCE_STEPS + np.float32(0.5), 0, CONFIDENCE_STEPS)
    facts: NDArray[np.uint32] = step.astype(np.uint32)
    measured = depth.z > 0
    facts[measured & (labels == 0)] += np.uint32(FREE_ONLY)
    if depth.propagated is not None:
        facts[depth.propagated] += np.uint32(PROPAGATED)
        facts[depth.propagated & (labels == 0)] = NO_EVIDENCE
    facts[~measured] = BLANK
    facts[labels < 0] = OFF_OBJECT
    for axis in (2, 1, 0):
        facts <<= np.uint32(8)
        facts |= (depth.normals[..., axis] * np.float32(127) + np.float32(127.5)).astype(np.uint32)
    return facts.reshape(-1)
