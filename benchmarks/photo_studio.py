"""A virtual photo studio: an object on a table in a room, photographed from all sides, with exact ground truth.

The object is rasterised at twice the resolution, its material is evaluated at every sample, and the table and
the room behind it are ray-traced analytically. Light: a soft key light (several shadow maps), a dome (shadow maps
from all sides, so corners and the table under the object are darker) and a bounce from below. A camera
model follows: slight blur, exposure, sRGB, Gaussian noise, eight bits.
World: z up, the table top is z = 0, the object's diagonal is 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numba
import numpy as np
from scipy import ndimage

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import resize_camera
from lift3d.geometry.render.rasterizer import depth_map, rasterize
from lift3d.types import Camera
from solid_textures import mean_colour, room_colour, solid_colour, table_colour

TABLE = np.array([[-1.5, -1.3, -0.06], [1.5, 1.3, 0.0]])
ROOM = np.array([[-5.0, -5.0, -1.1], [5.0, 5.0, 4.0]])
_MAP = 512


@dataclass(frozen=True, eq=False)
class Subject:
    """The photographed object: v (V, 3), f (F, 3), corner normals (F, 3, 3), corner uv (F, 3, 2), its own
    texture (h, w, 3) linear, its weight in [0, 1], and the solid material (see `solid_colour`);
    tint: corner colours (F, 3, 3), linear, in place of a texture."""

    v: np.ndarray
    f: np.ndarray
    normals: np.ndarray
    palette: np.ndarray
    knobs: np.ndarray
    uv: np.ndarray | None = None
    texture: np.ndarray | None = None
    own: float = 0.0
    contrast: float = 1.0
    table: int = 0
    gloss: float = 0.0
    seed: int = 0
    tint: np.ndarray | None = None

    @property
    def fade(self) -> np.ndarray:
        """(3,) the colour to which a variant of low contrast (contrast < 1) fades."""
        mean = mean_colour(self.palette)
        if self.tint is not None:
            return mean + self.own * (self.tint.mean((0, 1)) - mean)
        return mean if self.texture is None else mean + self.own * (self.texture.mean((0, 1)) - mean)


@dataclass(frozen=True)
class Light:
    """azimuth, elevation: of the key light, radians; key, dome: strengths; exposure multiplies everything."""

    azimuth: float = 0.6
    elevation: float = 0.9
    key: float = 0.75
    dome: float = 0.6
    exposure: float = 1.0


class Scenery(Protocol):
    """What surrounds the object in place of the table and the room. turn: radians by which the object has turned in the room;
    cameras, lights and the subject are given in the object's frame."""

    turn: float

    def paint(
        self, linear: np.ndarray, face_id: np.ndarray, bary: np.ndarray, subject: Subject, camera: Camera,
        lamps: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    ) -> None: ...  # fmt: skip


@dataclass(eq=False)
class Studio:
    """The shadow maps of the dome for one subject."""

    subject: Subject
    dome: list[tuple[np.ndarray, Camera, np.ndarray]] = field(init=False)

    def __post_init__(self) -> None:
        k = np.arange(14) + 0.5
        up = 0.12 + 0.88 * k / 14
        turn = k * math.pi * (3 - math.sqrt(5))
        flat = np.sqrt(1 - up**2)
        directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), up], 1)
        self.dome = [self._shadow(d) for d in directions]

    def _shadow(self, direction: np.ndarray) -> tuple[np.ndarray, Camera, np.ndarray]:
        centre = (self.subject.v.min(0) + self.subject.v.max(0)) / 2
        far = 20.0
        focal = _MAP / 2 * far / 0.62
        camera = look_at(centre + far * direction, centre, _MAP, _MAP, focal)
        return direction, camera, depth_map(camera, self.subject.v, self.subject.f)

    def photograph(
        self, camera: Camera, light: Light, rng: np.random.Generator | None, scenery: Scenery | None = None
    ) -> np.ndarray:
        """(H, W, 3) uint8 sRGB photo; without `rng` the camera is free of noise. scenery: in place of the table in the room."""
        s = self.subject
        big = resize_camera(camera, camera.width * 2, camera.height * 2)
        face_id, _, bary = rasterize(big, s.v, s.f)
        dome = self.dome
        if scenery is not None and scenery.turn != 0:  # the light stays with the room
            c, w = math.cos(scenery.turn), math.sin(scenery.turn)
            back = np.array([[c, w, 0], [-w, c, 0], [0, 0, 1]])
            dome = [self._shadow(back @ d) for d, _, _ in self.dome]
        lamps = dome + [self._shadow(d) for d in _key_directions(light)]
        directions = np.array([d for d, _, _ in lamps])
        matrices = np.array([c.K @ c.world_to_camera[:3] for _, c, _ in lamps])
        maps = np.array([z for _, _, z in lamps])
        n_key = len(lamps) - len(self.dome)
        weights = np.concatenate(
            [np.full(len(self.dome), light.dome / len(self.dome) * 1.6), np.full(n_key, light.key / n_key)]
        )
        linear = np.zeros((big.height, big.width, 3), np.float32)
        texture = s.texture if s.texture is not None else np.zeros((1, 1, 3), np.float32)
        tint = s.tint if s.tint is not None else np.zeros((0, 3, 3))
        uv = s.uv if s.uv is not None else np.zeros((1, 3, 2))
        _shade(
            face_id, bary, s.v, s.f.astype(np.int32), s.normals, uv, texture.astype(np.float32), tint, s.own,
            s.palette, s.knobs, s.contrast, mean_colour(s.palette), s.fade, s.table, s.gloss, s.seed,
            directions, matrices, maps, weights,
            (big.fx, big.fy, big.cx, big.cy), np.ascontiguousarray(big.R), big.centre, TABLE, ROOM, scenery is None, linear,
        )  # fmt: skip
        if scenery is not None:
            scenery.paint(linear, face_id, bary, s, big, (directions, matrices, maps, weights))
        return develop(linear, light.exposure, rng)


def _key_directions(light: Light) -> list[np.ndarray]:
    """Seven points of a round soft key light."""
    directions = []
    for i in range(7):
        radius, turn = (0.0, 0.0) if i == 0 else (0.14, i * math.pi / 3)
        a, e = light.azimuth + radius * math.cos(turn), light.elevation + radius * math.sin(turn)
        directions.append(np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)]))
    return directions


def develop(linear: np.ndarray, exposure: float, rng: np.random.Generator | None) -> np.ndarray:
    """A linear picture of twice the size to a photo: lens blur, averaging, sRGB, noise of 2 grey levels, 8 bits."""
    blurred = ndimage.gaussian_filter(linear, (0.9, 0.9, 0), truncate=3)
    h, w = linear.shape[0] // 2, linear.shape[1] // 2
    small = blurred.reshape(h, 2, w, 2, 3).mean((1, 3)) * exposure
    srgb = (
        np.where(small <= 0.0031308, 12.92 * small, 1.055 * np.maximum(small, 1e-9) ** (1 / 2.4) - 0.055)
        * 255
    )
    if rng is not None:
        srgb = srgb + rng.normal(0, 2.0, srgb.shape)
    return np.clip(np.round(srgb), 0, 255).astype(np.uint8)


@numba.njit(cache=True)
def _light(px, py, pz, nx, ny, nz, vx, vy, vz, gloss, directions, matrices, maps, weights):  # type: ignore[no-untyped-def]
    """(diffuse, specular) light at a point with a unit normal, seen from the unit direction (vx, vy, vz)."""
    diffuse, specular = 0.10 + 0.06 * (1 - nz), 0.0
    qx, qy, qz = px + 0.004 * nx, py + 0.004 * ny, pz + 0.004 * nz
    size = maps.shape[1]
    for i in range(len(weights)):
        d = directions[i]
        facing = nx * d[0] + ny * d[1] + nz * d[2]
        if facing <= 0:
            continue
        m = matrices[i]
        w = m[2, 0] * qx + m[2, 1] * qy + m[2, 2] * qz + m[2, 3]
        u = (m[0, 0] * qx + m[0, 1] * qy + m[0, 2] * qz + m[0, 3]) / w - 0.5
        v = (m[1, 0] * qx + m[1, 1] * qy + m[1, 2] * qz + m[1, 3]) / w - 0.5
        lit = 1.0
        if u >= 0 and v >= 0 and u < size - 1 and v < size - 1:
            x, y = int(u), int(v)
            a, b = u - x, v - y
            lit = 0.0
            for dy in range(2):
                for dx in range(2):
                    z = maps[i, y + dy, x + dx]
                    if z == 0 or w < z + 0.004:
                        lit += (a if dx else 1 - a) * (b if dy else 1 - b)
        diffuse += weights[i] * facing * lit
        if gloss > 0:
            hx, hy, hz = d[0] + vx, d[1] + vy, d[2] + vz
            h = (nx * hx + ny * hy + nz * hz) / math.sqrt(hx * hx + hy * hy + hz * hz)
            specular += gloss * weights[i] * lit * h**40
    return diffuse, specular


@numba.njit(cache=True)
def _box(o, d, box, inside):  # type: ignore[no-untyped-def]
    """Ray parameter and axis where a ray enters a box (or leaves it, from inside); -1 where it misses."""
    near, far, near_axis, far_axis = -1e30, 1e30, 0, 0
    for k in range(3):
        if abs(d[k]) < 1e-12:
            if o[k] < box[0, k] or o[k] > box[1, k]:
                return -1.0, 0
            continue
        a, b = (box[0, k] - o[k]) / d[k], (box[1, k] - o[k]) / d[k]
        if a > b:
            a, b = b, a
        if a > near:
            near, near_axis = a, k
        if b < far:
            far, far_axis = b, k
    if near > far or far <= 0:
        return -1.0, 0
    return (far, far_axis) if inside else (near, near_axis)


@numba.njit(cache=True, parallel=True)
def _shade(  # type: ignore[no-untyped-def]
    face_id, bary, verts, faces, normals, uv, texture, tint, own, palette, knobs, contrast, mean, fade,
    table, gloss, seed, directions, matrices, maps, weights, grid, rotation, eye, table_box, room_box, background, out,
):  # fmt: skip
    """Linear colour of every sample; object where face_id >= 0, else, with `background`, the table, else the room."""
    fx, fy, cx, cy = grid
    th, tw = texture.shape[0], texture.shape[1]
    for row in numba.prange(face_id.shape[0]):
        colour, ray, n, p = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
        for column in range(face_id.shape[1]):
            x, y = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
            for k in range(3):
                ray[k] = rotation[0, k] * x + rotation[1, k] * y + rotation[2, k]
            length = math.sqrt(ray[0] ** 2 + ray[1] ** 2 + ray[2] ** 2)
            i = face_id[row, column]
            if i >= 0:
                b = bary[row, column]
                for k in range(3):
                    p[k], n[k] = 0.0, 0.0
                    for c in range(3):
                        p[k] += b[c] * verts[faces[i, c], k]
                        n[k] += b[c] * normals[i, c, k]
                size = math.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2) + 1e-12
                if n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2] > 0:
                    size = -size
                for k in range(3):
                    n[k] /= size
                solid_colour(p[0], p[1], p[2], palette, knobs, colour)
                if own > 0:
                    j = i if len(uv) > 1 else 0
                    s = (b[0] * uv[j, 0, 0] + b[1] * uv[j, 1, 0] + b[2] * uv[j, 2, 0]) * tw - 0.5
                    t = (1 - (b[0] * uv[j, 0, 1] + b[1] * uv[j, 1, 1] + b[2] * uv[j, 2, 1])) * th - 0.5
                    s0, t0 = math.floor(s), math.floor(t)
                    s, t = s - s0, t - t0
                    s0, t0 = int(s0) % tw, int(t0) % th
                    s1, t1 = (s0 + 1) % tw, (t0 + 1) % th
                    for c in range(3):
                        top = texture[t0, s0, c] * (1 - s) + texture[t0, s1, c] * s
                        low = texture[t1, s0, c] * (1 - s) + texture[t1, s1, c] * s
                        value = top * (1 - t) + low * t
                        if len(tint) > 0:
                            value = b[0] * tint[i, 0, c] + b[1] * tint[i, 1, c] + b[2] * tint[i, 2, c]
                        # The pattern modulates the object's own colour instead of replacing it.
                        ratio = min(colour[c] / max(mean[c], 1e-3), 3.0)
                        colour[c] += own * (value * ratio - colour[c])
                for c in range(3):
                    colour[c] = fade[c] + contrast * (colour[c] - fade[c])
                diffuse, shine = _light(
                    p[0], p[1], p[2], n[0], n[1], n[2], -ray[0] / length, -ray[1] / length, -ray[2] / length,
                    gloss, directions, matrices, maps, weights,
                )  # fmt: skip
            elif not background:
                continue
            else:
                shine = 0.0
                s, axis = _box(eye, ray, table_box, False)
                on_table = s > 0
                if not on_table:
                    s, axis = _box(eye, ray, room_box, True)
                for k in range(3):
                    p[k], n[k] = eye[k] + s * ray[k], 0.0
                n[axis] = -1.0 if ray[axis] > 0 else 1.0
                if on_table:
                    table_colour(p[0], p[1], p[2], table, seed, colour)
                    diffuse, shine = _light(
                        p[0], p[1], p[2], n[0], n[1], n[2], 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights,
                    )  # fmt: skip
                else:
                    room_colour(p[0], p[1], p[2], seed, colour)
                    diffuse = 0.75 + 0.12 * n[2] + 0.1 * n[0]
            for c in range(3):
                out[row, column, c] = colour[c] * diffuse + shine
