"""Sizes and constants of the networks that code around them needs, also where torch is not installed."""

from __future__ import annotations

GRID_SIZE, PICTURE_SIZE = 64, 128
"""Voxels along each side of a shape; pixels along each side of a cut-out picture."""
MEAN, SCALE = 127.0, 128.0
"""The input of the pre-trained backbone is (sRGB code - MEAN) / SCALE."""
BACKBONE_SIZE, BACKBONE_FEATURES = 160, 1544
"""Side in pixels of the cut-out from which the backbone computes features, and their number
(nets/dense/backbone_embedding.py)."""
FILL = 15 / 16
"""Longest side of a shape as a fraction of the grid's side: 60 of 64 voxels, as in the corpus."""
OCCUPIED = 0.2
"""Occupancy above which a voxel counts for the bounding box."""
POSES, IDENTITY = 18, 2
"""POSES: number of candidate poses, six directions of each of three frames; IDENTITY: the index of the identity
(nets/spatial_transformer.py)."""
UPRIGHT_SIZE = 32
"""Voxels along each side of the shapes that the upright estimator scores."""
