"""COLMAP model files out, text and binary (https://colmap.github.io/format.html)."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import project
from lift3d.io.camera.quaternion import quaternion_from_rotation
from lift3d.io.files.atomic import writing_together
from lift3d.types import Views


def write_colmap(views: Views, folder: str | os.PathLike[str], binary: bool = True) -> tuple[Path, ...]:
    """Write cameras, images and points3D into `folder`, all three or none. Returns their paths."""
    encoded = encode(views, binary)
    kind = "bin" if binary else "txt"
    targets = tuple(Path(folder) / f"{name}.{kind}" for name in ("images", "cameras", "points3D"))
    with writing_together(*targets) as parts:
        for part, target in zip(parts, targets):
            part.write_bytes(encoded[target.stem])
    return targets


def encode(views: Views, binary: bool) -> dict[str, bytes]:
    """The bytes of the three files by stem. Views with equal intrinsics share a camera; ids count from 1.

    Raises InputError for a photo name that the format cannot hold.
    """
    keys = [(c.width, c.height, c.fx, c.fy, c.cx, c.cy) for c in views.cameras]
    shared = {key: number + 1 for number, key in enumerate(dict.fromkeys(keys))}
    order = np.lexsort((views.observations[:, 1], views.observations[:, 0]))
    observations = views.observations[order].astype(np.int64)
    starts = np.searchsorted(observations[:, 0], np.arange(len(views) + 1))
    slots = (
        np.arange(len(observations)) - starts[observations[:, 0]] if len(observations) else observations[:, 0]
    )
    pixels = np.zeros((len(observations), 2))
    for i, camera in enumerate(views.cameras):
        rows = slice(starts[i], starts[i + 1])
        pixels[rows] = project(camera, views.points.xyz[observations[rows, 1]])[0]
    by_point = np.argsort(observations[:, 1], kind="stable")
    point_starts = np.searchsorted(observations[by_point, 1], np.arange(len(views.points) + 1))
    colours = views.points.colours
    if colours is None:
        colours = np.full((len(views.points), 3), 128, np.uint8)
    images = []
    for i, (image, camera) in enumerate(zip(views.images, views.cameras)):
        if "\0" in image.name or "\n" in image.name:
            raise InputError(
                f"the photo name {image.name!r} cannot be written to a COLMAP model", "rename the photo"
            )
        rows = slice(starts[i], starts[i + 1])
        pose = [*quaternion_from_rotation(camera.R).tolist(), *camera.t.tolist()]
        images.append((i + 1, pose, shared[keys[i]], image.name, pixels[rows], observations[rows, 1] + 1))
    points = []
    for p in range(len(views.points)):
        seen = by_point[point_starts[p] : point_starts[p + 1]]
        track = np.column_stack([observations[seen, 0] + 1, slots[seen]]).astype(np.int64)
        points.append((p + 1, views.points.xyz[p].tolist(), colours[p].tolist(), track))
    return _binary(shared, images, points) if binary else _text(shared, images, points)


def _binary(shared: dict, images: list, points: list) -> dict[str, bytes]:
    """The binary encoding of the tables that `encode` builds."""
    cameras = [struct.pack("<Q", len(shared))]
    for (width, height, *k), number in shared.items():
        cameras.append(struct.pack("<iiQQ4d", number, 1, width, height, *k))
    pictures = [struct.pack("<Q", len(images))]
    row = np.dtype([("xy", "<f8", 2), ("point", "<i8")])
    for number, pose, camera, name, xy, seen in images:
        table = np.zeros(len(seen), row)
        table["xy"], table["point"] = xy, seen
        head = struct.pack("<i7di", number, *pose, camera) + name.encode() + b"\0"
        pictures.append(head + struct.pack("<Q", len(seen)) + table.tobytes())
    cloud = [struct.pack("<Q", len(points))]
    for number, xyz, rgb, track in points:
        cloud.append(
            struct.pack("<Q3d3BdQ", number, *xyz, *rgb, 0.0, len(track)) + track.astype("<i4").tobytes()
        )
    return {"cameras": b"".join(cameras), "images": b"".join(pictures), "points3D": b"".join(cloud)}


def _text(shared: dict, images: list, points: list) -> dict[str, bytes]:
    """The text encoding of the tables that `encode` builds."""
    cameras = ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]"]
    for (width, height, *k), number in shared.items():
        cameras.append(f"{number} PINHOLE {width} {height} " + " ".join(map(repr, map(float, k))))
    pictures = [
        "# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME, then POINTS2D[] as (X, Y, POINT3D_ID)"
    ]
    for number, pose, camera, name, xy, seen in images:
        pictures.append(f"{number} {' '.join(map(repr, pose))} {camera} {name}")
        pictures.append(" ".join(f"{x:.6f} {y:.6f} {p}" for (x, y), p in zip(xy.tolist(), seen.tolist())))
    cloud = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    for number, xyz, rgb, track in points:
        pairs = " ".join(map(str, track.reshape(-1).tolist()))
        cloud.append(f"{number} {' '.join(map(repr, xyz))} {' '.join(map(str, rgb))} 0 {pairs}")
    texts = {"cameras": cameras, "images": pictures, "points3D": cloud}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()}
