"""A picture to judge a model by: front, right, back and from above, side by side in one PNG.

World z up; the front is seen along +y. All four views have one scale. The ground shadow is drawn from the
model's own footprint; the material is shown as it is, with a little light to make the shape readable.
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

_FOOTPRINT = 192


def write_preview(mesh: Mesh, path: str | Path, side: int = 600) -> None:
    """Write the four views as a PNG of 2 side x 2 side pixels; the file appears whole or not at all."""
    sheet = PIL.Image.fromarray(preview(mesh, side))
    with writing(Path(path)) as temporary:
        sheet.save(temporary, format="PNG", compress_level=3)


def preview(mesh: Mesh, side: int = 600) -> NDArray[np.uint8]:
    """(2 side, 2 side, 3) uint8 sheet: front and right above, back and three-quarter from above below."""
    ready = _handy(drawable(mesh))
    shading = 0.45 if len(ready.texels) else 0.85
    shadow = _footprint(ready)
    used = ready.v[np.unique(ready.f)]
    tiles = []
    for camera in _cameras(_main_points(ready), side):
        rgb, cover = render_linear(ready, camera, 2, shading)
        ground = _backdrop(side) * (1 - _ground_shadow(used, camera, *shadow))[..., None]
        tiles.append(linear_to_srgb8(rgb + ground * (1 - cover[..., None])))
    sheet = np.concatenate([np.concatenate(tiles[:2], 1), np.concatenate(tiles[2:], 1)])
    return _label(sheet, side)


def _handy(ready: Drawable) -> Drawable:
    """Of a size that can be drawn: numbers as small as 1e-30 vanish beside the least distances that anything here heeds."""
    longest = float(np.ptp(ready.v[np.unique(ready.f)], axis=0).max())
    if not 0 < longest < np.inf or 1e-6 < longest < 1e6:
        return ready
    return replace(ready, v=ready.v * 2.0 ** -np.round(np.log2(longest)))


def _main_points(ready: Drawable, least: float = 0.15) -> F64:
    """(N, 3) the vertices that decide the frame: without the scraps, parts of less than `least` of the largest one's
    area, which a scene may have far from what it is about."""
    p, row = weld_exact(ready.v)  # along the seams of a texture the vertices are double
    f = row[ready.f].astype(np.int32)
    label = connected_components(f, len(p))
    a, b, c = p[f[:, 0]], p[f[:, 1]], p[f[:, 2]]
    area = np.bincount(label, np.linalg.norm(np.cross(b - a, c - a), axis=1))
    return p[np.unique(f[(area >= least * area.max())[label]])]


def _cameras(used: F64, side: int) -> list[Camera]:
    """One camera per view, all with one focal length: the largest with which every view fits its tile."""
    cameras = [
        orbit_camera(used, azimuth, elevation, side, side, 2.4 * side) for _, azimuth, elevation in VIEWS
    ]
    reach = max(float(np.abs(project(camera, used)[0] - side / 2).max()) for camera in cameras)
    focal = 2.4 * side * 0.41 * side / max(reach, 1e-9)
    return [replace(camera, fx=focal, fy=focal) for camera in cameras]


def _backdrop(side: int) -> F32:
    """(side, side, 3) linear: a warm light grey, a little darker towards the corners and the top."""
    y, x = np.mgrid[0:side, 0:side] / (side - 1) - 0.5
    fall = 1 - 0.30 * (x**2 + (y - 0.12) ** 2) / 0.5
    return (srgb8_to_linear(np.array([236, 234, 230])) * fall[..., None]).astype(np.float32)


def _footprint(ready: Drawable) -> tuple[F32, Camera]:
    """Softened picture of what stands near the ground, from far above, and the camera that took it."""
    corners = ready.v[ready.f.ravel()]
    low, high = corners.min(0), corners.max(0)
    size = max(float(np.linalg.norm(high - low)), 1e-12)
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    far = 60 * size
    # From below: the depth beyond the ground is how high the model hangs over it.
    camera = look_at(middle - [0, 0, far], middle, _FOOTPRINT, _FOOTPRINT, _FOOTPRINT * far / (2.2 * size))
    z = depth_map(camera, ready.v, ready.f)
    height = np.where(z > 0, (z - far) / size, np.inf)
    contact = ndimage.gaussian_filter((np.exp(-np.maximum(height, 0) / 0.06)).astype(np.float32), 2.2)
    wide = ndimage.gaussian_filter((np.exp(-np.maximum(height, 0) / 0.35)).astype(np.float32), 11)
    return np.float32(0.38) * contact + np.float32(0.34) * wide, camera


def _ground_shadow(corners: F64, camera: Camera, shadow: F32, below: Camera) -> F32:
    """(H, W) how dark the ground plane under the model is where the camera sees it, 0 above the horizon."""
    rays = pixel_rays(camera) @ camera.R
    down = rays[..., 2] < -1e-6
    reach = np.where(down, (corners[:, 2].min() - camera.centre[2]) / np.where(down, rays[..., 2], -1), 0)
    points = camera.centre + rays * reach[..., None]
    p = points @ below.R.T + below.t
    u, v = (
        below.fx * p[..., 0] / p[..., 2] + below.cx - 0.5,
        below.fy * p[..., 1] / p[..., 2] + below.cy - 0.5,
    )
    values = ndimage.map_coordinates(shadow, [v, u], order=1, mode="constant", cval=0.0)
    return np.where(down, values, 0).astype(np.float32)


def _label(sheet: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The views' names in small grey letters, lower left in each."""
    picture = PIL.Image.fromarray(sheet)
    draw = PIL.ImageDraw.Draw(picture)
    font = PIL.ImageFont.load_default(size=max(10, side // 38))
    for i, (name, _, _) in enumerate(VIEWS):
        place = (i % 2 * side + side // 30, i // 2 * side + side - side // 14)
        draw.text(place, name, fill=(128, 125, 120), font=font)
    return np.asarray(picture)
