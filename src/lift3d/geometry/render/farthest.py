"""The farthest surface along each pixel's ray, as the rasteriser finds the nearest, and colours of surface points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.render.drawable import COLOURS, LEVELS, UV, Drawable, SurfaceArrays
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.geometry.render.texture_sampling import sample_texture
from lift3d.types import F32, F64, Camera


def rasterize_farthest(camera: Camera, v: F64, f: NDArray[np.integer]) -> tuple[NDArray[np.int32], F32, F32]:
    """Like `rasterize`, of the last face that each ray meets. The mesh lies in front of the camera; ValueError otherwise.

    The projective map p -> p / (a z - b) keeps planes and the pixels of points and reverses the order in depth."""
    p = np.asarray(v, np.float64) @ camera.R.T + camera.t
    nearest = float(p[np.unique(f), 2].min()) if len(f) else 1.0
    if nearest <= 0:
        raise ValueError("the mesh reaches behind the camera")
    reversed_ = p / (1.5 * p[:, 2:] / nearest - 1)
    still = replace(camera, world_to_camera=np.eye(4))
    face = rasterize(still, reversed_, f)[0]
    rows, columns = np.nonzero(face >= 0)
    corners = p[np.asarray(f)[face[rows, columns]]]
    ray = np.stack(
        [(columns + 0.5 - camera.cx) / camera.fx, (rows + 0.5 - camera.cy) / camera.fy, np.ones(len(rows))], 1
    )
    # Cramer's rule for z ray = sum b_i p_i with sum b_i = 1
    e = np.stack(
        [(ray * np.cross(corners[:, (k + 1) % 3], corners[:, (k + 2) % 3])).sum(1) for k in range(3)], 1
    )
    total = e.sum(1)
    total = np.where(np.abs(total) < 1e-300, 1e-300, total)
    z, bary = np.zeros(face.shape, np.float32), np.zeros((*face.shape, 3), np.float32)
    weights = np.clip(e / total[:, None], 0, 1)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    bary[rows, columns] = weights
    z[rows, columns] = (weights * corners[..., 2]).sum(1)
    return face, z, bary


def surface_colours(surface: Drawable, face: NDArray[np.int32], bary: F32, lod: float = 0.5) -> F32:
    """(H, W, 3) float32 linear colours of surface points, without light: faces (H, W), -1 for none (0), and barycentric
    coordinates (H, W, 3). lod: level of detail of the textures."""
    out = np.zeros((*face.shape, 3), np.float32)
    _colours(surface.surface, face, bary, float(lod), out)
    return out


@numba.njit(cache=True, nogil=True)
def _colours(surface: SurfaceArrays, face: NDArray[np.int32], bary: F32, lod: float, out: F32) -> None:
    """The colours of `surface_colours`."""
    sampled = np.zeros(4)
    for row in range(face.shape[0]):
        for column in range(face.shape[1]):
            i = face[row, column]
            if i < 0:
                continue
            data: Any = surface.face[i]
            b = bary[row, column]
            u, v = 0.0, 0.0
            colour = np.zeros(3)
            for corner in range(3):
                w = b[corner]
                for k in range(3):
                    colour[k] += w * data[COLOURS + 4 * corner + k]
                u += w * data[UV + 2 * corner]
                v += w * data[UV + 2 * corner + 1]
            first, end = int(data[LEVELS]), int(data[LEVELS + 1])
            if first >= 0:
                sample_texture(
                    surface.texels, surface.levels, first, end, surface.decoded, u, v, lod, sampled
                )
                for k in range(3):
                    colour[k] *= sampled[k]
            for k in range(3):
                out[row, column, k] = colour[k]
