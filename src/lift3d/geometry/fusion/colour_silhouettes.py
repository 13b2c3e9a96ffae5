"""Where photos look past the object, told by colour: between legs and through handles depth is often missing.

Few photos look through a gap, and what they see behind it lies far away or out of focus, so stereo measures nothing there. The
pixels whose depth was measured tell the colours of the object and of its surroundings in each photo. A random walker with these
as seeds (Grady 2006, "Random walks for image segmentation") decides the others by their colours and by the edges between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.fusion.fuse import FusionSettings, OrientedBox, fuse
from lift3d.geometry.image.pyramid import halve
from lift3d.geometry.image.random_walker import edge_weights, random_walk
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.geometry.surface.marching_tetrahedra import marching_tetrahedra
from lift3d.types import F32, F64, Depth, DepthMaps

OBJECT, SURROUNDINGS, UNKNOWN = np.int8(1), np.int8(-1), np.int8(0)
WALK_SIZE = 420
"""Largest side in pixels of the pictures in which the random walker runs."""
BINS = 12
"""Histogram bins of a colour channel."""
MIN_DENSITY = 2e-4
"""Added to both colour densities, so that colours rare in both decide nothing."""
MAX_LOG_RATIO = 3.0
SMOOTHING = 1.5
"""Standard deviation in pixels over which log ratios of colours are averaged."""
SEED_WEIGHT, COLOUR_WEIGHT = 2.0, 0.05
"""Weights of the random walker's prior: of a seed, and of an unknown pixel."""
LEAST_SEEDS = 200
"""Pixels of either kind below which a photo tells nothing."""
LEAST_PROBABILITY, CONFIDENCE, ERROR_COST = 0.7, 0.6, 2.5
"""A look past the object has the confidence CONFIDENCE (1 - ERROR_COST e), where e is the fraction of the seeds whose own colour
is more likely of the other kind. So two or three photos must agree."""
FIRST_NODES, FIRST_FACES = 600_000, 20_000
"""Size of the first surface, beside which a photo shows the surroundings for certain."""


def surroundings(photo: NDArray[np.uint8], seeds: NDArray[np.int8]) -> tuple[NDArray[np.bool_], float]:
    """(H, W) bool, where a photo shows the surroundings and not the object; and the fraction of the seeds whose colour is more
    likely of the other kind (1 where there are too few seeds).

    photo: (H', W', 3) sRGB; seeds: (H, W) OBJECT, SURROUNDINGS or UNKNOWN.
    """
    rgb, small = [np.ascontiguousarray(photo[..., c], np.float32) for c in range(3)], seeds
    while max(small.shape) > WALK_SIZE:
        small = _halve_seeds(small)
    while rgb[0].shape[0] >= 2 * small.shape[0]:
        rgb = [halve(channel) for channel in rgb]
    colours = np.stack([_resized(channel, small.shape) for channel in rgb], -1)
    kinds = [small == OBJECT, small == SURROUNDINGS]
    if min(kinds[0].sum(), kinds[1].sum()) < LEAST_SEEDS:
        return np.zeros(seeds.shape, bool), 1.0
    ratio = ndimage.gaussian_filter(_log_ratio(colours, kinds), SMOOTHING)
    error = float((ratio[kinds[0]] > 0).mean() + (ratio[kinds[1]] < 0).mean()) / 2
    prior = 1 / (1 + np.exp(-ratio))
    prior[kinds[0]], prior[kinds[1]] = 0.0, 1.0
    weight = np.where(small == UNKNOWN, COLOUR_WEIGHT, SEED_WEIGHT)
    walked = random_walk(prior, edge_weights(colours.astype(np.float64) / 255), weight)
    return _resized(walked > LEAST_PROBABILITY, seeds.shape), error


def _resized(values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """(H, W) values at the nearest pixels of another size."""
    index = [
        np.minimum((np.arange(n) + 0.5) * m / n, m - 1).astype(np.int64) for n, m in zip(shape, values.shape)
    ]
    return values[index[0]][:, index[1]]


def _halve_seeds(seeds: NDArray[np.int8]) -> NDArray[np.int8]:
    """Seeds of half the size: of four pixels all known ones must agree, at least two."""
    h, w = seeds.shape[0] // 2, seeds.shape[1] // 2
    total: NDArray[np.int8] = seeds[: 2 * h, : 2 * w].reshape(h, 2, w, 2).sum((1, 3), dtype=np.int8)
    return np.where(total >= 2, OBJECT, np.where(total <= -2, SURROUNDINGS, UNKNOWN)).astype(np.int8)


def _log_ratio(rgb: F32, kinds: list[NDArray[np.bool_]]) -> F64:
    """(H, W) log likelihood ratio of each pixel's colour, surroundings over object, within +-MAX_LOG_RATIO. kinds: (H, W) seeds
    of the object and of the surroundings."""
    bins = np.clip(rgb * (BINS / 256), 0, BINS - 1).astype(np.int64)
    index = (bins[..., 0] * BINS + bins[..., 1]) * BINS + bins[..., 2]
    density = []
    for seeds in reversed(kinds):
        counts = np.bincount(index[seeds], minlength=BINS**3).astype(np.float64).reshape((BINS,) * 3)
        counts = ndimage.gaussian_filter(counts, 0.8)
        density.append(counts.ravel()[index] / max(float(counts.sum()), 1e-9))
    ratio = np.log((density[0] + MIN_DENSITY) / (density[1] + MIN_DENSITY))
    return np.asarray(np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO))


def add_looks_past(
    maps: DepthMaps, pixel_labels: Sequence[NDArray[np.int8]], box: OrientedBox, base: bool
) -> DepthMaps:
    """The depth maps, with a depth beyond the box where a photo measured nothing itself and looks past the object by its colours.

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
            _with_looks_past(depth, labels, image.pixels, depth_map(depth.camera, v, f) > 0, box.diagonal)
            for depth, labels, image in zip(maps.depths, pixel_labels, maps.views.images)
        ),
    )


def _with_looks_past(
    depth: Depth, labels: NDArray[np.int8], photo: NDArray[np.uint8], covered: NDArray[np.bool_], size: float
) -> Depth:
    """One depth map with the looks past the object. covered (H, W): pixels that show the first surface; size: of the box."""
    assert depth.confidence is not None
    measured = depth.z > 0
    if depth.propagated is not None:
        measured &= ~depth.propagated
    near = ndimage.binary_dilation(covered, iterations=max(round(0.008 * max(covered.shape)), 2))
    seeds = np.where(near, UNKNOWN, SURROUNDINGS)
    seeds[(measured & (labels == 0)) | (labels < 0)] = SURROUNDINGS
    seeds[measured & (labels == 1) & covered] = OBJECT
    past, error = surroundings(photo, seeds)
    confidence = CONFIDENCE * max(0.0, 1 - ERROR_COST * error)
    new = past & near & ~measured
    if confidence == 0 or not new.any():
        return depth
    far = np.float32(depth.z[covered & measured].max(initial=0.0) + 3 * size)
    return replace(
        depth, z=np.where(new, far, depth.z), confidence=np.where(new, np.float32(confidence), depth.confidence),
        propagated=None if depth.propagated is None else depth.propagated & ~new,
    )  # fmt: skip
