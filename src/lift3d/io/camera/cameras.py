"""Known cameras of photos, read from a COLMAP model (text or binary), a transforms.json or the raw data of Polycam.

The camera frame and pixel convention are COLMAP's: world to camera, x right, y down, pixel centres at integers + 0.5
(https://colmap.github.io/format.html).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.io.camera import colmap_reader, polycam
from lift3d.io.camera.matching import name_keys, normalise_name
from lift3d.io.camera.quaternion import rotation_from_quaternion
from lift3d.io.camera.transforms import read_transforms
from lift3d.io.camera.validate import validated_camera
from lift3d.types import Camera, Points


@dataclass(frozen=True, eq=False)
class KnownCameras:
    """Cameras by photo name, with the sparse points of a COLMAP model.

    observations: (M, 2) int32 rows of (camera index, point index), cameras in the order of the dict. unit: "m" where the
    file states it, else None. warnings: sentences on what the file holds and is not used.
    """

    cameras: dict[str, Camera]
    points: Points
    observations: NDArray[np.int32]
    unit: str | None = None
    warnings: tuple[str, ...] = ()


_PROGRAMS = {
    ".out": ", but of Bundler", ".nvm": ", but of VisualSFM", ".sfm": ", but of Meshroom", ".xml": ", but perhaps of Metashape",
    ".csv": ", but perhaps of RealityCapture", ".npy": ", but perhaps of LLFF", ".npz": ", but arrays of NumPy",
    ".db": ", but COLMAP's database of features",
}  # fmt: skip
"""Which program writes cameras with a suffix, for messages."""


def _find(path: Path) -> tuple[str, Path]:
    """("json", file), ("polycam", folder of camera files) or ("bin" | "txt", folder of a COLMAP model, also below sparse/ and
    sparse/0)."""
    if path.is_file() and path.suffix.lower() == ".json":
        if path.parent.name in polycam.FOLDERS and not path.stem.startswith("transforms"):
            return "polycam", path.parent
        return "json", path
    given = path
    if path.is_file() and path.stem in ("cameras", "images", "points3D") and path.suffix in (".bin", ".txt"):
        path = path.parent
    for folder in (path, path / "sparse", path / "sparse" / "0", path / "0"):
        for encoding in ("bin", "txt"):
            if (folder / f"cameras.{encoding}").is_file() and (folder / f"images.{encoding}").is_file():
                return encoding, folder
    for name in ("transforms.json", "transforms_train.json"):
        if (path / name).is_file():
            return "json", path / name
    polycam_folder = polycam.find_folder(path)
    if polycam_folder is not None:
        return "polycam", polycam_folder
    what = _PROGRAMS.get(given.suffix.lower(), "") if given.is_file() else ""
    raise InputError(
        f"{given} is not a file of cameras that lift3d reads{what}"
        if given.is_file()
        else f"there are no cameras at {given}",
        "give a COLMAP model folder (cameras and images, .bin or .txt), a transforms.json or the raw data of Polycam",
    )


def read_known_cameras(path: str | os.PathLike[str]) -> KnownCameras:
    """Cameras from a COLMAP model, a transforms.json or Polycam's raw data and, from a COLMAP model, its sparse points.

    COLMAP models state no unit. Where a transforms.json with the same cameras lies beside one, as `capture_set` writes it,
    its unit applies. Raises InputError when there are no cameras or a file is damaged.
    """
    encoding, source = _find(Path(path))
    if encoding == "json":
        from_json, unit = read_transforms(source)
        return KnownCameras(from_json, Points(np.zeros((0, 3)), unit=unit), np.zeros((0, 2), np.int32), unit)
    if encoding == "polycam":
        return KnownCameras(polycam.read(source), Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32))
    model = colmap_reader.read(source, encoding)
    if not model.images:
        raise InputError(
            f"the COLMAP model in {source} holds no images", "give the model with the most images"
        )
    cameras: dict[str, Camera] = {}
    row: dict[int, int] = {}
    for number, image in model.images.items():
        where = f"the image {image.name[:100]} in {source}"
        if image.camera_id not in model.cameras:
            raise InputError(
                f"{where} refers to camera {image.camera_id}, which the model does not hold",
                "export the model again",
            )
        row[number] = len(cameras)
        cameras[normalise_name(image.name)] = _camera(model.cameras[image.camera_id], image, where)
    point_row = {point: i for i, point in enumerate(model.point_ids)}
    pairs = [(row[i], point_row[p]) for i, p in model.observations if i in row and p in point_row]
    observations = np.array(sorted(set(pairs)), np.int32).reshape(-1, 2)
    unit = _unit_beside(Path(path) / "transforms.json", cameras)
    return KnownCameras(cameras, Points(model.xyz, colours=model.colours, unit=unit), observations, unit)


def _unit_beside(path: Path, cameras: Mapping[str, Camera]) -> str | None:
    """The unit that a transforms.json states, if its cameras have the same poses as these."""
    try:
        others, unit = read_transforms(path) if path.is_file() else ({}, None)
    except InputError:
        return None
    poses = {name_keys(name)[1]: c.world_to_camera for name, c in others.items()}
    pairs = [(poses.get(name_keys(name)[1], np.inf), c.world_to_camera) for name, c in cameras.items()]
    return unit if all(np.allclose(theirs, ours, atol=1e-6) for theirs, ours in pairs) else None


def read_cameras(path: str | os.PathLike[str]) -> dict[str, Camera]:
    """Camera of each photo by file name, from a COLMAP model folder or a transforms.json; see `read_known_cameras`."""
    return read_known_cameras(path).cameras


def _camera(intrinsics: colmap_reader.Intrinsics, image: colmap_reader.ImagePose, where: str) -> Camera:
    """The camera of one image; InputError when its pose is not finite."""
    matrix = np.eye(4)
    length = float(np.linalg.norm(image.quaternion))
    if not math.isfinite(length) or length < 1e-6 or not np.isfinite(image.translation).all():
        raise InputError(f"{where} has a pose that is not finite", "export the model again")
    matrix[:3, :3] = rotation_from_quaternion(image.quaternion / length)
    matrix[:3, 3] = image.translation
    i = intrinsics
    return validated_camera(i.width, i.height, (i.fx, i.fy, i.cx, i.cy), matrix, i.distortion, where)
