"""Views, depth maps and meshes as plain arrays with a JSON header, for the stage cache."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals

from lift3d.types import Camera, Depth, DepthMaps, Image, Mesh, Points, Views

Arrays = dict[str, NDArray[Any]]


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
            _keep(arrays, f"propagated{i}", depth.propagated)
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
                arrays.get(f"propagated{i}"),
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
