"""Scenes put together from drawables, quads, boxes and cylinders, without building meshes: `SceneBuilder`.

A scene has metres as its unit and z up. Textures are shared: their pyramids are computed once and copied into the scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lift3d.geometry.render.drawable import Drawable
from lift3d.geometry.render.texture_sampling import OPAQUE, mip_pyramid
from lift3d.types import F32, F64

WHITE: F32 = np.ones(3, np.float32)


_BOX_SIDES = ((2, 1, 0, -1), (2, 0, 1, 1), (1, 0, 2, -1), (1, 2, 0, 1), (0, 2, 1, -1), (0, 1, 2, 1))
"""Of each side of a box: the axis of its normal, the axes of its edges a and b with a x b outward, and the normal's sign."""
_SQUARE = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])


def _box_corners() -> F64:
    out = np.zeros((6, 4, 3))
    for k, (n, a, b, sign) in enumerate(_BOX_SIDES):
        out[k, :, a], out[k, :, b], out[k, :, n] = _SQUARE[:, 0] - 0.5, _SQUARE[:, 1] - 0.5, sign / 2
    return out.reshape(24, 3)


_BOX_CORNERS = _box_corners()
_BOX_NORMALS = np.array([np.eye(3)[n] * sign for n, _, _, sign in _BOX_SIDES])
_BOX_EDGES = np.array([[a, b] for _, a, b, _ in _BOX_SIDES])
_BOX_UV = np.tile(_SQUARE, (6, 1))
_BOX_FACES = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(6)])


class Texture(NamedTuple):
    """A texture's pyramid as `mip_pyramid` returns it: texels (N, 4) uint8, levels (L, 3)."""

    texels: NDArray[np.uint8]
    levels: NDArray[np.int64]

    @staticmethod
    def of(picture: NDArray[np.uint8]) -> Texture:
        """The pyramid of a picture (H, W, 3 or 4) uint8 sRGB."""
        return Texture(*mip_pyramid(picture))


@dataclass(eq=False)
class SceneBuilder:
    """Collects surfaces; `build` returns them as one drawable. Colours are linear and multiply the texture."""

    v: list[F64] = field(default_factory=list)
    f: list[NDArray[np.int32]] = field(default_factory=list)
    normals: list[F32] = field(default_factory=list)
    colours: list[F32] = field(default_factory=list)
    uv: list[F32] = field(default_factory=list)
    alpha: list[F32] = field(default_factory=list)
    modes: list[NDArray[np.uint8]] = field(default_factory=list)
    texture_index: list[NDArray[np.int32]] = field(default_factory=list)
    vertices: int = 0
    _textures: list[Texture] = field(default_factory=list)
    _known: dict[int, int] = field(default_factory=dict)

    def quad(
        self, origin: ArrayLike, a: ArrayLike, b: ArrayLike, texture: Texture | None = None, colour: F32 = WHITE,
        repeat: float | None = None, phase: tuple[float, float] = (0.0, 0.0),
    ) -> None:  # fmt: skip
        """A parallelogram with corner `origin` and edges a, b (3,); its normal is a x b.

        repeat: length in metres after which the texture repeats, along a and b, shifted by `phase` in repeats; None: once over
        the quad."""
        o, ea, eb = (np.asarray(x, np.float64) for x in (origin, a, b))
        n = np.cross(ea, eb)
        n /= max(float(np.linalg.norm(n)), 1e-12)
        wide, high = (1.0, 1.0)
        if repeat is not None:
            wide, high = float(np.linalg.norm(ea)) / repeat, float(np.linalg.norm(eb)) / repeat
        uv = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) + phase
        self._add(
            np.stack([o, o + ea, o + ea + eb, o + eb]), np.array([[0, 1, 2], [0, 2, 3]]), np.tile(n, (4, 1)), uv,
            texture, colour,
        )  # fmt: skip

    def box(
        self, centre: ArrayLike, size: ArrayLike, yaw: float = 0.0, texture: Texture | None = None, colour: F32 = WHITE,
        repeat: float | None = None,
    ) -> None:  # fmt: skip
        """A box with sides `size` (3,), rotated by `yaw` radians about its vertical axis."""
        c, s = math.cos(yaw), math.sin(yaw)
        sides = np.asarray(size, np.float64)
        axes = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
        v = np.asarray(centre, np.float64) + (_BOX_CORNERS * sides) @ axes
        normals = np.repeat(_BOX_NORMALS @ axes, 4, 0)
        uv = _BOX_UV if repeat is None else _BOX_UV * np.repeat(sides[_BOX_EDGES], 4, 0) / repeat
        self._add(v, _BOX_FACES, normals, uv, texture, colour)

    def cylinder(
        self, base: ArrayLike, low: float, high: float, height: float, texture: Texture | None = None,
        colour: F32 = WHITE, sides: int = 20,
    ) -> None:  # fmt: skip
        """An upright truncated cone on `base` (3,), of radius `low` at the bottom and `high` at the top, with both ends."""
        angle = np.arange(sides + 1) * (2 * math.pi / sides)
        ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(sides + 1)], 1)
        up = np.array([0, 0, height])
        o = np.asarray(base, np.float64)
        v = np.concatenate([o + low * ring, o + up + high * ring])
        k, m = np.arange(sides), sides + 1
        f = np.concatenate([np.stack([k, k + 1, m + k + 1], 1), np.stack([k, m + k + 1, m + k], 1)])
        slope = ring + np.array([0, 0, (low - high) / max(height, 1e-9)])
        slope /= np.linalg.norm(slope, axis=1, keepdims=True)
        u = np.linspace(0, 1, sides + 1)
        uv = np.concatenate([np.stack([u, 0 * u], 1), np.stack([u, 0 * u + 1], 1)])
        self._add(v, f, np.tile(slope, (2, 1)), uv, texture, colour)
        for shift, radius, z in ((np.zeros(3), low, -1.0), (up, high, 1.0)):
            if radius > 0:
                disc = np.concatenate([[o + shift], o + shift + radius * ring[:-1]])
                fan = np.stack([0 * k, k + 1, (k + 1) % sides + 1], 1)
                fan = fan if z > 0 else fan[:, ::-1]
                flat = np.concatenate([[[0.5, 0.5]], 0.5 + 0.5 * ring[:-1, :2]])
                self._add(disc, fan, np.tile([0, 0, z], (len(disc), 1)), flat, texture, colour)

    def place(self, item: Drawable, matrix: F64, tint: F32 = WHITE, texture: Texture | None = None) -> None:
        """A drawable under a similarity or affine matrix (4, 4); tint (3,) multiplies its colours. texture: replaces its own,
        with texture coordinates from the positions."""
        linear = matrix[:3, :3]
        v = np.asarray(item.v, np.float64) @ linear.T + matrix[:3, 3]
        n = item.normals.astype(np.float64) @ np.linalg.inv(linear)
        n /= np.maximum(np.linalg.norm(n, axis=-1, keepdims=True), 1e-12)
        count = len(item.f)
        modes = np.full(count, OPAQUE, np.uint8) if item.alpha_modes is None else item.alpha_modes
        alpha = np.ones((count, 3), np.float32) if item.alpha is None else item.alpha
        self.v.append(v)
        self.f.append(item.f + self.vertices)
        self.normals.append(n.astype(np.float32))
        self.alpha.append(alpha)
        self.vertices += len(v)
        if texture is not None:
            index = np.full(count, self._index(texture), np.int32)
            corner = v[item.f]
            self.uv.append(
                np.stack([corner[..., 0] + corner[..., 1], corner[..., 2] - corner[..., 1]], -1).astype(
                    np.float32
                )
            )
            self.colours.append(np.broadcast_to(tint, (count, 3, 3)).astype(np.float32))
            self.modes.append(np.full(count, OPAQUE, np.uint8))
            self.texture_index.append(index)
            return
        own = np.full(count, -1, np.int32) if item.texture_index is None else item.texture_index
        self.texture_index.append(
            self._own_textures(item)[own] if len(item.texels) else np.full(count, -1, np.int32)
        )
        self.uv.append(item.uv)
        self.colours.append((item.colours * tint).astype(np.float32))
        self.modes.append(modes)

    def build(self) -> Drawable:
        """All surfaces as one drawable. ValueError where there are none."""
        if not self.f:
            raise ValueError("the scene is empty")
        sizes = [len(t.texels) for t in self._textures]
        starts = np.cumsum([0, *sizes])
        rows = [t.levels + np.array([start, 0, 0]) for t, start in zip(self._textures, starts)]
        first = np.cumsum([0] + [len(r) for r in rows]).astype(np.int64)
        texels = np.concatenate([t.texels for t in self._textures]) if rows else np.zeros((0, 4), np.uint8)
        levels = np.concatenate(rows).astype(np.int64) if rows else np.zeros((0, 3), np.int64)
        return Drawable(
            np.concatenate(self.v), np.concatenate(self.f).astype(np.int32), np.concatenate(self.normals),
            np.concatenate(self.colours), np.concatenate(self.uv), texels, levels, np.concatenate(self.alpha),
            np.concatenate(self.texture_index), first, np.concatenate(self.modes),
        )  # fmt: skip

    def _add(
        self, v: F64, f: NDArray[np.integer], normals: F64, uv: F64, texture: Texture | None, colour: F32
    ) -> None:
        self.v.append(v)
        self.f.append((f + self.vertices).astype(np.int32))
        self.vertices += len(v)
        self.normals.append(normals[f].astype(np.float32))
        self.uv.append((uv[f] - np.floor(uv[f].min(1, keepdims=True))).astype(np.float32))
        self.colours.append(np.broadcast_to(colour, (len(f), 3, 3)).astype(np.float32))
        self.alpha.append(np.ones((len(f), 3), np.float32))
        self.modes.append(np.full(len(f), OPAQUE, np.uint8))
        index = -1 if texture is None else self._index(texture)
        self.texture_index.append(np.full(len(f), index, np.int32))

    def _index(self, texture: Texture) -> int:
        key = id(texture.texels)
        if key not in self._known:
            self._known[key] = len(self._textures)
            self._textures.append(texture)
        return self._known[key]

    def _own_textures(self, item: Drawable) -> NDArray[np.int32]:
        """Index in the scene of each texture of a drawable, and -1 at the end for faces without one."""
        key = id(item.texels)
        first = np.array([0, len(item.levels)]) if item.first_level is None else item.first_level
        count = len(first) - 1
        if key not in self._known:
            self._known[key] = len(self._textures)
            ends = np.append(item.levels[:, 0], len(item.texels))
            for p in range(count):
                rows = item.levels[first[p] : first[p + 1]]
                start, end = int(rows[0, 0]), int(ends[first[p + 1]])
                self._textures.append(Texture(item.texels[start:end], rows - np.array([start, 0, 0])))
        return np.append(self._known[key] + np.arange(count), -1).astype(np.int32)
