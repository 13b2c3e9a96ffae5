"""The renderer's input: triangles with smooth normals, colours with alpha and any number of textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.image.colour_space import SRGB8_TO_LINEAR, srgb8_to_linear
from lift3d.geometry.mesh.normals import corner_normals
from lift3d.geometry.parts.convert import mesh_to_part
from lift3d.geometry.render.texture_sampling import BLENDED, MASKED, OPAQUE, face_alpha_modes, mip_pyramid
from lift3d.types import F32, F64, Mesh, Part

FLAT, NORMALS, COLOURS, UV, LEVELS, ALPHA_MODE, COLUMNS = 0, 3, 12, 24, 30, 32, 33
"""Columns of `SurfaceArrays.face`: the face's unit normal; per corner normals, linear colours with alpha, and texture
coordinates; first and one past the last level of its texture (-1 without); its alpha mode."""


class SurfaceArrays(NamedTuple):
    """A `Drawable` as kernels take it, as few arrays as possible: each costs reference counting in inner loops.

    corners: (F, 3, 3) float64 world; face: (F, COLUMNS) float32; texels: (N, 4) uint8; levels: (L, 3); decoded: (256,) float32
    linear light of sRGB bytes.
    """

    corners: Any
    face: Any
    texels: Any
    levels: Any
    decoded: Any


@dataclass(frozen=True, eq=False)
class Drawable:
    """A mesh prepared for rendering.

    v: (V, 3) world; f: (F, 3); normals: (F, 3, 3) unit corner normals; colours: (F, 3, 3) linear float32 corner colours; uv:
    (F, 3, 2) float32 with v up; texels: (N, 4) uint8 sRGB and alpha of all texture pyramids in sequence, empty without
    texture; levels: (L, 3) rows of offset, height, width.

    Optional: alpha: (F, 3) float32 corner alpha, 1 if None; texture_index: (F,) int32, -1 for none, texture 0 for all if None;
    first_level: (P + 1,) int64, texture p has the levels first_level[p] .. first_level[p + 1], one texture if None;
    alpha_modes: (F,) uint8, OPAQUE if None.
    """

    v: F64
    f: NDArray[np.int32]
    normals: F32
    colours: F32
    uv: F32
    texels: NDArray[np.uint8]
    levels: NDArray[np.int64]
    alpha: F32 | None = None
    texture_index: NDArray[np.int32] | None = None
    first_level: NDArray[np.int64] | None = None
    alpha_modes: NDArray[np.uint8] | None = None

    @cached_property
    def surface(self) -> SurfaceArrays:
        """The arrays for kernels."""
        n = len(self.f)
        corners = np.ascontiguousarray(np.asarray(self.v, np.float64)[self.f])
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-300)
        face = np.empty((n, COLUMNS), np.float32)
        face[:, FLAT:NORMALS] = flat
        face[:, NORMALS:COLOURS] = self.normals.reshape(n, 9)
        alpha = np.ones((n, 3), np.float32) if self.alpha is None else self.alpha
        face[:, COLOURS:UV] = np.dstack([self.colours, alpha]).reshape(n, 12)
        face[:, UV:LEVELS] = self.uv.reshape(n, 6)
        face[:, LEVELS:ALPHA_MODE] = self._levels_of_faces()
        face[:, ALPHA_MODE] = OPAQUE if self.alpha_modes is None else self.alpha_modes
        texels = self.texels
        if texels.shape[1] == 3:
            texels = np.column_stack([texels, np.full(len(texels), 255, np.uint8)])
        return SurfaceArrays(corners, face, np.ascontiguousarray(texels), self.levels, SRGB8_TO_LINEAR)

    def _levels_of_faces(self) -> NDArray[np.int64]:
        """(F, 2) first and one past the last level of each face's texture; -1 without."""
        none = np.full((len(self.f), 2), -1, np.int64)
        if len(self.texels) == 0:
            return none
        first = np.array([0, len(self.levels)], np.int64) if self.first_level is None else self.first_level
        picture = np.zeros(len(self.f), np.int64) if self.texture_index is None else self.texture_index
        chosen = np.maximum(picture, 0)
        return np.where((picture >= 0)[:, None], np.stack([first[chosen], first[chosen + 1]], 1), none)

    @cached_property
    def has_blended(self) -> bool:
        """Whether any face is BLENDED."""
        return bool((self.surface.face[:, ALPHA_MODE] == BLENDED).any())

    @cached_property
    def has_masked(self) -> bool:
        """Whether any face is MASKED."""
        return bool((self.surface.face[:, ALPHA_MODE] == MASKED).any())

    @cached_property
    def bounding_sphere(self) -> tuple[F64, float]:
        """Centre (3,) of the bounding box of the used vertices, and the radius of the sphere around it that contains them."""
        used = np.asarray(self.v, np.float64)[np.unique(self.f)]
        centre = (used.min(0) + used.max(0)) / 2
        return centre, max(float(np.linalg.norm(used - centre, axis=1).max()), 1e-12)


_GREY = (188, 188, 188, 255)
"""Colour of a mesh without colours, sRGB and alpha."""

_OPAQUE = 0.99
"""Alpha above which a colour counts as opaque."""


@dataclass(eq=False)
class _Textures:
    """The distinct pictures of the parts, and their pyramids."""

    index: dict[int, int] = field(default_factory=dict)
    pictures: list[Pil.Image] = field(default_factory=list)
    pixels: list[NDArray[np.uint8]] = field(default_factory=list)
    texels: list[NDArray[np.uint8]] = field(default_factory=list)
    levels: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, picture: Pil.Image) -> int:
        """Index of the picture; a new one gets its pyramid."""
        if id(picture) not in self.index:
            has_alpha = "A" in picture.mode or "transparency" in picture.info
            pixels = np.asarray(picture.convert("RGBA" if has_alpha else "RGB"), np.uint8)
            texels, levels = mip_pyramid(pixels)
            self.index[id(picture)] = len(self.pictures)
            self.pictures.append(picture)  # kept alive, so that no other picture gets its id
            self.pixels.append(pixels)
            self.texels.append(texels)
            self.levels.append(levels)
        return self.index[id(picture)]

    def packed(self) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
        """(texels, levels, first_level) of `Drawable`."""
        if not self.pictures:
            return np.zeros((0, 4), np.uint8), np.zeros((0, 3), np.int64), np.zeros(1, np.int64)
        starts = np.cumsum([0] + [len(t) for t in self.texels])
        levels = [rows + [start, 0, 0] for rows, start in zip(self.levels, starts)]
        first = np.cumsum([0] + [len(rows) for rows in levels]).astype(np.int64)
        return np.concatenate(self.texels), np.concatenate(levels).astype(np.int64), first


def drawable(source: Mesh | Sequence[Part], crease: float = 40.0) -> Drawable:
    """The drawable of a mesh or of parts: textured, with vertex or material colours, else grey.

    Textures with alpha are masked (foliage) or blended (glass), as their alpha indicates; a material or a colour with alpha
    below one is blended. An object that would be invisible is drawn opaque. crease: faces that meet at a smaller angle
    (degrees) are shaded smoothly; 0 shades every face flat. Raises InputError without faces or with vertices that are not finite.
    """
    parts = _parts_of(source) if isinstance(source, Mesh) else list(source)
    parts = [part for part in parts if len(part.faces)]
    if not parts:
        raise _input_error("faces to draw", True)
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    v = np.concatenate([np.asarray(part.vertices, np.float64) for part in parts])
    f = np.concatenate([np.asarray(part.faces) + offset for part, offset in zip(parts, offsets)]).astype(
        np.int32
    )
    if not np.isfinite(v[f.ravel()]).all():
        raise _input_error("vertices that are not finite", False)
    textures = _Textures()
    faces = [_faces_of(part, textures) for part in parts]
    colours, uv, texture_index, modes = (np.concatenate([d[k] for d in faces]) for k in range(4))
    alpha = (colours[..., 3] / 255).astype(np.float32)
    if not (alpha > 0.05).any():
        alpha, modes = np.ones_like(alpha), np.where(modes == BLENDED, OPAQUE, modes)
    texels, levels, first = textures.packed()
    return Drawable(
        v, f, corner_normals(v, f, crease), srgb8_to_linear(colours[..., :3]), uv, texels, levels,
        alpha, texture_index.astype(np.int32), first, modes.astype(np.uint8),
    )  # fmt: skip


def _input_error(what: str, missing: bool) -> InputError:
    """The error for a mesh with bad vertices, or (missing) without something."""
    return InputError(
        f"The mesh has {'no ' if missing else ''}{what}",
        "check the file it was read from, or repair it first",
    )


def _parts_of(mesh: Mesh) -> list[Part]:
    """The mesh as one part; colours by face become one `_ByFace` part, so that the vertices keep their order."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    if len(f) == 0:
        return []
    if not np.isfinite(v[f.ravel()]).all():
        raise _input_error("vertices that are not finite", False)
    visual: Any = mesh.visual
    if visual.kind == "face":
        return [_ByFace(v, f, None, np.asarray(visual.face_colors, np.uint8))]
    safe = mesh if np.isfinite(v).all() else None
    if safe is None:
        mesh = mesh.copy()
        mesh.vertices = np.nan_to_num(v, posinf=0, neginf=0)
    part = mesh_to_part(mesh)
    return [Part(v, f, part.uv, part.colours, part.material)]


class _ByFace(Part):
    """A part whose colours (F, 4) belong to its faces."""


def _faces_of(part: Part, textures: _Textures) -> tuple[Any, F32, NDArray[np.int64], NDArray[np.uint8]]:
    """Of one part: corner colours (F, 3, 4) uint8 sRGB, corner uv (F, 3, 2), texture index and alpha mode (F,)."""
    f = np.asarray(part.faces)
    material = part.material
    picture = material.texture if material is not None and part.uv is not None else None
    if isinstance(part, _ByFace) and part.colours is not None:
        colours = np.repeat(part.colours[:, None], 3, 1)
    elif part.colours is not None:
        colours = np.asarray(part.colours, np.uint8)[f]
    else:
        colours = np.tile(np.array(_GREY if material is None else material.colour, np.uint8), (len(f), 3, 1))
    uv, texture_index = np.zeros((len(f), 3, 2), np.float32), -1
    modes = np.full(len(f), OPAQUE, np.uint8)
    if picture is not None and part.uv is not None:
        texture_index = textures.add(picture)
        corners = np.nan_to_num(np.clip(np.asarray(part.uv, np.float64), -1e6, 1e6))[f]
        uv = (corners - np.floor(corners.min(1, keepdims=True))).astype(
            np.float32
        )  # wrapped, since float32 is finer near 0
        modes = face_alpha_modes(textures.pixels[texture_index], uv)
    translucent = colours[..., 3].max(1) < 255 * _OPAQUE
    modes = np.where(translucent, BLENDED, modes)
    return colours, uv, np.full(len(f), texture_index, np.int64), modes
