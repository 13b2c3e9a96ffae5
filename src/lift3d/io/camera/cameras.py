"""Known cameras: COLMAP models (text and binary) and NeRF-style transforms.json, in and out.

COLMAP's camera frame and pixel convention are ours: world to camera, x right, y down, centres at + 0.5
(https://colmap.github.io/format.html). transforms.json holds camera to world in OpenGL's convention (y up,
z backward), so camera_to_world = matrix * diag(1, -1, -1, 1).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.geometry.camera.projection import resized
from lift3d.io.camera import colmap
from lift3d.io.files.atomic import write_bytes, writing_together
from lift3d.io.image.photos import read_bytes
from lift3d.types import F64, Camera, Photos, Points, Views

_JSON_LIMIT = 1 << 28
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True, eq=False)
class KnownCameras:
    """cameras by file name; points and observations (M, 2) int32 rows of (camera index, point index); unit: "m" where
    the file says so, else None."""

    cameras: dict[str, Camera]
    points: Points
    observations: NDArray[np.int32]
    unit: str | None = None


def _find(path: Path) -> tuple[str, Path]:
    """("json", file) or ("bin" | "txt", folder of a COLMAP model), also below sparse/ and sparse/0."""
    if path.is_file() and path.suffix.lower() == ".json":
        return "json", path
    if path.is_file() and path.stem in ("cameras", "images", "points3D"):
        path = path.parent
    for folder in (path, path / "sparse", path / "sparse" / "0", path / "0"):
        for kind in ("bin", "txt"):
            if (folder / f"cameras.{kind}").is_file() and (folder / f"images.{kind}").is_file():
                return kind, folder
    if (path / "transforms.json").is_file():
        return "json", path / "transforms.json"
    raise InputError(
        f"there are no cameras at {path}",
        "name a COLMAP model folder (cameras and images, .bin or .txt) or a transforms.json",
    )


def read_known_cameras(path: str | os.PathLike[str]) -> KnownCameras:
    """Cameras and, from a COLMAP model, its sparse points.

    A COLMAP model knows no unit; of a folder that holds one beside a transforms.json with the same cameras, as
    `capture_set` writes it, the unit is that of the latter."""
    kind, place = _find(Path(path))
    if kind == "json":
        given, unit = _read_transforms(place)
        return KnownCameras(given, Points(np.zeros((0, 3)), unit=unit), np.zeros((0, 2), np.int32), unit)
    model = colmap.read(place, kind)
    if not model.images:
        raise InputError(f"the COLMAP model in {place} holds no images", "use the model with the most images")
    cameras: dict[str, Camera] = {}
    row: dict[int, int] = {}
    for number, image in model.images.items():
        where = f"the image {image.name} in {place}"
        if image.camera not in model.cameras:
            raise InputError(
                f"{where} names camera {image.camera}, which is not there", "export the model again"
            )
        row[number] = len(cameras)
        cameras[_clean(image.name)] = _camera(model.cameras[image.camera], image, where)
    numbers = {point: i for i, point in enumerate(model.point_numbers)}
    seen = [(row[i], numbers[p]) for i, p in model.observations if i in row and p in numbers]
    observations = np.array(sorted(set(seen)), np.int32).reshape(-1, 2)
    unit = _unit_beside(Path(path) / "transforms.json", cameras)
    return KnownCameras(cameras, Points(model.xyz, colours=model.colours, unit=unit), observations, unit)


def _unit_beside(path: Path, cameras: Mapping[str, Camera]) -> str | None:
    """The unit that a transforms.json says, if its cameras stand where these do."""
    try:
        others, unit = _read_transforms(path) if path.is_file() else ({}, None)
    except InputError:
        return None
    poses = {_keys(name)[1]: c.world_to_camera for name, c in others.items()}
    pairs = [(poses.get(_keys(name)[1], np.inf), c.world_to_camera) for name, c in cameras.items()]
    return unit if all(np.allclose(theirs, ours, atol=1e-6) for theirs, ours in pairs) else None


def read_cameras(path: str | os.PathLike[str]) -> dict[str, Camera]:
    """File name of each photo to its camera, from a COLMAP model folder or a transforms.json."""
    return read_known_cameras(path).cameras


def _camera(intrinsics: colmap.Intrinsics, image: colmap.ImagePose, where: str) -> Camera:
    matrix = np.eye(4)
    length = float(np.linalg.norm(image.quaternion))
    if not math.isfinite(length) or length < 1e-6 or not np.isfinite(image.translation).all():
        raise InputError(f"{where} has a pose that is not finite", "export the model again")
    matrix[:3, :3] = colmap.rotation_from_quaternion(image.quaternion / length)
    matrix[:3, 3] = image.translation
    i = intrinsics
    return _checked(i.width, i.height, (i.fx, i.fy, i.cx, i.cy), matrix, i.distortion, where)


def _checked(
    width: int,
    height: int,
    k: tuple[float, float, float, float],
    matrix: F64,
    distortion: tuple[float, ...],
    where: str,
) -> Camera:
    """A camera whose numbers make sense; InputError otherwise."""
    if not np.isfinite([*k, *distortion]).all() or not np.isfinite(matrix).all():
        raise InputError(f"{where} has numbers that are not finite", "export the cameras again")
    if not (0 < width < 1 << 17 and 0 < height < 1 << 17 and k[0] > 0 and k[1] > 0):
        raise InputError(f"{where} has an impossible size or focal length", "export the cameras again")
    bent = tuple(distortion) if any(distortion) else ()
    try:
        return Camera(int(width), int(height), *k, matrix, bent)
    except ValueError as error:
        raise InputError(f"{where} is no camera ({error})", "export the cameras again") from error


def _clean(name: str) -> str:
    return name.replace("\\", "/").removeprefix("./")


def _read_transforms(path: Path) -> tuple[dict[str, Camera], str | None]:
    """The cameras, and "m" if that is the unit the file states.

    Per-frame intrinsics win over the file's; without a size, that of the photo beside the file is used."""
    try:
        document = json.loads(read_bytes(path, _JSON_LIMIT))
        frames = document["frames"]
        if not isinstance(frames, list) or not frames:
            raise InputError(f"{path} lists no frames", "export the cameras again")
        cameras: dict[str, Camera] = {}
        for frame in frames:
            name = _clean(str(frame["file_path"]))
            cameras[name] = _frame_camera({**document, **frame}, name, path)
        return cameras, "m" if document.get("unit") == "m" else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"[:100]
        raise InputError(f"{path} is not a transforms.json ({reason})", "export the cameras again") from error


def _frame_camera(values: Mapping[str, Any], name: str, path: Path) -> Camera:
    where = f"the frame {name} of {path.name}"
    if "fish" in str(values.get("camera_model", "")).lower() or values.get("is_fisheye"):
        raise InputError(
            f"{where} has a fisheye lens, which lift3d does not read", "undistort the photos first"
        )
    if any(float(values.get(k, 0.0)) != 0 for k in ("k3", "k4")):
        raise InputError(f"{where} has distortion of higher order (k3, k4)", "undistort the photos first")
    matrix = np.array(values["transform_matrix"], np.float64)
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0, 0, 0, 1.0]])
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
        raise InputError(
            f"{where} has a transform_matrix that is not 4x4 finite numbers", "export the cameras again"
        )
    scale = abs(np.linalg.det(matrix[:3, :3])) ** (1 / 3)
    if scale < 1e-9:
        raise InputError(f"{where} has a transform_matrix without rotation", "export the cameras again")
    matrix[:3, :3] /= scale
    width, height = values.get("w"), values.get("h")
    if width is None or height is None:
        width, height = _size_of(path.parent / name, where)
    width, height = int(width), int(height)
    fx = values.get("fl_x")
    if fx is None:
        fx = 0.5 * width / math.tan(0.5 * float(values["camera_angle_x"]))
    fy = values.get("fl_y")
    if fy is None:
        angle = values.get("camera_angle_y")
        fy = 0.5 * height / math.tan(0.5 * float(angle)) if angle is not None and "fl_x" not in values else fx
    k = (float(fx), float(fy), float(values.get("cx", width / 2)), float(values.get("cy", height / 2)))
    bent = tuple(float(values.get(d, 0.0)) for d in ("k1", "k2", "p1", "p2"))
    to_world = matrix @ _FLIP
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = to_world[:3, :3].T
    world_to_camera[:3, 3] = -to_world[:3, :3].T @ to_world[:3, 3]
    return _checked(width, height, k, world_to_camera, bent, where)


def _size_of(path: Path, where: str) -> tuple[int, int]:
    for candidate in (
        path,
        *(path.with_name(path.name + e) for e in (".png", ".jpg", ".jpeg", ".PNG", ".JPG")),
    ):
        if candidate.is_file():
            try:
                with Pil.open(candidate, formats=["PNG", "JPEG", "WEBP", "TIFF"]) as picture:
                    return picture.size
            except (OSError, ValueError, SyntaxError, Pil.DecompressionBombError):
                break
    raise InputError(f"{where} gives no image size (w, h)", "add w and h, or put the photos beside the file")


def match_cameras(photos: Photos, cameras: Mapping[str, Camera]) -> tuple[Photos, tuple[Camera, ...]]:
    """The photos that have a camera, and their cameras at the photos' sizes.

    Names match whole, then by file name, then by file name without ending; a camera of another size is
    scaled when the aspect ratio agrees within 1 %.
    """
    tables: list[dict[str, list[Camera]]] = [{}, {}, {}]
    for name, camera in cameras.items():
        for table, key in zip(tables, _keys(name)):
            table.setdefault(key, []).append(camera)
    images, matched = [], []
    for image in photos.images:
        for table, key in zip(tables, _keys(image.name)):
            if len(table.get(key, ())) == 1:
                images.append(image)
                matched.append(_at_size(table[key][0], image.width, image.height, image.name))
                break
    if len(images) < 2:
        example = next(iter(cameras), "none")
        first = photos.images[0].name if photos.images else "none"
        raise InputError(
            f"the cameras belong to other photos: {len(images)} of {len(photos)} photos have one "
            f"(a camera is named {example!r}, a photo {first!r})",
            "give the camera file made from these photos",
        )
    return replace(photos, images=tuple(images)), tuple(matched)


def _keys(name: str) -> tuple[str, str, str]:
    clean = _clean(name)
    last = clean.rsplit("/", 1)[-1].casefold()
    stem, dot, ending = last.rpartition(".")
    return clean, last, stem if dot and len(ending) <= 5 else last


def _at_size(camera: Camera, width: int, height: int, name: str) -> Camera:
    if (camera.width, camera.height) == (width, height):
        return camera
    slack = max(0.01, 1.5 / min(width, height, camera.width, camera.height))
    if abs(camera.width * height / (camera.height * width) - 1) > slack:
        raise InputError(
            f"the camera of {name} is for {camera.width}x{camera.height} pixels, but it has {width}x{height}",
            "give the photos the cameras were computed from, neither cropped nor turned",
        )
    return resized(camera, width, height)


def write_colmap(views: Views, folder: str | os.PathLike[str], binary: bool = True) -> tuple[Path, ...]:
    """cameras, images and points3D into `folder`; all three appear or none. Returns their paths."""
    encoded = colmap.encode(views, binary)
    kind = "bin" if binary else "txt"
    targets = tuple(Path(folder) / f"{name}.{kind}" for name in ("images", "cameras", "points3D"))
    with writing_together(*targets) as parts:
        for part, target in zip(parts, targets):
            part.write_bytes(encoded[target.stem])
    return targets


def write_transforms(views: Views, path: str | os.PathLike[str]) -> None:
    """transforms.json with the intrinsics of each frame; "unit" says "m" or null."""
    frames = []
    for image, camera in zip(views.images, views.cameras):
        to_world = np.linalg.inv(camera.world_to_camera)
        to_world[:3, :3] = camera.R.T
        frames.append(
            {
                "file_path": image.name,
                "w": camera.width, "h": camera.height,
                "fl_x": camera.fx, "fl_y": camera.fy, "cx": camera.cx, "cy": camera.cy,
                "transform_matrix": (to_world @ _FLIP + 0.0).tolist(),
            }
        )  # fmt: skip
    document = {"camera_model": "PINHOLE", "unit": views.unit, "frames": frames}
    write_bytes(path, (json.dumps(document, indent=1) + "\n").encode())
