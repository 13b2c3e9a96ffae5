"""Rendering: colour, depth, normals and coverage of a mesh from given cameras."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.colour_space import srgb8_to_linear
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.lights import Lighting
from lift3d.geometry.render.passes import render_image
from lift3d.geometry.render.shadow_maps import LightArrays, headlight, prepare_lights
from lift3d.types import F32, F64, Camera, Depth, Mesh, Part

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, eq=False)
class Rendering:
    """rgb (H, W, 3) uint8 sRGB; depth with normals (camera frame) at the pixel centres; mask (H, W) bool; cover
    (H, W) float32: the share of the pixel that the thing covers, what is translucent by its alpha."""

    camera: Camera
    rgb: NDArray[np.uint8]
    depth: Depth
    mask: NDArray[np.bool_]
    coverage: F32

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """(H, W, 4) uint8, rgb with cover as alpha: a cut-out picture where it was rendered without background."""
        return np.dstack([self.rgb, np.round(255 * np.clip(self.coverage, 0, 1)).astype(np.uint8)])


def render(
    mesh: Mesh | Drawable | Sequence[Part],
    camera: Camera,
    samples: int = 2,
    shading: float = 0.6,
    background: Colour | None = WHITE,
    lighting: Lighting | None = None,
) -> Rendering:
    """One picture; hand in `drawable(mesh)` when a mesh is drawn more than once, or use `render_many`.

    lighting: None is a soft light that comes with the camera, of strength `shading`. background: sRGB; None leaves it
    away, and `Rendering.rgba` is the thing cut out. Depth is that of the nearest surface, panes included."""
    ready = mesh if isinstance(mesh, Drawable) else drawable(mesh)
    return _shoot(ready, camera, samples, _lights(ready, shading, lighting, (camera,)), background, True)


def render_many(
    mesh: Mesh | Drawable | Sequence[Part],
    cameras: Sequence[Camera],
    samples: int = 2,
    shading: float = 0.6,
    background: Colour | None = WHITE,
    lighting: Lighting | None = None,
) -> list[Rendering]:
    """As `render`, for many cameras: shadows are computed once, and every thread makes pictures of its own."""
    ready = mesh if isinstance(mesh, Drawable) else drawable(mesh)
    lights = _lights(ready, shading, lighting, cameras)
    _ = ready.surface
    with ThreadPoolExecutor(max(1, numba.get_num_threads())) as pool:
        return list(pool.map(lambda c: _shoot(ready, c, samples, lights, background, False), cameras))


def _lights(
    ready: Drawable, shading: float, lighting: Lighting | None, cameras: Sequence[Camera]
) -> LightArrays:
    """Shadows twice as fine as the pictures, within 256 to 1024 texels."""
    if lighting is None:
        return headlight(shading)
    side = max((max(camera.width, camera.height) for camera in cameras), default=1)
    return prepare_lights(ready, lighting, min(max(256, 2 << (side - 1).bit_length()), 1024))


def _shoot(
    ready: Drawable,
    camera: Camera,
    samples: int,
    lights: LightArrays,
    background: Colour | None,
    threads: bool,
) -> Rendering:
    ground: F64 = np.full(3, -1.0)
    if background is not None:
        ground = srgb8_to_linear(np.array(background)).astype(np.float64)
    rgb, cover, z, normals, mask = render_image(ready, camera, samples, lights, ground, threads)
    return Rendering(camera, rgb, Depth(z, camera, normals, mask.astype(np.float32)), mask, cover)
