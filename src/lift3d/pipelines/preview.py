"""A preview of a model: front, right, back and three-quarter view from above in one PNG.

World z up; the front is seen along +y. All four views have one scale. The ground shadow is computed from the depth of the model
seen from below; the material is shown with a weak headlight that makes the shape readable.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
from numpy.typing import NDArray
from scipy import ndimage

from lift3d.geometry.camera.orbit import look_at, orbit_camera
from lift3d.geometry.camera.projection import pixel_rays, project
from lift3d.geometry.image.colour_space import linear_to_srgb8, srgb8_to_linear
from lift3d.geometry.mesh.components import connected_components
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.passes import render_linear
from lift3d.geometry.render.rasterizer import depth_map
from lift3d.io.files.atomic import writing
from lift3d.types import F32, F64, Camera, Mesh

VIEWS = (("front", -90.0, 8.0), ("right", 0.0, 8.0), ("back", 90.0, 8.0), ("from above", -52.0, 38.0))
"""Name, azimuth and elevation in degrees."""

FOOTPRINT = 192
"""Side of the map of heights above the ground in pixels."""
MAIN_AREA = 0.15
"""Components whose area is a smaller fraction of the largest one's do not affect the frame."""
FILL = 0.41
"""Farthest projected vertex from the centre of a tile, as a fraction of its side."""


def write_preview(mesh: Mesh, path: str | Path, side: int = 600) -> None:
    """Write the four views as a PNG of 2 side x 2 side pixels, atomically."""
    sheet = PIL.Image.fromarray(preview(mesh, side))
    with writing(Path(path)) as temporary:
        sheet.save(temporary, format="PNG", compress_level=3)


def preview(mesh: Mesh, side: int = 600) -> NDArray[np.uint8]:
    """(2 side, 2 side, 3) uint8 sRGB: front and right in the upper row, back and view from above in the lower one."""
    surface = _rescale(drawable(mesh))
    shading = 0.45 if len(surface.texels) else 0.85
    shadow = _footprint(surface)
    vertices = surface.v[np.unique(surface.f)]
    tiles = []
    for camera in _cameras(main_vertices(surface), side):
        rgb, cover = render_linear(surface, camera, 2, shading)
        ground = _backdrop(side) * (1 - _ground_shadow(vertices, camera, *shadow))[..., None]
        tiles.append(linear_to_srgb8(rgb + ground * (1 - cover[..., None])))
    sheet = np.concatenate([np.concatenate(tiles[:2], 1), np.concatenate(tiles[2:], 1)])
    return _label(sheet, side)


def _rescale(surface: Drawable) -> Drawable:
    """The surface, scaled by a power of two to a side of about 1 where it is so small or large that the renderer's tolerances
    would fail."""
    longest = float(np.ptp(surface.v[np.unique(surface.f)], axis=0).max())
    if not 0 < longest < np.inf or 1e-6 < longest < 1e6:
        return surface
    return replace(surface, v=surface.v * 2.0 ** -np.round(np.log2(longest)))


def main_vertices(surface: Drawable) -> F64:
    """(N, 3) the vertices that determine the frame: those of connected components with at least `MAIN_AREA` of the largest
    component's area. A scene may have scraps far from its subject."""
    p, row = weld_exact(surface.v)  # vertices are duplicated along texture seams
    f = row[surface.f].astype(np.int32)
    label = connected_components(f, len(p))
    a, b, c = p[f[:, 0]], p[f[:, 1]], p[f[:, 2]]
    area = np.bincount(label, np.linalg.norm(np.cross(b - a, c - a), axis=1))
    return p[np.unique(f[(area >= MAIN_AREA * area.max())[label]])]


def _cameras(vertices: F64, side: int) -> list[Camera]:
    """One camera per view, all with one focal length: the largest with which every view fits its tile."""
    cameras = [
        orbit_camera(vertices, azimuth, elevation, side, side, 2.4 * side) for _, azimuth, elevation in VIEWS
    ]
    extent = max(float(np.abs(project(camera, vertices)[0] - side / 2).max()) for camera in cameras)
    focal = 2.4 * side * FILL * side / max(extent, 1e-9)
    return [replace(camera, fx=focal, fy=focal) for camera in cameras]


def _backdrop(side: int) -> F32:
    """(side, side, 3) linear RGB: a warm light grey, darker towards the corners and the top."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1) - 0.5
    falloff = 1 - 0.30 * (x**2 + (y - 0.12) ** 2) / 0.5
    return (srgb8_to_linear(np.array([236, 234, 230])) * falloff[..., None]).astype(np.float32)


def _footprint(surface: Drawable) -> tuple[F32, Camera]:
    """(FOOTPRINT, FOOTPRINT) darkness of the ground plane, and the camera far below the model that sees it."""
    corners = surface.v[surface.f.ravel()]
    low, high = corners.min(0), corners.max(0)
    size = max(float(np.linalg.norm(high - low)), 1e-12)
    centre = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    far = 60 * size
    # seen from below, the depth beyond the ground is the height above it
    camera = look_at(centre - [0, 0, far], centre, FOOTPRINT, FOOTPRINT, FOOTPRINT * far / (2.2 * size))
    z = depth_map(camera, surface.v, surface.f)
    height = np.where(z > 0, (z - far) / size, np.inf)
    contact = ndimage.gaussian_filter((np.exp(-np.maximum(height, 0) / 0.06)).astype(np.float32), 2.2)
    wide = ndimage.gaussian_filter((np.exp(-np.maximum(height, 0) / 0.35)).astype(np.float32), 11)
    return np.float32(0.38) * contact + np.float32(0.34) * wide, camera


def _ground_shadow(vertices: F64, camera: Camera, shadow: F32, below: Camera) -> F32:
    """(H, W) darkness of the ground plane under the model where the camera sees it, 0 above the horizon. shadow, below: from
    `_footprint`."""
    rays = pixel_rays(camera) @ camera.R
    down = rays[..., 2] < -1e-6
    distance = np.where(down, (vertices[:, 2].min() - camera.centre[2]) / np.where(down, rays[..., 2], -1), 0)
    points = camera.centre + rays * distance[..., None]
    p = points @ below.R.T + below.t
    u, v = (
        below.fx * p[..., 0] / p[..., 2] + below.cx - 0.5,
        below.fy * p[..., 1] / p[..., 2] + below.cy - 0.5,
    )
    values = ndimage.map_coordinates(shadow, [v, u], order=1, mode="constant", cval=0.0)
    return np.where(down, values, 0).astype(np.float32)


def _label(sheet: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The sheet with the name of each view in its lower left corner."""
    picture = PIL.Image.fromarray(sheet)
    draw = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.load_default(size=max(10, side // 38))
    for i, (name, _, _) in enumerate(VIEWS):
        corner = (i % 2 * side + side // 30, i // 2 * side + side - side // 14)
        draw.text(corner, name, fill=(128, 125, 120), font=font)
    return np.asarray(picture)
