"""Render a mesh from given cameras: colour, depth, normals and coverage."""

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
    """An image of a mesh.

    rgb: (H, W, 3) uint8 sRGB; depth: with normals (camera frame) at the pixel centres; mask: (H, W) bool; coverage: (H, W)
    float32 fraction of the pixel that the object covers, weighted by alpha.
    """

    camera: Camera
    rgb: NDArray[np.uint8]
    depth: Depth
    mask: NDArray[np.bool_]
    coverage: F32

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """(H, W, 4) uint8, rgb with coverage as alpha: a cut-out if it was rendered without background."""
        return np.dstack([self.rgb, np.round(255 * np.clip(self.coverage, 0, 1)).astype(np.uint8)])


def render(
    mesh: Mesh | Drawable | Sequence[Part],
    camera: Camera,
    samples: int = 2,
    shading: float = 0.6,
    background: Colour | None = WHITE,
    lighting: Lighting | None = None,
) -> Rendering:
    """One image; pass `drawable(mesh)` to render a mesh more than once, or use `render_many`.

    samples: per pixel and axis; lighting: None is a headlight of strength `shading`; background: sRGB bytes, None for a
    transparent one (see `Rendering.rgba`). Depth is that of the nearest surface, blended ones included.
    """
    ready = mesh if isinstance(mesh, Drawable) else drawable(mesh)
    return _render_one(ready, camera, samples, _lights(ready, shading, lighting, (camera,)), background, True)


def render_many(
    mesh: Mesh | Drawable | Sequence[Part],
    cameras: Sequence[Camera],
    samples: int = 2,
    shading: float = 0.6,
    background: Colour | None = WHITE,
    lighting: Lighting | None = None,
) -> list[Rendering]:
    """Images from many cameras, as by `render`: shadow maps are computed once and every thread renders images of its own."""
    ready = mesh if isinstance(mesh, Drawable) else drawable(mesh)
    lights = _lights(ready, shading, lighting, cameras)
    _ = ready.surface
    with ThreadPoolExecutor(max(1, numba.get_num_threads())) as pool:
        return list(pool.map(lambda c: _render_one(ready, c, samples, lights, background, False), cameras))


def _lights(
    ready: Drawable, shading: float, lighting: Lighting | None, cameras: Sequence[Camera]
) -> LightArrays:
    """Lights with shadow maps twice as fine as the images, within 256 to 1024 texels."""
    if lighting is None:
        return headlight(shading)
    side = max((max(camera.width, camera.height) for camera in cameras), default=1)
    return prepare_lights(ready, lighting, min(max(256, 2 << (side - 1).bit_length()), 1024))


def _render_one(
    ready: Drawable,
    camera: Camera,
    samples: int,
    lights: LightArrays,
    backbackground_linear: Colour | None,
    threads: bool,
) -> Rendering:
    """One image of a prepared drawable."""
    background_linear: F64 = np.full(3, -1.0)
    if backbackground_linear is not None:
        background_linear = srgb8_to_linear(np.array(backbackground_linear)).astype(np.float64)
    rgb, coverage, z, normals, mask = render_image(ready, camera, samples, lights, background_linear, threads)
    return Rendering(camera, rgb, Depth(z, camera, normals, mask.astype(np.float32)), mask, coverage)
