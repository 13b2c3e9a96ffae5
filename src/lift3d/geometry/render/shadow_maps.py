"""Shadows by depth maps seen from the lights (Williams, "Casting curved shadows on curved surfaces", 1978).

A point is lit where the light's map holds nothing nearer; the test is averaged over the texels around (percentage-
closer filtering; Reeves, Salesin & Cook 1987), which makes soft edges. A ray through the BVH makes hard ones and costs 260
to 410 ns a pixel where a look into the map costs 12 to 17 (480 to 832 faces; the map itself 9 to 16 ms, once). Against
acne the point is first moved off its surface: for a kernel of radius r texels on a plane at angle a to the light, the depth
differs by r tan(a) texels within the kernel, and a shift of r sin(a) along the normal undoes it exactly. On smooth-shaded
meshes the point is also moved to the curved surface that the normals pretend (Hanika, "Hacking the shadow terminator", 2021), or
the facets would show along the line between light and dark. The surrounding's shadow (ambient occlusion) is the mean
of small maps from directions all around, weighted by how much light comes from there.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.kernels import njit_inline, njit_kernel, run_in_bands
from lift3d.geometry.render.drawable import Drawable
from lift3d.geometry.render.lights import Lighting
from lift3d.geometry.render.scan_conversion import COEFFICIENTS, scan, set_up_faces
from lift3d.types import F32, F64

SIZE, SKY_SIZE, SKY_MAPS = 1024, 96, 32
"""Texels along a sun's map; along one of the surrounding's, and how many of those."""
_MARGIN = 1.03
_REACH, _SKY_REACH = 2.9, 1.6
"""Radius in texels of the filters (their farthest texel's centre), for the shift along the normal."""


class LightArrays(NamedTuple):
    """A `Lighting` for kernels. style 0: the old light of the camera, 1: these lights; shading: see `paint`.
    lamps (N, 9): SKY, SUN or POINT, unit direction or position, colour, first and one past the last of its maps;
    around (3, 10) E / pi as a polynomial of the normal: 1, x, y, z, xy, yz, xz, xx, yy, zz; maps (M, 18): rotation,
    shift, focal, centre, parallel, size, offset, texel at depth 1; depths of all maps. The sky's lamps only weigh how
    much of the surrounding's light is kept away."""

    style: int
    shading: float
    lamps: Any
    around: Any
    maps: Any
    depths: Any


SKY, SUN, POINT = 0, 1, 2


def headlight(shading: float) -> LightArrays:
    """The light that comes along with the camera, of strength `shading`; 0 shows the bare material."""
    empty = np.zeros(0, np.float32)
    return LightArrays(0, float(shading), np.zeros((0, 9)), np.zeros((3, 10)), np.zeros((0, 18)), empty)


def prepare_lights(ready: Drawable, lighting: Lighting, size: int = SIZE) -> LightArrays:
    """The lighting with the depth maps of this drawable; make it once for many pictures."""
    maps = _Maps(ready)
    gain, lamps, around = lighting.exposure, [], np.zeros((3, 10))
    if lighting.environment is not None:
        around = gain * lighting.environment.polynomial
        if lighting.environment.shadow:
            directions = _sphere(SKY_MAPS)
            maps.rows, maps.drawn = _sky(ready)
            maps.total = len(maps.drawn)
            for m, colour in enumerate(lighting.environment.radiance(directions) + 1e-4):
                lamps.append([SKY, *directions[m], *colour, m, m + 1])
    for sun in lighting.suns:
        out = np.asarray(sun.direction, np.float64)
        out = out / max(float(np.linalg.norm(out)), 1e-300)
        held = maps.parallel(out, size) if sun.shadow else (0, 0)
        lamps.append([SUN, *out, *(gain * np.asarray(sun.colour)), *held])
    for point in lighting.points:
        held = maps.around(np.asarray(point.position, np.float64), size) if point.shadow else (0, 0)
        lamps.append([POINT, *point.position, *(gain * np.asarray(point.intensity)), *held])
    return LightArrays(1, 1.0, np.array(lamps, np.float64).reshape(-1, 9), around, *maps.packed())


_skies: WeakKeyDictionary[Drawable, tuple[list[list[float]], F32]] = WeakKeyDictionary()


def _sky(ready: Drawable) -> tuple[list[list[float]], F32]:
    """The maps from all around and their depths; they depend on the drawable alone and are made once for it."""
    held = _skies.get(ready)
    if held is None:
        maps = _Maps(ready)
        for d in _sphere(SKY_MAPS):
            maps.parallel(d, SKY_SIZE)
        held = _skies[ready] = (maps.rows, maps.packed()[1])
    return list(held[0]), held[1]


def _sphere(n: int) -> F64:
    """(n, 3) directions spread evenly over the sphere (a Fibonacci lattice)."""
    k = np.arange(n) + 0.5
    z, turn = 1 - 2 * k / n, k * math.pi * (3 - math.sqrt(5))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(turn), r * np.sin(turn), z], 1)


class _Maps:
    """Depth maps of one drawable, collected; all are drawn at the end, side by side."""

    def __init__(self, ready: Drawable) -> None:
        self.ready = ready
        self.centre, self.radius = ready.ball
        self.rows: list[list[float]] = []
        self.total = 0
        self.drawn: F32 = np.zeros(0, np.float32)  # depths of the first maps, made before

    def parallel(self, direction: F64, size: int) -> tuple[int, int]:
        """The map of light from this direction: its number and the next."""
        eye = self.centre + 2 * self.radius * direction
        focal = size / (2 * _MARGIN * self.radius)
        self._add(eye, self.centre, focal, size, True)
        return len(self.rows) - 1, len(self.rows)

    def around(self, position: F64, size: int) -> tuple[int, int]:
        """First and one past the last map of a point light: one that holds all, or the six sides of a cube."""
        away = float(np.linalg.norm(position - self.centre))
        first = len(self.rows)
        if away > 1.25 * self.radius:
            tangent = self.radius / math.sqrt(away**2 - self.radius**2)
            self._add(position, self.centre, size / (2 * _MARGIN * tangent), size, False)
        else:
            for axis in np.concatenate([np.eye(3), -np.eye(3)]):
                self._add(position, position + axis, size / 4 / 1.02, size // 2, False)
        return first, len(self.rows)

    def _add(self, eye: F64, target: F64, focal: float, size: int, parallel: bool) -> None:
        pose = look_at(eye, target, size, size, focal).world_to_camera
        shape = [focal, size / 2, float(parallel), size, self.total, 1 / focal]
        self.rows.append([*pose[:3, :3].ravel(), *pose[:3, 3], *shape])
        self.total += size * size

    def packed(self) -> tuple[F64, F32]:
        """maps (M, 18) and depths of `Lights`."""
        maps = np.array(self.rows, np.float64).reshape(-1, 18)
        depths = np.empty(self.total, np.float32)
        depths[: len(self.drawn)] = self.drawn
        missing = maps[maps[:, 16] >= len(self.drawn)]
        if len(missing):
            run_in_bands(_draw, len(missing), lambda: None, self.ready.surface, missing, depths)
        return maps, depths


@njit_kernel
def _draw(first, last, scratch, s, maps, depths):  # type: ignore[no-untyped-def]
    """Fill the maps first..last. What is translucent casts no shadow."""
    for m in range(first, last):
        row = maps[m]
        size, offset = int(row[15]), int(row[16])
        z = depths[offset : offset + size * size].reshape(size, size)
        face_id = np.empty((size, size), np.int32)
        c, box = np.empty((len(s.corners), COEFFICIENTS)), np.empty((len(s.corners), 4), np.int32)
        grid = (row[12], row[12], row[13], row[13])
        set_up_faces(s.corners, row[:9].reshape(3, 3), row[9:12], grid, 0.0, row[14] > 0, size, size, c, box)
        scan(0, size, scratch, s, c, box, grid, 0.0, False, face_id, z)


@njit_inline
def light_visibility(maps, depths, m, px, py, pz, nx, ny, nz, steep, wide):  # type: ignore[no-untyped-def]
    """Share of the texels around a point on a surface with unit normal n towards the light, `steep` the sine of the
    angle between the two, that the light of map m reaches; -1 where the map does not hold the point."""
    parallel, focal, centre, size = maps[m, 14] > 0, maps[m, 12], maps[m, 13], int(maps[m, 15])
    texel = maps[m, 17]
    if not parallel:
        texel *= maps[m, 6] * px + maps[m, 7] * py + maps[m, 8] * pz + maps[m, 11]
        if texel <= 0:
            return -1.0
    shift = texel * (steep + 0.1) * (_REACH if wide else _SKY_REACH)
    x, y, z = px + shift * nx, py + shift * ny, pz + shift * nz
    deep = maps[m, 6] * x + maps[m, 7] * y + maps[m, 8] * z + maps[m, 11]
    if not parallel and deep <= 0:
        return -1.0
    scale = focal if parallel else focal / deep
    u = scale * (maps[m, 0] * x + maps[m, 1] * y + maps[m, 2] * z + maps[m, 9]) + centre - 0.5
    v = scale * (maps[m, 3] * x + maps[m, 4] * y + maps[m, 5] * z + maps[m, 10]) + centre - 0.5
    if not (u >= -0.5 and v >= -0.5 and u < size - 0.5 and v < size - 0.5):
        return -1.0
    u0, v0 = int(math.floor(u)), int(math.floor(v))
    u, v = u - u0, v - v0
    limit = deep - 0.3 * texel
    reach = 1 if wide else 0
    offset, free = int(maps[m, 16]), 0.0
    for dy in range(-reach, reach + 2):
        wy = (1 - v) if dy == -reach else (v if dy == reach + 1 else 1.0)
        at = offset + min(max(v0 + dy, 0), size - 1) * size
        for dx in range(-reach, reach + 2):
            d = depths[at + min(max(u0 + dx, 0), size - 1)]
            if d == 0 or d >= limit:
                free += wy * ((1 - u) if dx == -reach else (u if dx == reach + 1 else 1.0))
    return free / (9.0 if wide else 1.0)
