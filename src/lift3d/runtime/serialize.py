"""Views, depth maps, surfaces and meshes as plain arrays with a JSON header, for the stage cache."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from trimesh.visual import ColorVisuals

from lift3d.types import (
    Camera,
    Depth,
    DepthMaps,
    Image,
    Mesh,
    PhotoStatus,
    Plane,
    Points,
    RgbdScan,
    Segmentation,
    Surface,
    Views,
)

Arrays = dict[str, NDArray[Any]]


def pack(value: Any, source: Any = None) -> tuple[dict[str, Any], Arrays]:
    """A Views, DepthMaps, Surface, Mesh or RgbdScan as a JSON-able header and named arrays.

    Of a scan only the poses are stored, not the frames, which are those of `source`. Photos and views that `value` shares with
    `source`, the input of the step, are not stored again. Raises TypeError for other types.
    """
    arrays: Arrays = {}
    if isinstance(value, Views):
        return _pack_views(value, arrays), arrays
    if isinstance(value, DepthMaps):
        same = isinstance(source, Views) and value.views is source
        header: dict[str, Any] = {
            "type": "DepthMaps",
            "cameras": [_pack_camera(d.camera) for d in value.depths],
        }
        header["views"] = None if same else _pack_views(value.views, arrays)
        for i, depth in enumerate(value.depths):
            arrays[f"z{i}"] = depth.z
            _store(arrays, f"normals{i}", depth.normals)
            _store(arrays, f"confidence{i}", depth.confidence)
            _store(arrays, f"propagated{i}", depth.propagated)
        return header, arrays
    if isinstance(value, Surface):
        shared = isinstance(source, DepthMaps) and value.views.images is source.views.images
        plane = value.support_plane
        return {
            "type": "Surface",
            "mesh": _pack_mesh(value.mesh, arrays),
            "views": _pack_views(value.views, arrays, images=not shared),
            "kind": value.kind,
            "reason": value.reason,
            "world_from_model": value.world_from_model.tolist(),
            "support_plane": None if plane is None else [plane.normal.tolist(), plane.offset],
            "measured_fraction": value.measured_fraction,
        }, arrays
    if isinstance(value, trimesh.Trimesh):
        return _pack_mesh(value, arrays), arrays
    if isinstance(value, RgbdScan) and isinstance(source, RgbdScan):
        return _pack_scan(value, source), arrays
    raise TypeError(f"a {type(value).__name__} cannot be stored")


def _pack_mesh(value: Mesh, arrays: Arrays) -> dict[str, Any]:
    """Header of a mesh; its arrays are added to `arrays`."""
    arrays["vertices"], arrays["faces"] = np.asarray(value.vertices), np.asarray(value.faces)
    if isinstance(value.visual, ColorVisuals) and value.visual.kind == "vertex":
        arrays["colours"] = np.asarray(value.visual.vertex_colors)
    plain: dict[str, Any] = {}
    for name, entry in value.metadata.items():
        if isinstance(entry, np.ndarray):
            arrays[f"metadata.{name}"] = entry
        else:
            plain[name] = entry
    return {"type": "Mesh", "metadata": plain}


def unpack(header: dict[str, Any], arrays: Table[str, NDArray[Any]], source: Any = None) -> Any:
    """The inverse of `pack`."""
    name = header["type"]
    if name == "Views":
        return _unpack_views(header, arrays)
    if name == "DepthMaps":
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
    if name == "Surface":
        images = source.views.images if header["views"]["images"] is None else None
        plane = header["support_plane"]
        return Surface(
            _unpack_mesh(header["mesh"], arrays),
            _unpack_views(header["views"], arrays, images),
            header["kind"],
            header["reason"],
            np.array(header["world_from_model"], np.float64),
            None if plane is None else Plane(np.array(plane[0], np.float64), plane[1]),
            header["measured_fraction"],
        )
    if name == "Mesh":
        return _unpack_mesh(header, arrays)
    if name == "RgbdScan":
        return _unpack_scan(header, source)
    raise ValueError(f"unknown type {name}")


def _pack_scan(value: RgbdScan, source: RgbdScan) -> dict[str, Any]:
    """Header of a scan whose frames are some of those of `source`."""
    return {
        "type": "RgbdScan",
        "frames": [source.names.index(name) for name in value.names],
        "poses": [None if pose is None else pose.tolist() for pose in value.poses],
        "status": [_status(s) for s in value.status],
    }


def _unpack_scan(header: dict[str, Any], source: RgbdScan) -> RgbdScan:
    """The inverse of `_pack_scan`."""
    poses = tuple(None if pose is None else np.array(pose, np.float64) for pose in header["poses"])
    status = tuple(_unpack_status(row) for row in header["status"])
    return replace(source.subset(header["frames"]), poses=poses, status=status)


def _unpack_mesh(header: dict[str, Any], arrays: Table[str, NDArray[Any]]) -> Mesh:
    """The inverse of `_pack_mesh`."""
    mesh = Mesh(arrays["vertices"], arrays["faces"], vertex_colors=arrays.get("colours"), process=False)
    mesh.metadata.update(header["metadata"])
    mesh.metadata.update({k[9:]: v for k, v in arrays.items() if k.startswith("metadata.")})
    return mesh


def _store(arrays: Arrays, name: str, value: NDArray[Any] | None) -> None:
    if value is not None:
        arrays[name] = value


def _pack_camera(camera: Camera) -> dict[str, Any]:
    names = ("width", "height", "fx", "fy", "cx", "cy", "distortion")
    return {n: getattr(camera, n) for n in names} | {"world_to_camera": camera.world_to_camera.tolist()}


def _unpack_camera(header: dict[str, Any]) -> Camera:
    pose, distortion = np.array(header["world_to_camera"], np.float64), tuple(header["distortion"])
    return Camera(**{**header, "world_to_camera": pose, "distortion": distortion})


def _status(photo: PhotoStatus) -> dict[str, Any]:
    plain = {"name": photo.name, "placed": photo.placed, "reason": photo.reason, "sharpness": photo.sharpness}
    return plain | {"lens": photo.lens and _pack_camera(photo.lens)}


def _unpack_status(row: dict[str, Any]) -> PhotoStatus:
    return PhotoStatus(**{**row, "lens": row["lens"] and _unpack_camera(row["lens"])})


def _pack_views(views: Views, arrays: Arrays, images: bool = True) -> dict[str, Any]:
    """Header of views; their arrays are added to `arrays`. images: False leaves the photos out."""
    arrays["points"], arrays["observations"] = views.points.xyz, views.observations
    _store(arrays, "point_normals", views.points.normals)
    _store(arrays, "point_colours", views.points.colours)
    for i, still in enumerate(views.background):
        arrays[f"background{i}"] = still
    rows = []
    for i, image in enumerate(views.images if images else ()):
        arrays[f"pixels{i}"] = image.pixels
        _store(arrays, f"mask{i}", image.mask)
        _store(arrays, f"alpha{i}", image.alpha)
        found = image.segmentation
        rows.append(
            {
                "name": image.name,
                "focal": image.focal,
                "sha256": image.sha256,
                "original_size": image.original_size,
                "orientation": image.orientation,
                "gravity": image.gravity,
                "warnings": list(image.warnings),
            }
            | {"segmentation": None if found is None else asdict(found)}
        )
    photos = [_status(p) for p in views.photos]
    return {
        "type": "Views",
        "images": rows if images else None,
        "cameras": [_pack_camera(camera) for camera in views.cameras],
        "photos": photos,
        "unit": views.unit,
        "points": views.points.unit,
        "warnings": list(views.warnings),
        "background": len(views.background),
    }


def _unpack_views(
    header: dict[str, Any], arrays: Table[str, NDArray[Any]], images: tuple[Image, ...] | None = None
) -> Views:
    """The inverse of `_pack_views`; images: the photos if they were left out."""
    points = Points(
        arrays["points"], arrays.get("point_normals"), arrays.get("point_colours"), header["points"]
    )
    if images is None:
        images = tuple(_unpack_image(row, i, arrays) for i, row in enumerate(header["images"]))
    cameras = tuple(_unpack_camera(camera) for camera in header["cameras"])
    photos = tuple(_unpack_status(row) for row in header["photos"])
    warnings = tuple(header["warnings"])
    still = tuple(arrays[f"background{i}"] for i in range(header.get("background", 0)))
    return Views(images, cameras, points, arrays["observations"], header["unit"], photos, warnings, still)


def _unpack_image(row: dict[str, Any], i: int, arrays: Table[str, NDArray[Any]]) -> Image:
    """The photo at index `i` of stored views."""
    size, found = row["original_size"], row["segmentation"]
    return Image(
        arrays[f"pixels{i}"], row["name"], arrays.get(f"mask{i}"), row["focal"], row["sha256"],
        None if size is None else tuple(size), None if found is None else Segmentation(**found),
        row["orientation"], tuple(row["warnings"]), row.get("gravity") and tuple(row["gravity"]),
        arrays.get(f"alpha{i}"),
    )  # fmt: skip
