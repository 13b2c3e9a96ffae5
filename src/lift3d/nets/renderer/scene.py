"""What the differentiable renderer draws: a surface, cameras and light, as tensors that may ask for gradients."""

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
    """How shading normals are made of face normals: normal `group` (M,) int64 sums the area normal of `face` (M,);
    corners (F, 3) int64 say which of the `count` normals a corner has."""

    group: Tensor
    face: Tensor
    corners: Tensor
    count: int


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh in tensors; make it with `surface` or `surface_of`, and put other values in with `but`.

    vertices (V, 3) or (B, V, 3), world; faces (F, 3) int64; colours (C, 3) or (B, C, 3) linear with colour_faces
    (F, 3) int64, or None for white; texture (3, h, w) or (B, 3, h, w) linear, multiplied with the colours, and repeated
    beyond its border; uv (T, 2) with v up and uv_faces (F, 3) int64. normals and edges belong to the faces and stay
    when the vertices move: which corners share a normal was decided when the surface was made."""

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
        """From the house's cameras, which must have one size and no distortion."""
        all_of = [cameras] if isinstance(cameras, Camera) else list(cameras)
        width, height = all_of[0].width, all_of[0].height
        if any((c.width, c.height, c.distortion) != (width, height, ()) for c in all_of):
            raise ValueError("cameras of one batch need one size and no distortion")
        rows = [[c.fx, c.fy, c.cx, c.cy] for c in all_of]
        inside = torch.tensor(np.array(rows), dtype=dtype)
        poses = torch.tensor(np.stack([c.world_to_camera for c in all_of]), dtype=dtype)
        return Cameras(poses, inside[:, :2], inside[:, 2:], width, height)

    def moved(self, turn: Tensor, shift: Tensor) -> Cameras:
        """The cameras after a motion in their own frames: x -> exp(turn) x + shift; turn (B, 3) or (3,) a rotation
        vector in radians, shift (B, 3) or (3,) in the world's unit. Gradients reach both, at zero too."""
        x, y, z = turn.unbind(-1)
        o = torch.zeros_like(x)
        skew = torch.stack([o, -z, y, z, o, -x, -y, x, o], -1).reshape(*x.shape, 3, 3)
        motion = torch.cat([torch.linalg.matrix_exp(skew), shift[..., None]], -1)
        last = torch.zeros_like(motion[..., :1, :])
        last[..., 3] = 1
        return replace(self, world_to_camera=torch.cat([motion, last], -2) @ self.world_to_camera)


@dataclass(frozen=True, eq=False)
class Light:
    """Suns and a surrounding, all far away, in the world's frame; the words of `lift3d.geometry.render.lights`. Any of the
    three may carry a leading B, one light per picture.

    sun_direction (S, 3) towards each sun, of any length but 0; sun_colour (S, 3): what a white face turned to it shows;
    environment (9, 3): irradiance / pi in real spherical harmonics of order 0 to 2 (1; y, z, x; xy, yz, 3z^2-1, xz,
    x^2-y^2). A face of albedo a and normal n shows a (sum sun max(0, n.l) + max(0, environment(n)))."""

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
        """A white sun and the same light from everywhere."""
        environment = torch.zeros(9, 3, dtype=dtype)
        environment[0] = ambient * math.sqrt(4 * math.pi)
        return Light(
            torch.tensor([direction], dtype=dtype), torch.full((1, 3), sun, dtype=dtype), environment
        )

    @staticmethod
    def of(lighting: Lighting, dtype: torch.dtype = torch.float32) -> Light:
        """The suns and the surrounding of the exact renderer's light, without shadows and point lights."""
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
    colours (V, 3) of the vertices or (F, 3) of the faces, where the two numbers differ; texture: picture (3, h, w),
    uv (T, 2), and the uv of each face's corners (F, 3). Vertices at one place but with several numbers are taken for
    a cut in the surface: `surface_of` joins them."""
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
    """The surface of a `Drawable` of the exact renderer (`lift3d.maps.mesh_to_images.drawable(mesh)`): vertices at one
    place joined, its colours and its texture at full size, both linear. Alpha is left out."""
    if (
        drawable.texture_index is not None
        and len(drawable.texels)
        and (np.asarray(drawable.texture_index) != 0).any()
    ):
        raise InputError(
            "The mesh has several textures, or one on some of its faces only",
            "draw its parts one by one, or bake them into one texture first",
        )
    v, number = np.unique(np.asarray(drawable.v, np.float64), axis=0, return_inverse=True)
    f = number.reshape(-1)[np.asarray(drawable.f, np.int64)]
    linear_colours = drawable.colours[..., :3].reshape(-1, 3)
    colours, colour = np.unique(linear_colours, axis=0, return_inverse=True)
    texture, uv_faces = None, None
    if len(drawable.texels):
        uv, place = np.unique(drawable.uv.reshape(-1, 2), axis=0, return_inverse=True)
        _, h, w = (int(n) for n in drawable.levels[0])
        s = np.asarray(drawable.texels)[: h * w, :3].reshape(h, w, 3) / 255.0
        linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4).transpose(2, 0, 1)
        uv_faces = torch.from_numpy(place.reshape(-1, 3).astype(np.int64))
        texture = (torch.tensor(linear, dtype=dtype), torch.tensor(uv, dtype=dtype), place)
    shades = torch.tensor(colours, dtype=dtype), torch.from_numpy(colour.reshape(-1, 3).astype(np.int64))
    normals = _normal_groups(v, f, crease)
    return _assembled(torch.tensor(v, dtype=dtype), torch.from_numpy(f), normals, shades, texture, uv_faces)


def _assembled(v: Tensor, f: Tensor, normals: Normals, shades: Any, texture: Any, uv_faces: Any) -> Surface:
    """The surface with its edges; corners that differ in normal, colour or place on the texture over an edge make it a
    seam. Where the texture repeats itself, it does not differ."""
    seams = [normals.corners.numpy()]
    if shades[1] is not None:
        seams.append(shades[1].numpy())
    picture, uv = (texture[0], texture[1]) if texture is not None else (None, None)
    if uv is not None:
        place = np.round(uv.detach().double().cpu().numpy() * 1e5).astype(np.int64) % 100_000
        place = np.unique(place, axis=0, return_inverse=True)[1].reshape(-1)
        seams.append(place[uv_faces.numpy()])
    return Surface(
        v, f, normals, edge_table(f.numpy(), tuple(seams)), shades[0], shades[1], picture, uv, uv_faces
    )


def _normal_groups(v: F64, f: NDArray[np.int64], crease: float) -> Normals:
    """Corner normals as sums, the rule of `lift3d.geometry.mesh.normals.corner_normals`: a corner takes the faces around
    its vertex that differ from its own by less than `crease` degrees; corners with the same faces share a normal."""
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
    # A set of faces is known by its vertex and the sum of random numbers of its faces.
    mark = np.random.default_rng(0).integers(0, 1 << 62, len(f), dtype=np.int64)
    total = np.zeros(len(corner), np.int64)
    np.add.at(total, mine, mark[other])
    key = np.stack([corner, total], 1)
    _, first, group = np.unique(key, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    keep = first[group[mine]] == mine
    index = torch.from_numpy(group[mine[keep]]), torch.from_numpy(other[keep])
    return Normals(index[0], index[1], torch.from_numpy(group.reshape(-1, 3)), len(first))
