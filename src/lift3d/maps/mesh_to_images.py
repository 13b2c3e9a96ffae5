"""Mesh to pictures with known cameras: colour, depth, normals, mask; the way back from a model to photos.

Nothing is estimated: depth, normals and mask are those of the pixel centres (`lift3d.geometry.raster`),
colour is averaged over samples within the pixel (`lift3d.geometry.paint`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import InputError
from lift3d.geometry.distances import sample_surface
from lift3d.geometry.normals import corner_normals
from lift3d.geometry.orbit import orbit_cameras
from lift3d.geometry.paint import Drawable, linear_from_srgb, mip_pyramid, paint, srgb_from_linear
from lift3d.geometry.raster import rasterize, visible
from lift3d.mapping import Card, Mapping, register
from lift3d.types import F32, Camera, Depth, Image, Mesh, Points, Views

NAME = "mesh_to_images"
_GREY = 188


@dataclass(frozen=True, eq=False)
class Rendering:
    """rgb (H, W, 3) uint8 sRGB; depth with normals (camera frame) at the pixel centres; mask (H, W) bool."""

    camera: Camera
    rgb: NDArray[np.uint8]
    depth: Depth
    mask: NDArray[np.bool_]


@register(
    Card(
        NAME,
        "Mesh",
        "Views",
        (
            "depth, normals and mask are exact at pixel centres",
            "same mesh and cameras, same bytes",
            "carries points and observations, so that it can stand in for reconstructed cameras",
        ),
        reference="Olano & Greer 1997",
    )
)
@dataclass(frozen=True)
class MeshToImages(Mapping[Mesh, Views]):
    """Options. cameras: where from; () means `n` on an orbit of the mesh (z up). samples: samples x samples
    per pixel. shading: 0 bare material .. 1 full light. background: sRGB. points: surface points to carry."""

    cameras: tuple[Camera, ...] = ()
    n: int = 24
    width: int = 800
    height: int = 600
    samples: int = 2
    shading: float = 0.0
    background: tuple[int, int, int] = (255, 255, 255)
    points: int = 2000

    def apply(self, source: Mesh, context: Context) -> Views:
        ready = drawable(source)
        cameras = self.cameras or orbit_cameras(ready.v, self.n, self.width, self.height)
        rng = np.random.default_rng(context.seed)
        xyz, normals, _ = sample_surface(ready.v, ready.f, self.points, rng)
        images, observations = [], []
        for i, camera in enumerate(cameras):
            context.progress(NAME, i / len(cameras))
            shot = render(ready, camera, self.samples, self.shading, self.background)
            focal = (camera.fx + camera.fy) / 2
            images.append(Image(shot.rgb, f"{i:03d}", mask=shot.mask, focal=focal))
            seen = np.flatnonzero(visible(camera, shot.depth.z, xyz))
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


def render(
    mesh: Mesh | Drawable,
    camera: Camera,
    samples: int = 2,
    shading: float = 0.6,
    background: tuple[int, int, int] = (255, 255, 255),
) -> Rendering:
    """One picture of a mesh; hand in `drawable(mesh)` when many are made of the same mesh."""
    ready = mesh if isinstance(mesh, Drawable) else drawable(mesh)
    rgb, cover = paint(ready, camera, samples, shading)
    rgb = rgb + linear_from_srgb(np.array(background)) * (1 - cover[..., None])
    face_id, z, bary = rasterize(camera, ready.v, ready.f)
    mask = face_id >= 0
    return Rendering(
        camera,
        srgb_from_linear(rgb),
        Depth(z, camera, _normals(ready, camera, face_id, bary), mask.astype(np.float32)),
        mask,
    )


def _normals(ready: Drawable, camera: Camera, face_id: NDArray[np.int32], bary: F32) -> F32:
    """(H, W, 3) float32 unit shading normals in the camera frame, facing the camera; 0 beside the mesh."""
    out = np.zeros((*face_id.shape, 3), np.float32)
    hit = face_id >= 0
    n = np.einsum("nck,nc->nk", ready.normals[face_id[hit]], bary[hit]) @ camera.R.T
    size = np.linalg.norm(n, axis=1, keepdims=True)
    n = np.where(size > 1e-12, n / np.maximum(size, 1e-12), [0.0, 0.0, -1.0])
    out[hit] = np.where(n[:, 2:] > 0, -n, n)
    return out


def drawable(mesh: Mesh, crease: float = 40.0) -> Drawable:
    """What `paint` needs of a mesh: texture, material colour, vertex or face colours, else grey."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32)
    used = v[f.ravel()]
    if len(f) == 0 or not np.isfinite(used).all():
        raise InputError(
            "The mesh has no faces to draw" if len(f) == 0 else "The mesh has vertices that are not finite",
            "check the file it was read from, or repair it first",
        )
    colours = np.full((len(f), 3, 3), _GREY, np.float64)
    uv, texture = np.zeros((len(f), 3, 2), np.float32), None
    visual: Any = mesh.visual
    if visual.kind == "vertex":
        colours = np.asarray(visual.vertex_colors)[f][..., :3]
    elif visual.kind == "face":
        colours = np.repeat(np.asarray(visual.face_colors)[:, None, :3], 3, 1)
    elif visual.kind == "texture":
        texture, factor = _material(visual.material)
        if texture is not None and getattr(visual, "uv", None) is not None:
            colours, uv = np.full_like(colours, 255), np.asarray(visual.uv, np.float32)[f]
        else:
            texture = None
        if factor is not None:
            colours = np.broadcast_to(factor, colours.shape)
    uv = np.nan_to_num(np.clip(uv, -1e4, 1e4))
    texels, levels = np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.int64)
    if texture is not None:
        texels, levels = mip_pyramid(texture)
    return Drawable(v, f, corner_normals(v, f, crease), linear_from_srgb(colours), uv, texels, levels)


def _material(material: object) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None]:
    """(texture (H, W, 3), factor (3,)) of a trimesh material, either None when it has none."""
    picture = getattr(material, "baseColorTexture", None)
    factor = getattr(material, "baseColorFactor", None)
    if picture is None and not hasattr(material, "baseColorTexture"):
        picture = getattr(material, "image", None)
        factor = None if picture is not None else getattr(material, "diffuse", None)
    texture = None if picture is None else np.asarray(picture.convert("RGB"), np.uint8)
    if factor is None:
        return texture, None
    colour = np.asarray(factor)
    scale = 255.0 if np.issubdtype(colour.dtype, np.floating) and colour.max() <= 1 else 1.0
    return texture, np.clip(np.round(colour[:3] * scale), 0, 255).astype(np.uint8)
