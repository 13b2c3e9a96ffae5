"""What the renderer draws: triangles with smooth normals, colours with alpha and any number of textures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.textures import CUT_OUT, DECODED, OPAQUE, TRANSLUCENT
from lift3d.types import F32, F64

FLAT, NORMALS, COLOURS, UV, LEVELS, KIND, COLUMNS = 0, 3, 12, 24, 30, 32, 33
"""Columns of `Surface.face`: the face's unit normal; then by corner normals, linear colours with alpha, texture
coordinates; first and one past the last level of its texture (-1 without); OPAQUE, CUT_OUT or TRANSLUCENT."""


class Surface(NamedTuple):
    """A `Drawable` as kernels take it: few arrays, since each costs counting of references in inner loops.
    corners (F, 3, 3) float64 world; face (F, COLUMNS) float32; texels (N, 4) uint8; levels (L, 3); decoded (256,)."""

    corners: Any
    face: Any
    texels: Any
    levels: Any
    decoded: Any


@dataclass(frozen=True, eq=False)
class Drawable:
    """A mesh ready to be painted: v (V, 3), f (F, 3), corner normals (F, 3, 3), corner colours (F, 3, 3) linear
    float32, corner uv (F, 3, 2) float32 with v up, and the pyramids of its textures one after the other, texels
    (N, 4) uint8 sRGB and alpha with levels (L, 3) rows of offset, height, width; texels is empty without texture.

    alpha (F, 3) float32 of the corners, None is 1; picture (F,) int32 which texture, -1 is none, None is 0 for all;
    first (P + 1,) int64: texture p has the levels first[p] .. first[p + 1], None is one texture; kind (F,) uint8:
    OPAQUE, CUT_OUT (what has alpha below one half is not there) or TRANSLUCENT (blended), None is OPAQUE."""

    v: F64
    f: NDArray[np.int32]
    normals: F32
    colours: F32
    uv: F32
    texels: NDArray[np.uint8]
    levels: NDArray[np.int64]
    alpha: F32 | None = None
    picture: NDArray[np.int32] | None = None
    first: NDArray[np.int64] | None = None
    kind: NDArray[np.uint8] | None = None

    @cached_property
    def surface(self) -> Surface:
        """The arrays for kernels, made once."""
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
        face[:, LEVELS:KIND] = self._levels_of_faces()
        face[:, KIND] = OPAQUE if self.kind is None else self.kind
        texels = self.texels
        if texels.shape[1] == 3:
            texels = np.column_stack([texels, np.full(len(texels), 255, np.uint8)])
        return Surface(corners, face, np.ascontiguousarray(texels), self.levels, DECODED)

    def _levels_of_faces(self) -> NDArray[np.int64]:
        """(F, 2) first and one past the last level of each face's texture; -1 without."""
        none = np.full((len(self.f), 2), -1, np.int64)
        if len(self.texels) == 0:
            return none
        first = np.array([0, len(self.levels)], np.int64) if self.first is None else self.first
        picture = np.zeros(len(self.f), np.int64) if self.picture is None else self.picture
        chosen = np.maximum(picture, 0)
        return np.where((picture >= 0)[:, None], np.stack([first[chosen], first[chosen + 1]], 1), none)

    @cached_property
    def see_through(self) -> bool:
        """Whether any of it is TRANSLUCENT."""
        return bool((self.surface.face[:, KIND] == TRANSLUCENT).any())

    @cached_property
    def cut_out(self) -> bool:
        """Whether any of it is CUT_OUT."""
        return bool((self.surface.face[:, KIND] == CUT_OUT).any())

    @cached_property
    def ball(self) -> tuple[F64, float]:
        """Centre (3,) of the box of what is drawn, and the radius around it that holds all of it."""
        used = np.asarray(self.v, np.float64)[np.unique(self.f)]
        centre = (used.min(0) + used.max(0)) / 2
        return centre, max(float(np.linalg.norm(used - centre, axis=1).max()), 1e-12)
