"""Finished steps kept in a folder, so that an interrupted run goes on where it stopped.

Each step is one NAME.npz (plain arrays and a JSON header, never a pickle) and one NAME.json with the key of
the step and the checksum of the arrays. The key is a hash of everything that decides the result: the photos,
the options, the versions and the code. The JSON is written last and both are moved into place, so a step is
either there in full or not at all; one that does not match its checksum is computed again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals

import lift3d
from lift3d.errors import InputError
from lift3d.run_report import version_of
from lift3d.types import Camera, Depth, DepthMaps, Image, Mesh, Points, Views

FORMAT = 1
Arrays = dict[str, NDArray[Any]]


class Stages:
    """A folder of finished steps, held by one run at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = open(folder / ".lock", "w")  # noqa: SIM115 (held until close)
        except OSError as error:
            raise InputError(
                f"the work folder {folder} cannot be used ({error.strerror})", "choose another --work"
            ) from error
        if not lock(self._lock.fileno()):
            self._lock.close()
            raise InputError(
                f"another run is using the work folder {folder}", "wait for it, or choose another --work"
            )
        for left_over in folder.glob("*.part"):
            left_over.unlink(missing_ok=True)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *exception: object) -> None:
        """Let other runs use the folder."""
        self._lock.close()

    def save(self, name: str, key: str, value: Any, evidence: dict[str, Any], source: Any = None) -> None:
        """Keep a finished step: arrays first, then the JSON that makes them count."""
        header, arrays = pack(value, source)
        text = json.dumps({"value": header, "evidence": evidence}, allow_nan=True)
        arrays["header"] = np.frombuffer(text.encode(), np.uint8)
        data, part = self.folder / f"{name}.npz", self.folder / f"{name}.npz.part"
        try:
            with open(part, "wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]
            digest = sha256_of(part)
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            os.replace(part, data)
            part = self.folder / f"{name}.json.part"
            part.write_text(
                json.dumps({"format": FORMAT, "step": name, "key": key, "sha256": digest}, indent=2)
            )
            os.replace(part, self.folder / f"{name}.json")
        finally:
            part.unlink(missing_ok=True)

    def load(self, name: str, key: str, source: Any = None) -> tuple[Any, dict[str, Any]] | None:
        """(value, evidence) of a finished step, or None if it is absent, of another key, or damaged."""
        data = self.folder / f"{name}.npz"
        try:
            about = json.loads((self.folder / f"{name}.json").read_text())
            if not isinstance(about, dict) or (about.get("format"), about.get("key")) != (FORMAT, key):
                return None
            if about.get("sha256") != sha256_of(data):
                return None
            with np.load(data, allow_pickle=False) as file:
                arrays = {entry: file[entry] for entry in file.files}
            header = json.loads(arrays.pop("header").tobytes())
            return unpack(header["value"], arrays, source), header["evidence"]
        except (OSError, ValueError, KeyError, TypeError):
            return None


def lock(descriptor: int) -> bool:
    """Take the advisory lock of an open file or folder; False if another process holds it."""
    try:
        import fcntl
    except ImportError:  # Windows: no such lock, and no harm beyond two runs sharing a folder
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sha256_of(path: Path) -> str:
    """Checksum of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: Any) -> str:
    """A hash of JSON-able parts; dictionaries count regardless of their order."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@functools.cache
def code_key() -> str:
    """Hash of lift3d's own source and of the versions of what it computes with, once per process."""
    root = Path(lift3d.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return key_of(
        digest.hexdigest(), {p: version_of(p) for p in ("numpy", "scipy", "numba", "pycolmap", "pillow")}
    )


def pack(value: Any, source: Any = None) -> tuple[dict[str, Any], Arrays]:
    """A Views, DepthMaps or Mesh as a JSON-able header and named arrays. What `source` holds is left out."""
    arrays: Arrays = {}
    if isinstance(value, Views):
        return _pack_views(value, arrays), arrays
    if isinstance(value, DepthMaps):
        same = isinstance(source, Views) and value.views is source
        header: dict[str, Any] = {
            "kind": "DepthMaps",
            "cameras": [_pack_camera(d.camera) for d in value.depths],
        }
        header["views"] = None if same else _pack_views(value.views, arrays)
        for i, depth in enumerate(value.depths):
            arrays[f"z{i}"] = depth.z
            _keep(arrays, f"normals{i}", depth.normals)
            _keep(arrays, f"confidence{i}", depth.confidence)
            _keep(arrays, f"carried{i}", depth.carried)
        return header, arrays
    if isinstance(value, trimesh.Trimesh):
        arrays["vertices"], arrays["faces"] = np.asarray(value.vertices), np.asarray(value.faces)
        if isinstance(value.visual, ColorVisuals) and value.visual.kind == "vertex":
            arrays["colours"] = np.asarray(value.visual.vertex_colors)
        plain: dict[str, Any] = {}
        for name, entry in value.metadata.items():
            if isinstance(entry, np.ndarray):
                arrays[f"metadata.{name}"] = entry
            else:
                plain[name] = entry
        return {"kind": "Mesh", "metadata": plain}, arrays
    raise TypeError(f"no way to keep a {type(value).__name__}")


def unpack(header: dict[str, Any], arrays: Table[str, NDArray[Any]], source: Any = None) -> Any:
    """The inverse of `pack`."""
    kind = header["kind"]
    if kind == "Views":
        return _unpack_views(header, arrays)
    if kind == "DepthMaps":
        views = source if header["views"] is None else _unpack_views(header["views"], arrays)
        depths = tuple(
            Depth(
                arrays[f"z{i}"],
                _unpack_camera(camera),
                arrays.get(f"normals{i}"),
                arrays.get(f"confidence{i}"),
                arrays.get(f"carried{i}"),
            )
            for i, camera in enumerate(header["cameras"])
        )
        return DepthMaps(views, depths)
    if kind == "Mesh":
        mesh = Mesh(arrays["vertices"], arrays["faces"], vertex_colors=arrays.get("colours"), process=False)
        mesh.metadata.update(header["metadata"])
        mesh.metadata.update({k[9:]: v for k, v in arrays.items() if k.startswith("metadata.")})
        return mesh
    raise ValueError(f"unknown kind {kind}")


def _keep(arrays: Arrays, name: str, value: NDArray[Any] | None) -> None:
    if value is not None:
        arrays[name] = value


def _pack_camera(camera: Camera) -> dict[str, Any]:
    names = ("width", "height", "fx", "fy", "cx", "cy", "distortion")
    return {n: getattr(camera, n) for n in names} | {"world_to_camera": camera.world_to_camera.tolist()}


def _unpack_camera(header: dict[str, Any]) -> Camera:
    pose, distortion = np.array(header["world_to_camera"], np.float64), tuple(header["distortion"])
    return Camera(**{**header, "world_to_camera": pose, "distortion": distortion})


def _pack_views(views: Views, arrays: Arrays) -> dict[str, Any]:
    arrays["points"], arrays["observations"] = views.points.xyz, views.observations
    _keep(arrays, "point_normals", views.points.normals)
    _keep(arrays, "point_colours", views.points.colours)
    images = []
    for i, image in enumerate(views.images):
        arrays[f"pixels{i}"] = image.pixels
        _keep(arrays, f"mask{i}", image.mask)
        images.append({"name": image.name, "focal": image.focal, "sha256": image.sha256})
    cameras = [_pack_camera(camera) for camera in views.cameras]
    return {
        "kind": "Views",
        "images": images,
        "cameras": cameras,
        "unit": views.unit,
        "points": views.points.unit,
    }


def _unpack_views(header: dict[str, Any], arrays: Table[str, NDArray[Any]]) -> Views:
    points = Points(
        arrays["points"], arrays.get("point_normals"), arrays.get("point_colours"), header["points"]
    )
    images = tuple(
        Image(arrays[f"pixels{i}"], mask=arrays.get(f"mask{i}"), **about)
        for i, about in enumerate(header["images"])
    )
    cameras = tuple(_unpack_camera(camera) for camera in header["cameras"])
    return Views(images, cameras, points, arrays["observations"], header["unit"])
