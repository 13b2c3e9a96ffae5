"""Depth of every photo by multi-view stereo on the CPU: slanted PatchMatch, coarse to fine.

The sparse model selects the source views of each photo. On a pyramid of grey images, random planes are initialised at
the coarsest level, then propagated in a red-black pattern and refined at each level
(`lift3d.geometry.stereo.patchmatch`). A depth is kept only where enough other photos measured the same point
(`lift3d.geometry.stereo.cross_check`, after Schoenberger et al. 2016, section 5). Depths that a photo could not measure
are propagated from photos that could, with lower confidence (`lift3d.geometry.stereo.depth_propagation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import DEPTHS_AGREE, ONE_MAP_PER_VIEW
from lift3d.geometry.image.pyramid import halve
from lift3d.geometry.stereo import patchmatch
from lift3d.geometry.stereo.cross_check import cross_check
from lift3d.geometry.stereo.depth_propagation import propagate_depths
from lift3d.geometry.stereo.source_views import depth_range, select_source_views, view_pair_scores
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Camera, Depth, DepthMaps, Views

NAME = "images_to_depths"


@register(
    Card(
        NAME,
        "Views",
        "DepthMaps",
        (ONE_MAP_PER_VIEW, DEPTHS_AGREE, SAME_BYTES),
        reference="Bleyer et al. 2011; Galliani et al. 2015; Schoenberger et al. 2016",
    )
)
@dataclass(frozen=True)
class ImagesToDepths(Mapping[Views, DepthMaps]):
    """sources: source photos per view; keep: number of best source photos that the cost of a pixel averages; levels: pyramid
    levels; neighbours: views in which a depth is checked; min_views: number of them that must have measured the same point."""

    sources: int = 4
    keep: int = 2
    levels: int = 3
    neighbours: int = 10
    min_views: int = 1

    def apply(self, source: Views, context: Context) -> DepthMaps:
        n = len(source)
        if n < 3:
            raise CaptureError(
                f"depth needs at least 3 photos with cameras, and there are {n}", "add overlapping photos"
            )
        scores = view_pair_scores(source)
        chosen = select_source_views(scores, self.sources)
        pyramids = [_pyramid(image.grey, self.levels) for image in source.images]
        raw: list[Depth | None] = []
        for i in range(n):
            span = depth_range(source, i)
            if span is None or not chosen[i]:
                raw.append(None)
            else:
                raw.append(
                    photo_depth(
                        [pyramids[j] for j in [i, *chosen[i]]],
                        [source.cameras[j] for j in [i, *chosen[i]]],
                        span,
                        keep=self.keep,
                        seed=context.seed * 1009 + i,
                    )
                )
            context.progress(NAME, 0.92 * (i + 1) / n)
        del pyramids
        neighbours = select_source_views(scores, self.neighbours)
        without = [source.images[i].name for i in range(n) if raw[i] is None]
        depths = cross_check(source, raw, neighbours, self.min_views)
        del raw
        own = [float((d.z > 0).mean()) for d in depths]
        depths = propagate_depths(source, depths, neighbours, self.min_views)
        kept = [float((d.z > 0).mean()) for d in depths]
        context.note(
            NAME,
            sources=[[source.images[j].name for j in row] for row in chosen],
            coverage=[round(k, 4) for k in kept],
            measured_itself=[round(k, 4) for k in own],
            without_depth=without,
        )
        context.progress(NAME, 1.0)
        if max(kept) < 0.01:
            raise CaptureError(
                "the photos agree on depth almost nowhere",
                "take sharper photos of a textured, matt surface with steps of 10-15 degrees between them",
            )
        return DepthMaps(source, tuple(depths))


def _pyramid(grey: F32, levels: int) -> list[F32]:
    """Levels (H, W) of the image pyramid, finest first."""
    pyramid = [grey]
    for _ in range(levels - 1):
        pyramid.append(halve(pyramid[-1]))
    return pyramid


def photo_depth(
    pyramids: Sequence[Sequence[F32]],
    cameras: Sequence[Camera],
    span: tuple[float, float],
    *,
    keep: int = 2,
    seed: int = 0,
) -> Depth:
    """The depth map of the first photo, matched with the others; not yet cross-checked.

    pyramids: for each photo its grey images (H, W), finest first; span: (near, far) depth in the world's unit. The
    confidence is 1 - cost, a zero-mean normalised cross-correlation.
    """
    levels = len(pyramids[0])
    w_min, w_max = np.float32(1.0 / span[1]), np.float32(1.0 / span[0])
    reference = cameras[0]
    count = len(cameras) - 1
    planes = np.zeros((3, 1, 1), np.float32)
    cost = np.zeros((1, 1), np.float32)
    camera = reference
    for level in range(levels - 1, -1, -1):
        grey = pyramids[0][level]
        h, w = grey.shape
        camera = resize_camera(reference, w, h)
        photos = patchmatch.prepare_photos([p[level] for p in pyramids], cameras, keep)
        K = np.array([camera.fx, camera.fy, camera.cx, camera.cy], np.float32)
        baseline = np.median([np.linalg.norm(c.centre - reference.centre) for c in cameras[1:]])
        pixel = np.float32(
            1.0 / (camera.fx * max(float(baseline), 1e-9))
        )  # change of inverse depth that shifts the projection by about one pixel
        tilt = np.float32(0.7 * np.sqrt(w_min * w_max) / camera.fx)
        coarsest = level == levels - 1
        cost = np.empty((h, w), np.float32)
        chosen = np.empty((h, w), np.uint8)
        if coarsest:
            planes = np.empty((3, h, w), np.float32)
            tries, rounds, views = 40, 4, count
        else:
            planes = patchmatch.upsample_planes(planes, h, w)
            tries, rounds, views = 0, (2 if level else 1), min(3, count)
        at_level = seed * 131 + level * 7919
        patchmatch.initialise_planes(
            photos, planes, cost, chosen, views=views, tries=tries, span=(w_min, w_max), seed=at_level
        )
        for turn in range(rounds):
            shrink = np.float32(0.5**turn)
            for parity in (0, 1):
                patchmatch.propagate_planes(
                    photos, planes, cost, chosen, K=K, parity=parity, far=7 if coarsest else 3,
                    step=pixel * shrink * np.float32(4 if coarsest else 1),
                    tilt=tilt * shrink * np.float32(1.0 if coarsest else 0.5),
                    span=(w_min, w_max), tries=4 if coarsest else 3, seed=at_level + 100 * (turn + 1) + 13,
                )  # fmt: skip
    z = np.where(planes[0] > 0, 1.0 / np.maximum(planes[0], 1e-12), 0.0).astype(np.float32)
    normals = plane_normals(planes, camera).astype(
        np.float16
    )  # float16, because normals take most of the memory
    return Depth(z, camera, normals, np.clip(1.0 - cost, 0.0, 1.0).astype(np.float32))


def plane_normals(planes: F32, camera: Camera) -> F32:
    """Camera-frame unit normals (H, W, 3), facing the camera, of planes given as inverse depth and gradient."""
    w, gx, gy = planes
    u = np.arange(camera.width, dtype=np.float32) + 0.5 - camera.cx
    v = np.arange(camera.height, dtype=np.float32) + 0.5 - camera.cy
    n = np.stack([gx * camera.fx, gy * camera.fy, w - gx * u[None, :] - gy * v[:, None]], -1)
    n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-20)
    return (-n).astype(np.float32)
