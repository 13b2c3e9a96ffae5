"""Mesh to images with known cameras, rendered with colour, depth, normals and mask.

Depth, normals and mask are exact at the pixel centres; colour is averaged over samples within the pixel
(`lift3d.geometry.render.passes`). Neither OpenGL nor a display is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lift3d.context import Context
from lift3d.geometry.camera.orbit import orbit_cameras
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES
from lift3d.geometry.guarantees.views import EXACT_MASKS, OBSERVATIONS_VALID, PINHOLE
from lift3d.geometry.mesh.distances import sample_surface
from lift3d.geometry.render.drawable import Drawable, drawable
from lift3d.geometry.render.lights import Lighting
from lift3d.geometry.render.rasterizer import visible_points
from lift3d.geometry.render.renderer import (
    WHITE,
    Colour,
    Rendering,
    _lights,
    _render_one,
    render,
    render_many,
)
from lift3d.mapping import Card, Mapping, register
from lift3d.types import Camera, Image, Mesh, Points, Views

__all__ = ["Drawable", "MeshToImages", "Rendering", "drawable", "render", "render_many"]

NAME = "mesh_to_images"


@register(
    Card(
        NAME,
        "Mesh",
        "Views",
        (EXACT_MASKS, OBSERVATIONS_VALID, PINHOLE, SAME_BYTES),
        reference="Olano & Greer 1997",
    )
)
@dataclass(frozen=True)
class MeshToImages(Mapping[Mesh, Views]):
    """Options. cameras: () for `n` cameras on an orbit around the mesh (z up). samples: samples x samples per pixel.
    shading: from 0 (bare material) to 1 (full light). lighting: replaces `shading` if given. background: sRGB. points:
    number of surface points in the resulting views."""

    cameras: tuple[Camera, ...] = ()
    n: int = 24
    width: int = 800
    height: int = 600
    samples: int = 2
    shading: float = 0.0
    background: Colour = WHITE
    points: int = 2000
    lighting: Lighting | None = None

    def apply(self, source: Mesh, context: Context) -> Views:
        ready = drawable(source)
        cameras = self.cameras or orbit_cameras(ready.v, self.n, self.width, self.height)
        lights = _lights(ready, self.shading, self.lighting, cameras)
        rng = np.random.default_rng(context.seed)
        xyz, normals, _ = sample_surface(ready.v, ready.f, self.points, rng)
        images, observations = [], []
        for i, camera in enumerate(cameras):
            context.progress(NAME, i / len(cameras))
            shot = _render_one(ready, camera, self.samples, lights, self.background, True)
            focal = (camera.fx + camera.fy) / 2
            images.append(Image(shot.rgb, f"{i:03d}", mask=shot.mask, focal=focal))
            seen = np.flatnonzero(visible_points(camera, shot.depth.z, xyz))
            observations.append(np.stack([np.full(len(seen), i), seen], 1))
        context.note(NAME, pictures=len(images), faces=len(ready.f), textured=bool(len(ready.texels)))
        context.progress(NAME, 1.0)
        return Views(
            tuple(images),
            tuple(cameras),
            Points(xyz, normals.astype(np.float32), unit=source.units),
            np.concatenate(observations).astype(np.int32),
            source.units,
        )
