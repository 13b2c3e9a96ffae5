"""Cameras of Polycam's raw data: keyframes/cameras/NAME.json for each keyframes/images/NAME.jpg, or keyframes/corrected_cameras
after its optimisation.

Each file holds fx, fy, cx, cy, width, height of the stored picture and t_00 ... t_23, the camera-to-world matrix of ARKit:
camera x right, y up, z backward, world Y up. The world is rotated to Z up.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lift3d.errors import InputError
from lift3d.io.camera.validate import validated_camera
from lift3d.io.files.read import read_bytes
from lift3d.types import Camera

FOLDERS = ("corrected_cameras", "cameras")
"""Names of the folder, the better cameras first."""
MAX_FILE, MAX_FILES = 1 << 20, 100_000
Z_UP = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""Cyclic permutation of the world's axes that takes Y to Z."""
OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])


def find_folder(path: Path) -> Path | None:
    """The folder of camera files at or below `path`, None where there is none."""
    for folder in (
        path,
        *(path / name for name in FOLDERS),
        *(path / "keyframes" / name for name in FOLDERS),
    ):
        if folder.name in FOLDERS and folder.is_dir() and any(folder.glob("*.json")):
            return folder
    return None


def read(folder: Path) -> dict[str, Camera]:
    """The cameras by the name of their photos without suffix. Raises InputError for a damaged file."""
    files = sorted(folder.glob("*.json"))
    if len(files) > MAX_FILES:
        raise InputError(f"{folder} holds more than {MAX_FILES} cameras", "give fewer")
    return {file.stem: _camera(file) for file in files}


def _camera(file: Path) -> Camera:
    try:
        values = json.loads(read_bytes(file, MAX_FILE))
        matrix = np.eye(4)
        matrix[:3] = [[float(values[f"t_{row}{column}"]) for column in range(4)] for row in range(3)]
        k = (float(values["fx"]), float(values["fy"]), float(values["cx"]), float(values["cy"]))
        width, height = int(values["width"]), int(values["height"])
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"[:100]
        raise InputError(
            f"{file} is not a camera of Polycam ({reason})", "export the raw data again"
        ) from error
    if not np.isfinite(matrix).all():
        raise InputError(f"{file} has a pose that is not finite", "export the raw data again")
    to_world = Z_UP @ matrix @ OPENCV
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = to_world[:3, :3].T
    world_to_camera[:3, 3] = -to_world[:3, :3].T @ to_world[:3, 3]
    return validated_camera(width, height, k, world_to_camera, (), str(file))
