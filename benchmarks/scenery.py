"""Surroundings of the photographed object other than the table in the room: turntables, backdrops, the open air.

The object's frame is the world. On a turntable the camera, the lights, the table and the room stay, and the object turns with
the plate: relative to the object, everything else turns back by the same angle about the vertical axis. Plate, table and floor
receive the object's shadows; the backdrops have one tone each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np

from lift3d.types import Camera
from photo_studio import ROOM, TABLE, Subject, _box, _light
from solid_textures import room_colour, table_colour

ROOMS = ("room", "black", "white", "outdoor")
TONES = {"room": 0.3, "black": 0.004, "white": 0.75, "outdoor": 0.5}
PLATE_HEIGHT = 0.035


@dataclass(frozen=True)
class Surroundings:
    """kind: one of ROOMS. turn: radians by which the object and its plate have turned in the room. plate: radius of a round plate
    under the object, 0 for none; its pattern is that of `table_colour`, or one tone before a backdrop. mirror: whether the object
    is a perfect mirror. boxes: (N, 6) low and high corners of far things in the open air. seed: of all patterns."""

    kind: str = "room"
    turn: float = 0.0
    plate: float = 0.0
    pattern: int = 0
    table: int = 1
    mirror: bool = False
    boxes: tuple[tuple[float, ...], ...] = ()
    seed: int = 0

    def paint(
        self, linear: np.ndarray, face_id: np.ndarray, bary: np.ndarray, subject: Subject, camera: Camera,
        lamps: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    ) -> None:  # fmt: skip
        """Replace the background of a picture (H, W, 3) of linear colours, and a mirror's reflections."""
        boxes = np.array(self.boxes, float).reshape(-1, 2, 3)
        low = PLATE_HEIGHT if self.plate > 0 else 0.0
        _paint(
            face_id, bary, subject.v, subject.f.astype(np.int32), subject.normals, self.mirror, ROOMS.index(self.kind),
            TONES[self.kind], math.cos(self.turn), math.sin(self.turn), self.plate, low, self.pattern, self.table, boxes,
            self.seed, *lamps, (camera.fx, camera.fy, camera.cx, camera.cy), np.ascontiguousarray(camera.R), camera.centre,
            TABLE - [0, 0, low], ROOM, linear,
        )  # fmt: skip


@numba.njit(cache=True)
def _disc(o, d, radius, low):  # type: ignore[no-untyped-def]
    """(ray parameter, whether at the top) where a ray enters a cylinder, z from -low to 0, about the z axis; -1 if it misses."""
    if d[2] < 0 and o[2] > 0:
        s = -o[2] / d[2]
        if (o[0] + s * d[0]) ** 2 + (o[1] + s * d[1]) ** 2 <= radius * radius:
            return s, True
    a, b = d[0] * d[0] + d[1] * d[1], o[0] * d[0] + o[1] * d[1]
    c = o[0] * o[0] + o[1] * o[1] - radius * radius
    root = b * b - a * c
    if root <= 0 or a < 1e-12:
        return -1.0, False
    s = (-b - math.sqrt(root)) / a
    z = o[2] + s * d[2]
    return (s, False) if s > 0 and -low <= z <= 0 else (-1.0, False)


@numba.njit(cache=True)
def _surroundings(  # type: ignore[no-untyped-def]
    o, d, kind, tone, cos, sin, plate, low, pattern, table, boxes, seed, directions, matrices, maps, weights, table_box,
    room_box, colour,
):  # fmt: skip
    """Linear colour along the ray o + s d (object's frame), into `colour`, with its light."""
    p, n, ro, rd = np.empty(3), np.zeros(3), np.empty(3), np.empty(3)
    ro[0], ro[1], ro[2] = cos * o[0] - sin * o[1], sin * o[0] + cos * o[1], o[2]
    rd[0], rd[1], rd[2] = cos * d[0] - sin * d[1], sin * d[0] + cos * d[1], d[2]
    if plate > 0:
        s, top = _disc(o, d, plate, low)
        if s > 0:
            for k in range(3):
                p[k] = o[k] + s * d[k]
            if kind == 0:
                table_colour(p[0], p[1], p[2], pattern, seed, colour)
            else:
                colour[:] = 3 * tone if kind == 1 else tone
            if not top:
                n[0], n[1] = p[0] / plate, p[1] / plate
            else:
                n[2] = 1.0
            light, _ = _light(
                p[0], p[1], p[2], n[0], n[1], n[2], 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights
            )
            for k in range(3):
                colour[k] *= light
            return
    if kind == 0:
        s, axis = _box(ro, rd, table_box, False)
        if s > 0:
            for k in range(3):
                p[k] = o[k] + s * d[k]
            table_colour(ro[0] + s * rd[0], ro[1] + s * rd[1], ro[2] + s * rd[2], table, seed, colour)
            n[axis] = -1.0 if rd[axis] > 0 else 1.0
            x, y = cos * n[0] + sin * n[1], -sin * n[0] + cos * n[1]
            light, _ = _light(
                p[0], p[1], p[2], x, y, n[2], 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights
            )
        else:
            s, axis = _box(ro, rd, room_box, True)
            room_colour(ro[0] + s * rd[0], ro[1] + s * rd[1], ro[2] + s * rd[2], seed, colour)
            n[axis] = -1.0 if rd[axis] > 0 else 1.0
            light = 0.75 + 0.12 * n[2] + 0.1 * n[0]
        for k in range(3):
            colour[k] *= light
        return
    if kind == 1:
        colour[:] = tone
        return
    if kind == 2:
        # A white sheet: a floor that receives shadows and rises, out of focus, to a wall of the light of the open floor.
        light, _ = _light(
            0.0, 0.0, 9.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights
        )
        if rd[2] < 0:
            s = -(o[2] + low) / d[2]
            x, y = o[0] + s * d[0], o[1] + s * d[1]
            if x * x + y * y < 9.0:
                light, _ = _light(
                    x, y, -low, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights
                )
        colour[:] = tone * light
        return
    nearest, which, side = 1e30, -1, 0
    for i in range(len(boxes)):
        s, axis = _box(ro, rd, boxes[i], False)
        if 0 < s < nearest:
            nearest, which, side = s, i, axis
    if rd[2] < 0 and -ro[2] / rd[2] < nearest:
        s = -ro[2] / rd[2]
        x, y = ro[0] + s * rd[0], ro[1] + s * rd[1]
        if x * x + y * y < 60.0**2:
            table_colour(x, y, 0.0, table, seed, colour)
            light = 1.0
            if x * x + y * y < 4.0:
                light, _ = _light(
                    o[0] + s * d[0], o[1] + s * d[1], 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, directions, matrices, maps, weights
                )  # fmt: skip
            for k in range(3):
                colour[k] *= light
            return
    if which >= 0:
        scale = 4.0 / (boxes[which, 1, 2] - boxes[which, 0, 2])
        s = nearest * scale
        room_colour(
            ro[0] * scale + s * rd[0],
            ro[1] * scale + s * rd[1],
            ro[2] * scale + s * rd[2],
            seed + which,
            colour,
        )
        for k in range(3):
            colour[k] *= 1.0 - 0.2 * side
        return
    up = max(rd[2], 0.0) / math.sqrt(rd[0] ** 2 + rd[1] ** 2 + rd[2] ** 2)
    colour[0], colour[1], colour[2] = 0.62 - 0.4 * up, 0.7 - 0.3 * up, 0.8 - 0.1 * up


@numba.njit(cache=True, parallel=True)
def _paint(  # type: ignore[no-untyped-def]
    face_id, bary, verts, faces, normals, mirror, kind, tone, cos, sin, plate, low, pattern, table, boxes, seed, directions,
    matrices, maps, weights, grid, rotation, eye, table_box, room_box, out,
):  # fmt: skip
    """The background, once for each block of 2x2 samples, and the reflection in every sample of a mirror."""
    fx, fy, cx, cy = grid
    for pair in numba.prange(face_id.shape[0] // 2):
        colour, ray, n, p = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
        for block in range(face_id.shape[1] // 2):
            known = False
            for sample in range(4):
                row, column = 2 * pair + sample // 2, 2 * block + sample % 2
                i = face_id[row, column]
                if i >= 0 and not mirror:
                    continue
                if i < 0 and known:
                    for c in range(3):
                        out[row, column, c] = colour[c]
                    continue
                x, y = (2 * block + 1 - cx) / fx, (2 * pair + 1 - cy) / fy
                if i >= 0:
                    x, y = (column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy
                for k in range(3):
                    ray[k] = rotation[0, k] * x + rotation[1, k] * y + rotation[2, k]
                    p[k] = eye[k]
                gain = 1.0
                if i >= 0:
                    for k in range(3):
                        p[k], n[k] = 0.0, 0.0
                        for c in range(3):
                            p[k] += bary[row, column, c] * verts[faces[i, c], k]
                            n[k] += bary[row, column, c] * normals[i, c, k]
                    size = n[0] ** 2 + n[1] ** 2 + n[2] ** 2
                    towards = (n[0] * ray[0] + n[1] * ray[1] + n[2] * ray[2]) / size
                    for k in range(3):
                        ray[k] -= 2 * towards * n[k]
                    gain = 0.9
                known = i < 0
                _surroundings(
                    p, ray, kind, tone, cos, sin, plate, low, pattern, table, boxes, seed, directions, matrices, maps, weights,
                    table_box, room_box, colour,
                )  # fmt: skip
                for c in range(3):
                    out[row, column, c] = gain * colour[c]
