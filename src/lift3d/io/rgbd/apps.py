"""Layouts of apps: Record3D, Polycam's raw data, and transforms.json with depth images (nerfstudio, NeRFCapture)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lift3d.errors import InputError
from lift3d.io.camera import polycam
from lift3d.io.camera.quaternion import rotation_from_quaternion
from lift3d.io.camera.transforms import read_transforms
from lift3d.io.files.read import read_bytes
from lift3d.io.rgbd.datasets import MILLIMETRES
from lift3d.io.rgbd.layout import (
    DEPTH_SUFFIXES,
    FrameFiles,
    Intrinsics,
    ScanFiles,
    motion,
    paired,
    pictures,
    sub_folder,
)
from lift3d.types import F64, Camera

MAX_JSON = 1 << 27
DAMAGED = (ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, AttributeError)


def record3d(folder: Path) -> ScanFiles | None:
    """metadata.json (K by columns, w, h, poses of ARKit as qx qy qz qw x y z), rgb/ and depth/ (EXR in metres, or PNG in
    millimetres) of Record3D's export; also in a folder EXR_RGBD."""
    for place in (folder, folder / "EXR_RGBD"):
        if (place / "metadata.json").is_file() and (place / "rgb").is_dir() and (place / "depth").is_dir():
            break
    else:
        return None
    path = place / "metadata.json"
    try:
        document = json.loads(read_bytes(path, MAX_JSON))
        k = np.array(document["K"], np.float64).reshape(3, 3).T
        width, height = int(document["w"]), int(document["h"])
        stated = [_arkit_pose(row) for row in document.get("poses") or []]
        each = document.get("perFrameIntrinsicCoeffs") or []
        own = [_intrinsics(row, width, height) for row in each]
    except DAMAGED as error:
        raise InputError(
            f"{path} is not the description of a Record3D export ({type(error).__name__}: {error})"[:160],
            "export it again",
        ) from error
    colour, depth = pictures(place / "rgb"), pictures(place / "depth", DEPTH_SUFFIXES)
    pairs, left = paired(colour, depth, place)
    if stated and len(stated) < len(pairs):
        left = [*left]
        stated += [None] * (len(pairs) - len(stated))
    camera = Intrinsics(k[0, 0], k[1, 1], k[0, 2], k[1, 2], width, height)
    frames = tuple(
        FrameFiles(c.name, c, d, stated[n] if stated else None, own[n] if len(own) == len(pairs) else None)
        for n, (c, d) in enumerate(pairs)
    )
    return ScanFiles("Record3D", frames, MILLIMETRES, camera, None, None, bool(stated), tuple(left))


def _intrinsics(row: Any, width: int, height: int) -> Intrinsics:
    """The intrinsics of a row fx fy cx cy."""
    fx, fy, cx, cy = (float(x) for x in row[:4])
    return Intrinsics(fx, fy, cx, cy, width, height)


def _arkit_pose(row: Any) -> F64 | None:
    """A pose of ARKit (camera x right, y up, z backward, world y up) in OpenCV's axes, world z up."""
    q = np.array([row[3], row[0], row[1], row[2]], np.float64)
    length = float(np.linalg.norm(q))
    if not np.isfinite(length) or not 0.9 < length < 1.1:
        return None
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_quaternion(q / length)
    matrix[:3, 3] = [float(x) for x in row[4:7]]
    return motion(polycam.Z_UP @ matrix @ polycam.OPENCV)


def polycam_raw(folder: Path) -> ScanFiles | None:
    """keyframes/ with images/, depth/ (millimetres), confidence/ and cameras/, each corrected_... if it exists."""
    place = folder / "keyframes" if (folder / "keyframes").is_dir() else folder
    cameras = polycam.find_folder(place)
    depth = place / "depth"
    if cameras is None or not depth.is_dir():
        return None
    corrected = cameras.name == "corrected_cameras"
    images = sub_folder(place, ("corrected_images", "images") if corrected else ("images",))
    if images is None:
        return None
    known = polycam.read(cameras)
    pairs, left = paired(pictures(images), pictures(depth, DEPTH_SUFFIXES), place)
    frames = []
    for c, d in pairs:
        camera = known.get(c.stem)
        if camera is None:
            left.append((c.name, f"there is no camera of its name in {cameras.name}"))
            continue
        trust = place / "confidence" / f"{d.stem}.png"
        own = Intrinsics(camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height)
        frames.append(FrameFiles(c.name, c, d, _pose(camera), own, None, trust if trust.is_file() else None))
    return ScanFiles("Polycam", tuple(frames), MILLIMETRES, posed=True, left_out=tuple(left))


def transforms(folder: Path) -> ScanFiles | None:
    """transforms.json with depth_file_path (or depth_path) for its frames; millimetres unless it states another scale."""
    path = folder / "transforms.json"
    if not path.is_file():
        return None
    try:
        document = json.loads(read_bytes(path, MAX_JSON))
        listed = document["frames"] if isinstance(document, dict) else []
        keys = [next((k for k in ("depth_file_path", "depth_path") if k in f), None) for f in listed]
        if not any(keys):
            return None
        scale = float(document.get("depth_unit_scale_factor", document.get("integer_depth_scale", 1e-3)))
        names = [(str(f["file_path"]), str(f[k])) for f, k in zip(listed, keys) if k is not None]
    except DAMAGED as error:
        raise InputError(
            f"{path} is not a transforms.json ({type(error).__name__}: {error})"[:160], "export it again"
        ) from error
    if not 1e-6 < scale < 10:
        raise InputError(f"{path} states a depth scale of {scale:g}", "give the unit with --depth-unit")
    cameras, _ = read_transforms(path)
    frames, left = (
        [],
        [(str(f.get("file_path")), "it has no depth image") for f, k in zip(listed, keys) if k is None],
    )
    for colour_name, depth_name in names:
        colour, depth = (_in_folder(folder, n, path) for n in (colour_name, depth_name))
        camera = cameras[colour_name.replace("\\", "/").removeprefix("./")]
        own = Intrinsics(
            camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height, camera.distortion
        )
        frames.append(FrameFiles(colour.name, colour, depth, _pose(camera), own))
    return ScanFiles("transforms.json", tuple(frames), 1 / scale, posed=True, left_out=tuple(left))


def _in_folder(folder: Path, name: str, path: Path) -> Path:
    """A file named by another, which must lie in the folder; without suffix it is a PNG."""
    found = folder / name.replace("\\", "/")
    if not found.resolve().is_relative_to(folder.resolve()):
        raise InputError(
            f"{path} names {name[:60]}, which lies outside the folder", "keep all frames in one folder"
        )
    return found if found.suffix else found.with_suffix(".png")


def _pose(camera: Camera) -> F64:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = camera.R.T, camera.centre
    return out
