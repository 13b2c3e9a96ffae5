"""Training samples of `image_to_layers`: the visible surface of an object in a picture, and how thick it is behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.cutout import cut_out
from lift3d.geometry.parts.convert import concatenate_parts
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.train.data.view_set import View, ViewSet, view_target
from lift3d.types import F32, F64

LEVEL = 127.5
"""Occupancy level from which a voxel is inside."""
ENTRY = 3.0
"""Voxels behind the visible surface within which the solid has to begin; otherwise the part is a sheet."""
SHEET = 0.03
"""Least thickness in half widths of the crop, that of a sheet."""


@dataclass(frozen=True, eq=False)
class LayeredSample:
    """image (4, S, S) float32: the cut-out. nearness, thickness (S / 2, S / 2) float32: distance of the visible surface in front
    of w = 0, and from it to the far side of the part that is seen, in half widths of the crop. normals (3, S / 2, S / 2): unit,
    view frame, towards the camera. known (S / 2, S / 2): pixels with a surface; the maps are 0 elsewhere. extent: half the depth
    extent in half widths."""

    image: F32
    nearness: F32
    thickness: F32
    normals: F32
    known: NDArray[np.bool_]
    extent: float


def layered_sample(views: ViewSet, view: View, side: int, flipped: bool = False) -> LayeredSample:
    """The sample of a view at a side in pixels; flipped: reflected left to right."""
    image = cut_out(view.rgb, view.mask.astype(np.uint8) * 255, view.frame.crop, side)
    nearness, normals, known = visible_maps(views, view, side // 2)
    index = (1 - nearness * view.frame.half_width / view.frame.half_depth) / 2
    volume = view_target(view, views.levels(view.shape))
    cells = run_length(volume, np.where(known, index * len(volume) - 0.5, -1).astype(np.float32))
    step = 2 * view.frame.half_depth / len(volume) / view.frame.half_width
    thickness = np.where(known, np.maximum(cells * step, SHEET), 0).astype(np.float32)
    extent = view.frame.half_depth / view.frame.half_width
    sample = LayeredSample(image, nearness, thickness, normals, known, extent)
    return reflected(sample) if flipped else sample


def reflected(sample: LayeredSample) -> LayeredSample:
    """The sample, reflected left to right."""
    return LayeredSample(
        np.ascontiguousarray(sample.image[..., ::-1]),
        np.ascontiguousarray(sample.nearness[:, ::-1]),
        np.ascontiguousarray(sample.thickness[:, ::-1]),
        np.ascontiguousarray(sample.normals[..., ::-1] * np.array([-1, 1, 1], np.float32)[:, None, None]),
        np.ascontiguousarray(sample.known[:, ::-1]),
        sample.extent,
    )


def visible_maps(views: ViewSet, view: View, n: int) -> tuple[F32, F32, NDArray[np.bool_]]:
    """(nearness (n, n), normals (3, n, n), known (n, n)) of the mesh as the picture shows it, where its mask is set."""
    v, f = concatenate_parts(views.corpus.parts(view.shape))
    v = v @ view.to_view[:3, :3].T + view.to_view[:3, 3]
    camera = view.frame.camera(n)
    face, z, _ = rasterize(camera, v, f)
    x = (np.arange(n) + 0.5 - camera.cx) / camera.fx
    y = (np.arange(n) + 0.5 - camera.cy) / camera.fy
    rays = np.stack([*np.meshgrid(x, y), np.ones((n, n))], -1) @ camera.R  # in the view frame
    depth = z * rays[..., 2]
    cover = cut_out(view.rgb, view.mask.astype(np.uint8) * 255, view.frame.crop, n)[3]
    known = (face >= 0) & (cover > 0.5)
    nearness = np.where(known, (view.frame.centre_depth - depth) / view.frame.half_width, 0)
    corners = v[f]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-300)
    each = normal[np.maximum(face, 0)]
    away = (each * rays).sum(-1, keepdims=True) > 0
    each = np.where(known[..., None], np.where(away, -each, each), 0)
    return nearness.astype(np.float32), each.transpose(2, 0, 1).astype(np.float32), known


@numba.njit(cache=True, nogil=True)
def run_length(volume: NDArray[np.uint8], start: F32) -> F64:
    """(n, n) voxels from `start` (n, n), index of the visible surface along w, to the end of the first run of full voxels of
    volume (W, V, U) there; 0 where no run begins within ENTRY voxels, and where start is negative."""
    w, v, u = volume.shape
    n = len(start)
    out = np.zeros((n, n))
    for j in range(n):
        y = min(max((j + 0.5) / n * v - 0.5, 0.0), v - 1.0)
        j0 = min(int(y), v - 2)
        fy = y - j0
        for i in range(n):
            if start[j, i] < 0:
                continue
            x = min(max((i + 0.5) / n * u - 0.5, 0.0), u - 1.0)
            i0 = min(int(x), u - 2)
            fx = x - i0
            entered, before = False, 0.0
            for k in range(max(int(start[j, i]), 0), w + 1):
                value = 0.0
                if k < w:
                    upper = volume[k, j0, i0] * (1 - fx) + volume[k, j0, i0 + 1] * fx
                    lower = volume[k, j0 + 1, i0] * (1 - fx) + volume[k, j0 + 1, i0 + 1] * fx
                    value = upper * (1 - fy) + lower * fy
                if entered and value < LEVEL:
                    end = k - 1 + (before - LEVEL) / max(before - value, 1e-9)
                    out[j, i] = max(end - start[j, i], 0.0)
                    break
                if not entered and k > start[j, i] + ENTRY:
                    break
                entered = entered or value >= LEVEL
                before = value
    return out
