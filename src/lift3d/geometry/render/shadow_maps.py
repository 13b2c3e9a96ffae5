"""Shadows by depth maps rendered from the lights (Williams, "Casting curved shadows on curved surfaces", 1978).

A point is lit if the light's map holds nothing nearer; the test is averaged over the neighbouring texels (percentage-closer
filtering; Reeves, Salesin & Cook 1987), which gives soft edges. A ray through the BVH gives hard edges and costs 260 to 410 ns a
pixel where a lookup costs 12 to 17 (480 to 832 faces; the map itself 9 to 16 ms, once). Against shadow acne the point is first
moved off its surface: for a filter of radius r texels on a plane at angle a to the light the depth differs by r tan(a) texels
within the filter, and a shift of r sin(a) along the normal cancels this exactly. On smooth-shaded meshes the point is also
moved to the curved surface that the normals describe (Hanika, "Hacking the shadow terminator", 2021), or the facets would show
along the terminator. The shadow of the environment (ambient occlusion) is the mean of small maps from directions all around,
weighted by radiance.
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
"""Texels a side of a sun's map; of a map of the environment, and the number of those."""
_MARGIN = 1.03
"""Extent of a map over that of the object."""
_RADIUS, _SKY_RADIUS = 2.9, 1.6
"""Radius in texels of the filters (to the centre of the farthest texel), for the shift along the normal."""


class LightArrays(NamedTuple):
    """A `Lighting` for kernels.

    style: 0 for the headlight, 1 for these lights; shading: see `render_linear`; lamps: (N, 9) SKY, SUN or POINT, unit
    direction or position, colour, first and one past the last of its maps; ambient: (3, 10) E / pi as a polynomial of the
    normal, see `Environment.polynomial`; maps: (M, 18) rotation, shift, focal, centre, parallel, size, offset, texel at depth
    1; depths: of all maps. The lamps of the sky only weight how much of the environment's light is occluded.
    """

    style: int
    shading: float
    lamps: Any
    ambient: Any
    maps: Any
    depths: Any


SKY, SUN, POINT = 0, 1, 2


def headlight(shading: float) -> LightArrays:
    """A light that moves with the camera, of strength `shading`; 0 shows the bare material."""
    empty = np.zeros(0, np.float32)
    return LightArrays(0, float(shading), np.zeros((0, 9)), np.zeros((3, 10)), np.zeros((0, 18)), empty)


def prepare_lights(ready: Drawable, lighting: Lighting, size: int = SIZE) -> LightArrays:
    """The lighting with the depth maps of this drawable, of `size` texels a side; reusable for many images."""
    maps = _Maps(ready)
    gain, lamps, ambient = lighting.exposure, [], np.zeros((3, 10))
    if lighting.environment is not None:
        ambient = gain * lighting.environment.polynomial
        if lighting.environment.shadow:
            directions = _sphere(SKY_MAPS)
            maps.rows, maps.rendered = _sky(ready)
            maps.total = len(maps.rendered)
            for m, colour in enumerate(lighting.environment.radiance(directions) + 1e-4):
                lamps.append([SKY, *directions[m], *colour, m, m + 1])
    for sun in lighting.suns:
        direction = np.asarray(sun.direction, np.float64)
        direction = direction / max(float(np.linalg.norm(direction)), 1e-300)
        map_range = maps.parallel(direction, size) if sun.shadow else (0, 0)
        lamps.append([SUN, *direction, *(gain * np.asarray(sun.colour)), *map_range])
    for point in lighting.points:
        map_range = maps.around(np.asarray(point.position, np.float64), size) if point.shadow else (0, 0)
        lamps.append([POINT, *point.position, *(gain * np.asarray(point.intensity)), *map_range])
    return LightArrays(1, 1.0, np.array(lamps, np.float64).reshape(-1, 9), ambient, *maps.packed())


_skies: WeakKeyDictionary[Drawable, tuple[list[list[float]], F32]] = WeakKeyDictionary()


def _sky(ready: Drawable) -> tuple[list[list[float]], F32]:
    """The maps from all around and their depths; they depend on the drawable alone and are cached for it."""
    cached = _skies.get(ready)
    if cached is None:
        maps = _Maps(ready)
        for d in _sphere(SKY_MAPS):
            maps.parallel(d, SKY_SIZE)
        cached = _skies[ready] = (maps.rows, maps.packed()[1])
    return list(cached[0]), cached[1]


def _sphere(n: int) -> F64:
    """(n, 3) unit directions spread evenly over the sphere (a Fibonacci lattice)."""
    k = np.arange(n) + 0.5
    z, azimuth = 1 - 2 * k / n, k * math.pi * (3 - math.sqrt(5))
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(azimuth), r * np.sin(azimuth), z], 1)


class _Maps:
    """Depth maps of one drawable, collected; `packed` renders all of them in parallel."""

    def __init__(self, ready: Drawable) -> None:
        self.ready = ready
        self.centre, self.radius = ready.bounding_sphere
        self.rows: list[list[float]] = []
        self.total = 0
        self.rendered: F32 = np.zeros(0, np.float32)  # depths of the first maps, from the cache

    def parallel(self, direction: F64, size: int) -> tuple[int, int]:
        """Indices [first, last) of the map of parallel light from a direction (3,)."""
        eye = self.centre + 2 * self.radius * direction
        focal = size / (2 * _MARGIN * self.radius)
        self._add(eye, self.centre, focal, size, True)
        return len(self.rows) - 1, len(self.rows)

    def around(self, position: F64, size: int) -> tuple[int, int]:
        """Indices [first, last) of the maps of a point light: one that contains the object, or the six sides of a cube."""
        distance = float(np.linalg.norm(position - self.centre))
        first = len(self.rows)
        if distance > 1.25 * self.radius:
            tangent = self.radius / math.sqrt(distance**2 - self.radius**2)
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
        """maps (M, 18) and depths of `LightArrays`."""
        maps = np.array(self.rows, np.float64).reshape(-1, 18)
        depths = np.empty(self.total, np.float32)
        depths[: len(self.rendered)] = self.rendered
        missing = maps[maps[:, 16] >= len(self.rendered)]
        if len(missing):
            run_in_bands(_draw, len(missing), lambda: None, self.ready.surface, missing, depths)
        return maps, depths


@njit_kernel
def _draw(first: int, last: int, scratch: Any, s: Any, maps: F64, depths: F32) -> None:
    """Render the maps first..last. Blended faces cast no shadow."""
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
def light_visibility(
    maps: Any, depths: Any, m: int, px: float, py: float, pz: float, nx: float, ny: float, nz: float, steep: float, wide: bool
) -> float:  # fmt: skip
    """Fraction of the texels around a point on a surface that the light of map m reaches; -1 where the map does not contain it.

    p: the point; n: unit normal towards the light; steep: sine of the angle between the two; wide: the 3 x 3 filter.
    """
    parallel, focal, centre, size = maps[m, 14] > 0, maps[m, 12], maps[m, 13], int(maps[m, 15])
    texel = maps[m, 17]
    if not parallel:
        texel *= maps[m, 6] * px + maps[m, 7] * py + maps[m, 8] * pz + maps[m, 11]
        if texel <= 0:
            return -1.0
    shift = texel * (steep + 0.1) * (_RADIUS if wide else _SKY_RADIUS)
    x, y, z = px + shift * nx, py + shift * ny, pz + shift * nz
    depth = maps[m, 6] * x + maps[m, 7] * y + maps[m, 8] * z + maps[m, 11]
    if not parallel and depth <= 0:
        return -1.0
    scale = focal if parallel else focal / depth
    u = scale * (maps[m, 0] * x + maps[m, 1] * y + maps[m, 2] * z + maps[m, 9]) + centre - 0.5
    v = scale * (maps[m, 3] * x + maps[m, 4] * y + maps[m, 5] * z + maps[m, 10]) + centre - 0.5
    if not (u >= -0.5 and v >= -0.5 and u < size - 0.5 and v < size - 0.5):
        return -1.0
    u0, v0 = int(math.floor(u)), int(math.floor(v))
    u, v = u - u0, v - v0
    limit = depth - 0.3 * texel
    radius = 1 if wide else 0
    offset, lit = int(maps[m, 16]), 0.0
    for dy in range(-radius, radius + 2):
        wy = (1 - v) if dy == -radius else (v if dy == radius + 1 else 1.0)
        at = offset + min(max(v0 + dy, 0), size - 1) * size
        for dx in range(-radius, radius + 2):
            d = depths[at + min(max(u0 + dx, 0), size - 1)]
            if d == 0 or d >= limit:
                lit += wy * ((1 - u) if dx == -radius else (u if dx == radius + 1 else 1.0))
    return lit / (9.0 if wide else 1.0)
