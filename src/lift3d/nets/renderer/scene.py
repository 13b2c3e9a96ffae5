"""The scene of the differentiable renderer: a surface, cameras and light, as tensors that may require gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lift3d.errors import InputError
from lift3d.geometry.render.discontinuities import EdgeTable, edge_table
from lift3d.geometry.render.drawable import Drawable
from lift3d.geometry.render.lights import Lighting
from lift3d.types import F64, Camera


@dataclass(frozen=True, eq=False)
class Normals:
    """How shading normals are computed from face normals. Normal `group[k]` is the sum of the area normals of all faces
    `face[k]`, both (M,) int64; corners (F, 3) int64: which of the `count` normals each corner has."""

    group: Tensor
    face: Tensor
    corners: Tensor
    count: int


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh in tensors. `make_surface` and `surface_from_drawable` create it; `but` replaces values.

    vertices (V, 3) or (B, V, 3), world; faces (F, 3) int64; colours (C, 3) or (B, C, 3) linear with colour_faces
    (F, 3) int64, or None for white; texture (3, h, w) or (B, 3, h, w) linear, multiplied with the colours, and repeated
    beyond its border; uv (T, 2) with v up and uv_faces (F, 3) int64. normals and edges belong to the faces and do not change
    when vertices move: the corners that share a normal are determined when the surface is created."""

    vertices: Tensor
    faces: Tensor
    normals: Normals
    edges: EdgeTable
    colours: Tensor | None = None
    colour_faces: Tensor | None = None
    texture: Tensor | None = None
    uv: Tensor | None = None
    uv_faces: Tensor | None = None

    def but(self, **values: Any) -> Surface:
        """The same surface with other vertices, colours, texture or uv."""
        return replace(self, **values)


@dataclass(frozen=True, eq=False)
class Cameras:
    """B pinhole cameras in OpenCV's convention, of one picture size. world_to_camera (B, 4, 4); focal (B, 2) fx, fy and
    centre (B, 2) cx, cy in pixels, pixel centres at integers + 0.5."""

    world_to_camera: Tensor
    focal: Tensor
    centre: Tensor
    width: int
    height: int

    def __len__(self) -> int:
        return int(self.world_to_camera.shape[0])

    @staticmethod
    def of(cameras: Camera | Sequence[Camera], dtype: torch.dtype = torch.float32) -> Cameras:
        """From `lift3d.types` cameras. ValueError unless they have one size and no distortion."""
        all_of = [cameras] if isinstance(cameras, Camera) else list(cameras)
        width, height = all_of[0].width, all_of[0].height
        if any((c.width, c.height, c.distortion) != (width, height, ()) for c in all_of):
            raise ValueError("cameras of one batch need one size and no distortion")
        rows = [[c.fx, c.fy, c.cx, c.cy] for c in all_of]
        inside = torch.tensor(np.array(rows), dtype=dtype)
        poses = torch.tensor(np.stack([c.world_to_camera for c in all_of]), dtype=dtype)
        return Cameras(poses, inside[:, :2], inside[:, 2:], width, height)

    def moved(self, turn: Tensor, shift: Tensor) -> Cameras:
        """The cameras after a motion in their own frames, x -> exp(turn) x + shift. turn (B, 3) or (3,): a rotation vector in
        radians; shift (B, 3) or (3,): in the world's unit. Both have gradients, at zero too."""
        x, y, z = turn.unbind(-1)
        o = torch.zeros_like(x)
        skew = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*x.shape, 3, 3)
        motion = torch.cat([torch.linalg.matrix_exp(skew), shift[..., None]], -1)
        last = torch.zeros_like(motion[..., :1, :])
        last[..., 3] = 1
        return replace(self, world_to_camera=torch.cat([motion, last], -2) @ self.world_to_camera)


@dataclass(frozen=True, eq=False)
class Light:
    """Suns and an environment, all infinitely far away, in the world frame, as in `lift3d.geometry.render.lights`. Each of the
    three tensors may have a leading axis B for one light per picture.

    sun_direction (S, 3) towards each sun, of any length but 0; sun_colour (S, 3): the colour of a white face that faces the sun;
    environment (9, 3): irradiance / pi in real spherical harmonics of order 0 to 2 (1; y, z, x; xy, yz, 3z^2-1, xz,
    x^2-y^2). A face of albedo a and normal n has the colour a (sum sun max(0, n.l) + max(0, environment(n)))."""

    sun_direction: Tensor
    sun_colour: Tensor
    environment: Tensor

    @staticmethod
    def simple(
        direction: Sequence[float] = (-0.4, -0.5, 0.75),
        sun: float = 0.7,
        ambient: float = 0.3,
        dtype: Any = None,
    ) -> Light:
        """A white sun and uniform white ambient light."""
        environment = torch.zeros(9, 3, dtype=dtype)
        environment[0] = ambient * math.sqrt(4 * math.pi)
        return Light(
            torch.tensor([direction], dtype=dtype), torch.full((1, 3), sun, dtype=dtype), environment
        )

    @staticmethod
    def of(lighting: Lighting, dtype: torch.dtype = torch.float32) -> Light:
        """The suns and the environment of the exact renderer's light; shadows and point lights are ignored."""
        suns = lighting.suns
        around = np.zeros((9, 3)) if lighting.environment is None else lighting.environment.irradiance
        direction = np.array([sun.direction for sun in suns]).reshape(-1, 3)
        colour = np.array([sun.colour for sun in suns]).reshape(-1, 3) * lighting.exposure
        parts = (direction, colour, around * lighting.exposure)
        return Light(*(torch.tensor(part, dtype=dtype) for part in parts))


def make_surface(
    vertices: Tensor | F64,
    faces: NDArray[np.integer] | Tensor,
    colours: Tensor | None = None,
    texture: tuple[Tensor, Tensor, NDArray[np.integer]] | None = None,
    crease: float = 40.0,
) -> Surface:
    """A surface of vertices (V, 3) and faces (F, 3), shaded smoothly except over edges of more than `crease` degrees.
    colours (V, 3) of the vertices, or (F, 3) of the faces if F differs from V; texture: picture (3, h, w), uv (T, 2), and the
    indices (F, 3) of the uv of each face's corners. Several vertices at one position are treated as a cut in the surface;
    `surface_from_drawable` merges them."""
    v = vertices if isinstance(vertices, Tensor) else torch.tensor(np.asarray(vertices), dtype=torch.float32)
    f = np.asarray(faces, np.int64)
    normals = _normal_groups(v.detach().double().cpu().numpy().reshape(-1, v.shape[-2], 3)[0], f, crease)
    face_index = torch.from_numpy(f)
    colour_faces = None
    if colours is not None:
        of_faces = colours.shape[-2] != v.shape[-2]
        colour_faces = torch.arange(len(f))[:, None].repeat(1, 3) if of_faces else face_index
    uv_faces = None if texture is None else torch.from_numpy(np.asarray(texture[2], np.int64))
    return _assembled(v, face_index, normals, (colours, colour_faces), texture, uv_faces)


def surface_from_drawable(
    drawable: Drawable, crease: float = 40.0, dtype: torch.dtype = torch.float32
) -> Surface:
    """The surface of a `Drawable` of the exact renderer (`lift3d.maps.mesh_to_images.drawable(mesh)`): vertices at one position
    are merged; colours and the texture at full size are linear; alpha is dropped. InputError unless all faces have one texture
    or none has any."""
    if (
        drawable.texture_index is not None
        and len(drawable.texels)
        and (np.asarray(drawable.texture_index) != 0).any()
    ):
        raise InputError(
            "The mesh has several textures, or one on some of its faces only",
            "render its parts one by one, or bake their textures into one first",
        )
    v, index = np.unique(np.asarray(drawable.v, np.float64), axis=0, return_inverse=True)
    f = index.reshape(-1)[np.asarray(drawable.f, np.int64)]
    linear_colours = drawable.colours[..., :3].reshape(-1, 3)
    colours, colour = np.unique(linear_colours, axis=0, return_inverse=True)
    texture, uv_faces = None, None
    if len(drawable.texels):
        uv, uv_index = np.unique(drawable.uv.reshape(-1, 2), axis=0, return_inverse=True)
        _, h, w = (int(n) for n in drawable.levels[0])
        s = np.asarray(drawable.texels)[: h * w, :3].reshape(h, w, 3) / 255.0
        linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).transpose(2, 0, 1)
        uv_faces = torch.from_numpy(uv_index.reshape(-1, 3).astype(np.int64))
        texture = (torch.tensor(linear, dtype=dtype), torch.tensor(uv, dtype=dtype), uv_index)
    shades = torch.tensor(colours, dtype=dtype), torch.from_numpy(colour.reshape(-1, 3).astype(np.int64))
    normals = _normal_groups(v, f, crease)
    return _assembled(torch.tensor(v, dtype=dtype), torch.from_numpy(f), normals, shades, texture, uv_faces)


def _assembled(v: Tensor, f: Tensor, normals: Normals, shades: Any, texture: Any, uv_faces: Any) -> Surface:
    """The surface with its edge table. An edge is a seam if the corners of its two faces differ in normal, colour or texture
    coordinate; texture coordinates that differ by whole repetitions of the texture are equal."""
    seams = [normals.corners.numpy()]
    if shades[1] is not None:
        seams.append(shades[1].numpy())
    picture, uv = (texture[0], texture[1]) if texture is not None else (None, None)
    if uv is not None:
        texel = np.round(uv.detach().double().cpu().numpy() * 1e5).astype(np.int64) % 100_000
        texel = np.unique(texel, axis=0, return_inverse=True)[1].reshape(-1)
        seams.append(texel[uv_faces.numpy()])
    return Surface(
        v, f, normals, edge_table(f.numpy(), tuple(seams)), shades[0], shades[1], picture, uv, uv_faces
    )


def _normal_groups(v: F64, f: NDArray[np.int64], crease: float) -> Normals:
    """Corner normals as sums of face normals, by the rule of `lift3d.geometry.mesh.normals.corner_normals`: a corner's normal
    sums the faces around its vertex that differ from its own face by less than `crease` degrees; corners with the same set of
    faces share a normal."""
    t = v[f]
    area = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    unit = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-300)
    corner = f.ravel()
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner, minlength=len(v))
    start = np.cumsum(count) - count
    many = count[corner]
    mine = np.repeat(np.arange(len(corner)), many)
    other = (
        order[np.repeat(start[corner], many) + np.arange(len(mine)) - np.repeat(np.cumsum(many) - many, many)]
        // 3
    )
    near = ((unit[mine // 3] * unit[other]).sum(1) >= math.cos(math.radians(crease))) | (mine // 3 == other)
    mine, other = mine[near], other[near]
    # A set of faces is identified by its vertex and the sum of random hashes of its faces.
    mark = np.random.default_rng(0).integers(0, 1 << 62, len(f), dtype=np.int64)
    total = np.zeros(len(corner), np.int64)
    np.add.at(total, mine, mark[other])
    key = np.stack([corner, total], 1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    keep = first[group[mine]] == mine
    index = torch.from_numpy(group[mine[keep]]), torch.from_numpy(other[keep])
    return Normals(index[0], index[1], torch.from_numpy(group.reshape(-1, 3)), len(first))
