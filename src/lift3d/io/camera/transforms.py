"""NeRF-style transforms.json, in and out.

The file holds camera-to-world matrices in OpenGL's convention (y up, z backward), so that the OpenCV matrix is
camera_to_world = transform_matrix * diag(1, -1, -1, 1).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError
from lift3d.io.camera.matching import normalise_name
from lift3d.io.camera.validate import validated_camera
from lift3d.io.files.atomic import write_bytes
from lift3d.io.files.read import read_bytes
from lift3d.types import Camera, Views

_JSON_LIMIT = 1 << 28


MODELS = ("PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")
"""Values of `camera_model` that are read: pinhole cameras with the distortion k1, k2, p1, p2."""
OTHER_PROJECTIONS = ("equirectangular", "latlong", "orthographic", "spherical", "panorama")
HIGHER_DISTORTION = ("k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4", "b1", "b2")
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def read_transforms(path: Path) -> tuple[dict[str, Camera], str | None]:
    """The cameras by file path, and "m" if that is the unit the file states, else None.

    Intrinsics of a frame override those of the file. Where no image size is given, that of the photo beside the file is
    used. Raises InputError for a damaged file and for lenses that `Camera` cannot represent.
    """
    try:
        document = json.loads(read_bytes(path, _JSON_LIMIT))
        other = _other_format(document)
        if other:
            raise InputError(
                f"{path} is {other}, which lift3d does not read", "export the cameras as a COLMAP model"
            )
        frames = document["frames"]
        if not isinstance(frames, list) or not frames:
            raise InputError(f"{path} lists no frames", "export the cameras again")
        cameras: dict[str, Camera] = {}
        for frame in frames:
            name = normalise_name(str(frame["file_path"]))
            cameras[name] = _frame_camera({**document, **frame}, name, path)
        return cameras, "m" if document.get("unit") == "m" else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        reason = f"{type(error).__name__}: {error}"[:100]
        raise InputError(f"{path} is not a transforms.json ({reason})", "export the cameras again") from error


def _other_format(document: Any) -> str:
    """The program whose camera file this is, if it is not a transforms.json; "" if unknown."""
    if isinstance(document, list) and document and isinstance(document[0], dict):
        if "shots" in document[0]:
            return "a reconstruction of OpenSfM"
        return "a list of cameras of Gaussian splatting" if "img_name" in document[0] else ""
    if not isinstance(document, dict) or "frames" in document:
        return ""
    if "K" in document and "poses" in document:
        return "a recording of Record3D"
    if "sfm_data_version" in document:
        return "a scene of OpenMVG"
    if "views" in document and ("poses" in document or "intrinsics" in document):
        return "a scene of Meshroom"
    if "cameras" in document and "shots" in document:
        return "a reconstruction of OpenSfM"
    return ""


def _frame_camera(values: Mapping[str, Any], name: str, path: Path) -> Camera:
    """The camera of one frame, from the values of the file overridden by those of the frame."""
    where = f"the frame {name} of {path.name}"
    values = _with_distortion(values, where)
    _require_pinhole(values, where)
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
    distortion = tuple(float(values.get(d, 0.0)) for d in ("k1", "k2", "p1", "p2"))
    to_world = matrix @ _FLIP
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3] = to_world[:3, :3].T
    world_to_camera[:3, 3] = -to_world[:3, :3].T @ to_world[:3, 3]
    return validated_camera(width, height, k, world_to_camera, distortion, where)


def _with_distortion(values: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The values with the members of nerfstudio's list distortion_params (k1, k2, k3, k4, p1, p2) by name."""
    listed = values.get("distortion_params")
    if listed is None:
        return values
    if not isinstance(listed, list) or len(listed) != 6:
        raise InputError(
            f"{where} has distortion_params that are not six numbers", "export the cameras again"
        )
    return {**values, **dict(zip(("k1", "k2", "k3", "k4", "p1", "p2"), listed))}


def _require_pinhole(values: Mapping[str, Any], where: str) -> None:
    """Raise InputError for a camera that is not a pinhole with radial and tangential distortion.

    `camera_model` is nerfstudio's name, the flags are those of instant-ngp.
    """
    model = str(values.get("camera_model") or "PINHOLE").upper().replace("-", "_")
    if "FISH" in model or values.get("is_fisheye") or values.get("fisheye"):
        raise InputError(
            f"{where} has a fisheye lens, which lift3d does not support", "undistort the photos first"
        )
    flags = [name for name in OTHER_PROJECTIONS if values.get(name)]
    flags += ["ftheta"] if any(name.startswith("ftheta_") for name in values) else []
    if flags or model not in MODELS:
        raise InputError(
            f"{where} has the camera model {flags[0] if flags else model[:40]}, but lift3d reads {', '.join(MODELS)}",
            "render or undistort the photos to pinhole pictures first",
        )
    high = [name for name in HIGHER_DISTORTION if values.get(name) is not None and float(values[name]) != 0]
    if high:
        raise InputError(
            f"{where} has higher-order distortion ({', '.join(high)}), which lift3d does not support",
            "undistort the photos first",
        )


def _size_of(path: Path, where: str) -> tuple[int, int]:
    """(width, height) in the header of a photo; tries the usual suffixes where the path has none."""
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


def write_transforms(views: Views, path: str | os.PathLike[str]) -> None:
    """Write a transforms.json with the intrinsics of each frame; "unit" is "m" or null.

    Raises InputError when the file cannot be written.
    """
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
