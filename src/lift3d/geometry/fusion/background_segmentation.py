"""Segmentation of the background by colour where depth is missing: between legs and through handles.

The background behind a gap is visible in few photos, far away or out of focus, so that stereo measures nothing there. Pixels with
a measured depth are seeds of the object and of the background, and a random walker (Grady 2006, "Random walks for image
segmentation") labels the others by their colours and by the image's edges. Rays of background pixels prove free space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.fusion.fuse import FusionSettings, OrientedBox, fuse
from lift3d.geometry.image.pyramid import halve, resize_nearest
from lift3d.geometry.image.random_walker import colour_log_ratio, edge_weights, random_walk
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import Depth, DepthMaps

OBJECT, BACKGROUND, UNKNOWN = np.int8(1), np.int8(-1), np.int8(0)
WALK_SIZE = 420
"""Largest side in pixels of the pictures in which the random walker runs."""
SMOOTHING = 1.5
"""Standard deviation in pixels over which log ratios of colours are averaged."""
SEED_WEIGHT, COLOUR_WEIGHT = 2.0, 0.05
"""Weights of the random walker's prior: of a seed, and of an unknown pixel."""
LEAST_SEEDS = 200
"""Minimum number of seeds of either label in a photo that is segmented."""
LEAST_PROBABILITY, CONFIDENCE, ERROR_COST = 0.7, 0.6, 2.5
"""The least probability of a background pixel. Its confidence is CONFIDENCE (1 - ERROR_COST e), where e is the fraction of the
seeds whose colour is more likely under the other label; two or three photos must then agree on free space."""
FIRST_NODES, FIRST_FACES = 600_000, 20_000
"""Size of the first surface; pixels away from its projection are seeds of the background."""


def segment_background(photo: NDArray[np.uint8], seeds: NDArray[np.int8]) -> tuple[NDArray[np.bool_], float]:
    """(H, W) bool, the background of a photo; and the fraction of the seeds whose colour is more likely under the other label (1
    where there are too few seeds).

    photo: (H', W', 3) sRGB; seeds: (H, W) OBJECT, BACKGROUND or UNKNOWN.
    """
    rgb, small = [np.ascontiguousarray(photo[..., c], np.float32) for c in range(3)], seeds
    while max(small.shape) > WALK_SIZE:
        small = _halve_seeds(small)
    while rgb[0].shape[0] >= 2 * small.shape[0]:
        rgb = [halve(channel) for channel in rgb]
    colours = np.stack([resize_nearest(channel, small.shape) for channel in rgb], -1)
    kinds = [small == OBJECT, small == BACKGROUND]
    if min(kinds[0].sum(), kinds[1].sum()) < LEAST_SEEDS:
        return np.zeros(seeds.shape, bool), 1.0
    weights = [kind.astype(np.float64) for kind in kinds]
    ratio = ndimage.gaussian_filter(colour_log_ratio(colours, weights[1], weights[0]), SMOOTHING)
    error = float((ratio[kinds[0]] > 0).mean() + (ratio[kinds[1]] < 0).mean()) / 2
    prior = 1 / (1 + np.exp(-ratio))
    prior[kinds[0]], prior[kinds[1]] = 0.0, 1.0
    weight = np.where(small == UNKNOWN, COLOUR_WEIGHT, SEED_WEIGHT)
    walked = random_walk(prior, edge_weights(colours.astype(np.float64) / 255), weight)
    return resize_nearest(walked > LEAST_PROBABILITY, seeds.shape), error


def _halve_seeds(seeds: NDArray[np.int8]) -> NDArray[np.int8]:
    """Seeds of half the size: of four pixels all known ones must agree, at least two."""
    h, w = seeds.shape[0] // 2, seeds.shape[1] // 2
    total: NDArray[np.int8] = seeds[: 2 * h, : 2 * w].reshape(h, 2, w, 2).sum((1, 3), dtype=np.int8)
    return np.where(total >= 2, OBJECT, np.where(total <= -2, BACKGROUND, UNKNOWN)).astype(np.int8)


def add_background_depth(
    maps: DepthMaps, pixel_labels: Sequence[NDArray[np.int8]], box: OrientedBox, base: bool
) -> DepthMaps:
    """The depth maps, with a depth beyond the box at background pixels for which a photo measured no depth itself.

    pixel_labels, base: see `fuse`.
    """
    first = fuse(
        maps, pixel_labels, box, FusionSettings(FIRST_NODES, FIRST_FACES, 0.06), base, silhouettes=False
    )
    v, f = marching_tetrahedra(first.phi)
    if len(f) == 0:
        return maps
    v = (first.origin + first.step * v) @ box.frame[:3, :3].T + box.frame[:3, 3]
    return replace(
        maps,
        depths=tuple(
            _with_background_depth(
                depth, labels, image.pixels, depth_map(depth.camera, v, f) > 0, box.diagonal
            )
            for depth, labels, image in zip(maps.depths, pixel_labels, maps.views.images)
        ),
    )


def _with_background_depth(
    depth: Depth, labels: NDArray[np.int8], photo: NDArray[np.uint8], covered: NDArray[np.bool_], size: float
) -> Depth:
    """One depth map with the depth of the background. covered (H, W): the projection of the first surface; size: of the box."""
    assert depth.confidence is not None
    measured = depth.z > 0
    if depth.propagated is not None:
        measured &= ~depth.propagated
    near = ndimage.binary_dilation(covered, iterations=max(round(0.008 * max(covered.shape)), 2))
    seeds = np.where(near, UNKNOWN, BACKGROUND)
    seeds[(measured & (labels == 0)) | (labels < 0)] = BACKGROUND
    seeds[measured & (labels == 1) & covered] = OBJECT
    background, error = segment_background(photo, seeds)
    confidence = CONFIDENCE * max(0.0, 1 - ERROR_COST * error)
    new = background & near & ~measured
    if confidence == 0 or not new.any():
        return depth
    far = np.float32(depth.z[covered & measured].max(initial=0.0) + 3 * size)
    return replace(
        depth, z=np.where(new, far, depth.z), confidence=np.where(new, np.float32(confidence), depth.confidence),
        propagated=None if depth.propagated is None else depth.propagated & ~new,
    )  # fmt: skip
