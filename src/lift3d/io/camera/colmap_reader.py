"""COLMAP model files in, text and binary (https://colmap.github.io/format.html), parsed within bounds."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError
from lift3d.io.files.read import read_bytes
from lift3d.types import F64

_LIMIT = 1 << 31
_MODELS = {"SIMPLE_PINHOLE": 3, "PINHOLE": 4, "SIMPLE_RADIAL": 4, "RADIAL": 5, "OPENCV": 8, "FULL_OPENCV": 12}
"""Number of parameters of the models that are read; FULL_OPENCV without its higher-order distortion k3 to k6."""
_MODEL_IDS = (
    "SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "FOV",
    "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "THIN_PRISM_FISHEYE", "RAD_TAN_THIN_PRISM_FISHEYE", "SIMPLE_DIVISION",
    "DIVISION", "SIMPLE_FISHEYE", "FISHEYE",
)  # fmt: skip


@dataclass(frozen=True)
class Intrinsics:
    """One camera of a model, lengths in pixels; distortion as in OpenCV: (k1, k2, p1, p2)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class ImagePose:
    """One image: its camera's id, and the world-to-camera quaternion (w, x, y, z) and translation (3,)."""

    name: str
    camera_id: int
    quaternion: F64
    translation: F64


@dataclass(eq=False)
class ColmapModel:
    """The tables of a model. point_ids name the rows of xyz (N, 3) and colours (N, 3); observations are pairs of image id
    and point id."""

    cameras: dict[int, Intrinsics] = field(default_factory=dict)
    images: dict[int, ImagePose] = field(default_factory=dict)
    point_ids: list[int] = field(default_factory=list)
    xyz: F64 = field(default_factory=lambda: np.zeros((0, 3)))
    colours: NDArray[np.uint8] | None = None
    observations: list[tuple[int, int]] = field(default_factory=list)


def _intrinsics(model: str, width: int, height: int, p: tuple[float, ...], where: str) -> Intrinsics:
    if model not in _MODELS:
        raise InputError(
            f"{where} uses the camera model {model[:40]}, but lift3d reads {', '.join(_MODELS)}",
            "undistort the model with COLMAP's image_undistorter first",
        )
    if len(p) != _MODELS[model]:
        raise InputError(
            f"{where} has a {model} camera with {len(p)} parameters instead of {_MODELS[model]}",
            "export the model again",
        )
    if model == "FULL_OPENCV":
        if any(p[8:]):
            raise InputError(
                f"{where} has a FULL_OPENCV camera with higher-order distortion (k3 to k6), which lift3d does not support",
                "undistort the model with COLMAP's image_undistorter first",
            )
        p = p[:8]
    if model in ("PINHOLE", "OPENCV", "FULL_OPENCV"):
        fx, fy, cx, cy = p[:4]
        rest = p[4:]
    else:
        fx, cx, cy = p[:3]
        fy, rest = fx, p[3:]
    k = (*rest, 0.0, 0.0, 0.0, 0.0)
    return Intrinsics(width, height, fx, fy, cx, cy, (k[0], k[1], k[2], k[3]))


def read(folder: Path, encoding: str) -> ColmapModel:
    """The model in a folder, encoding "bin" or "txt"; points3D may be missing. Raises InputError for damaged files."""
    model = ColmapModel()
    steps = {
        "bin": (_cameras_bin, _images_bin, _points_bin),
        "txt": (_cameras_txt, _images_txt, _points_txt),
    }[encoding]
    for name, parse in zip(("cameras", "images", "points3D"), steps):
        path = folder / f"{name}.{encoding}"
        if name == "points3D" and not path.is_file():
            continue
        try:
            parse(read_bytes(path, _LIMIT), model, str(path))
        except (ValueError, IndexError, OverflowError, struct.error, MemoryError) as error:
            raise InputError(f"{path} is damaged or cut short", "export the model again") from error
    return model


def _rows(data: bytes) -> list[list[str]]:
    """The words of each line that is not a comment."""
    lines = data.decode("utf-8").splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


def _cameras_txt(data: bytes, model: ColmapModel, where: str) -> None:
    for words in _rows(data):
        if words:
            numbers = tuple(float(w) for w in words[4:])
            model.cameras[int(words[0])] = _intrinsics(words[1], int(words[2]), int(words[3]), numbers, where)


def _images_txt(data: bytes, model: ColmapModel, where: str) -> None:
    """Two lines per image; the second, its points, may be empty."""
    lines = [line for line in data.decode("utf-8").splitlines() if not line.startswith("#")]
    for line in lines[::2]:
        words = line.split(maxsplit=9)
        if not words:
            continue
        pose = np.array([float(w) for w in words[1:8]])
        model.images[int(words[0])] = ImagePose(words[9].strip(), int(words[8]), pose[:4], pose[4:])


def _points_txt(data: bytes, model: ColmapModel, where: str) -> None:
    xyz, colours = [], []
    for words in _rows(data):
        if not words:
            continue
        if len(words) < 8:
            raise ValueError("cut short")
        number = int(words[0])
        model.point_ids.append(number)
        xyz.append([float(w) for w in words[1:4]])
        colours.append([int(w) for w in words[4:7]])
        model.observations += [(int(image), number) for image in words[8::2]]
    _set_points(
        model, np.array(xyz, np.float64).reshape(-1, 3), np.array(colours, np.int64).reshape(-1, 3), where
    )


def _set_points(model: ColmapModel, xyz: F64, colours: NDArray[np.int64], where: str) -> None:
    if not np.isfinite(xyz).all():
        raise InputError(
            f"{where} holds points with coordinates that are not finite", "export the model again"
        )
    model.xyz, model.colours = xyz, np.clip(colours, 0, 255).astype(np.uint8)


class _Cursor:
    """Reads little-endian values one after the other; raises struct.error at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, pattern: str) -> tuple[float, ...]:
        """The next values by a struct pattern."""
        values = struct.unpack_from("<" + pattern, self.data, self.at)
        self.at += struct.calcsize("<" + pattern)
        return values

    def count(self, each: int) -> int:
        """A count of entries of at least `each` bytes; ValueError when they do not fit into the rest of the data."""
        (number,) = self.take("Q")
        if number * each > len(self.data) - self.at:
            raise ValueError("cut short")
        return int(number)

    def text(self) -> str:
        """The next zero-terminated string of at most 4096 bytes."""
        end = self.data.index(b"\0", self.at, self.at + 4096)
        value = self.data[self.at : end].decode("utf-8")
        self.at = end + 1
        return value


def _cameras_bin(data: bytes, model: ColmapModel, where: str) -> None:
    cursor = _Cursor(data)
    for _ in range(cursor.count(24)):
        number, model_id, width, height = (int(n) for n in cursor.take("iiQQ"))
        name = _MODEL_IDS[model_id] if 0 <= model_id < len(_MODEL_IDS) else f"number {model_id}"
        numbers = cursor.take(f"{_MODELS[name]}d") if name in _MODELS else ()
        model.cameras[number] = _intrinsics(name, width, height, numbers, where)


def _images_bin(data: bytes, model: ColmapModel, where: str) -> None:
    cursor = _Cursor(data)
    for _ in range(cursor.count(72)):
        number, *pose, camera = cursor.take("i7di")
        name = cursor.text()
        seen = cursor.count(24)
        cursor.at += 24 * seen
        model.images[int(number)] = ImagePose(name, int(camera), np.array(pose[:4]), np.array(pose[4:]))


def _points_bin(data: bytes, model: ColmapModel, where: str) -> None:
    cursor = _Cursor(data)
    count = cursor.count(51)
    xyz, colours = np.zeros((count, 3)), np.zeros((count, 3), np.int64)
    for row in range(count):
        number, x, y, z, r, g, b, _ = cursor.take("Q3d3Bd")
        xyz[row], colours[row] = (x, y, z), (r, g, b)
        length = cursor.count(8)
        track = np.frombuffer(data, "<i4", 2 * length, cursor.at)[::2]
        cursor.at += 8 * length
        model.point_ids.append(int(number))
        model.observations += [(int(image), int(number)) for image in track]
    _set_points(model, xyz, colours, where)
