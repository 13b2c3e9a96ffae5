"""Meshes in and out: GLB, OBJ, PLY, STL, 3MF and USDZ, each with its own convention of axes and units.

In memory: right-handed, Z up, `mesh.units` "m" when the scale is known and None when it is not. A unit is never assumed:
a model of unknown scale is written with its numbers unchanged, and the file states that. Files are untrusted: any defect
raises an InputError, sizes are bounded, and no file outside the model's folder and no network address is opened.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lift3d.errors import InputError, Lift3dError, damaged_file
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.parts.convert import mesh_to_part, model_to_mesh, scale_to_metres, validate_part
from lift3d.io.files.atomic import writing_together
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh import glb_reader, off, stl
from lift3d.io.mesh import glb_writer as glb
from lift3d.io.mesh import usdz_worker as usdz_process
from lift3d.io.mesh import usdz_writer as usdz
from lift3d.io.mesh.common import MAX_FILE, encode_picture
from lift3d.io.mesh.obj import reader as obj_reader
from lift3d.io.mesh.obj import writer as obj_writer
from lift3d.io.mesh.ply import reader as ply_reader
from lift3d.io.mesh.ply import writer as ply_writer
from lift3d.io.mesh.threemf import reader as threemf_reader
from lift3d.io.mesh.threemf import writer as threemf
from lift3d.types import Mesh, Model, Part

M = TypeVar("M")

FORMATS: dict[str, str] = {
    ".glb": "glTF binary: one file with texture; Y up, metres",
    ".obj": "Wavefront OBJ with MTL and texture beside it; Z up",
    ".ply": "PLY binary with colours, texture beside it; Z up",
    ".stl": "STL binary for printing: shape only, millimetres",
    ".3mf": "3MF for printing: shape, texture or colours, millimetres",
    ".usdz": "USDZ for augmented reality: one file with texture; Y up, metres (extra: usdz)",
}
"""Description of every format that is read and written, by suffix (.gltf and .off are only read)."""

SUFFIXES_WITH_UP_AXIS = (".glb", ".gltf", ".usdz", ".3mf")
"""Formats that define or state which axis points up; the others (OBJ, OFF, PLY, STL) do not."""

_SINGLE_PRECISION = (".glb", ".stl", ".usdz")
"""Formats whose coordinates far from the origin would be rounded visibly, so that the model is written about the origin."""

_READERS: dict[str, Callable[[bytes, Path], Model]] = {
    ".glb": glb_reader.read, ".gltf": glb_reader.read, ".obj": obj_reader.read, ".ply": ply_reader.read, ".stl": stl.read,
    ".3mf": threemf_reader.read, ".usdz": usdz_process.read, ".off": off.read,
}  # fmt: skip
_PARSE_ERRORS = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, MemoryError,
    EOFError, OSError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile, np.exceptions.AxisError,
)  # fmt: skip


def _ending(path: Path, what: str) -> str:
    """The path's suffix in lower case; InputError unless it can be `what` ("read" or "written")."""
    ending = path.suffix.lower()
    if ending not in _READERS or (what == "written" and ending not in FORMATS):
        raise InputError(
            f"{path.name} cannot be {what}: {ending or 'a name without suffix'} is not a format that lift3d knows",
            f"use one of {', '.join(FORMATS if what == 'written' else _READERS)}",
        )
    return ending


def load_mesh(path: str | os.PathLike[str]) -> Mesh:
    """All triangles of a file as one mesh, Z up; `mesh.units` is "m" or None.

    Several textures are packed into one. `mesh.metadata["warnings"]` lists files that the model refers to and that are
    missing. Raises InputError for a file that cannot be read.
    """
    path = Path(path)
    mesh = _guarded(path, lambda model: model_to_mesh(model, path.name))
    shift = recentring_shift(mesh.vertices)
    if shift.any():
        x, y, z = shift.tolist()
        mesh.metadata.setdefault("warnings", []).append(
            f"the coordinates lie far from the origin (around {x:.10g} {y:.10g} {z:.10g}): OBJ, PLY and 3MF files keep them, but "
            "GLB, STL and USDZ files, which would round them visibly, are written about the origin"
        )
    return mesh


def load_parts(path: str | os.PathLike[str]) -> Model:
    """The parts of a file, each with its own material, Z up. Raises InputError for a file that cannot be read."""
    path = Path(path)
    return _guarded(
        path, lambda model: replace(model, parts=[validate_part(p, path.name) for p in model.parts])
    )


def _guarded(path: Path, finish: Callable[[Model], M]) -> M:
    """`finish` applied to the file's model; every parsing error becomes an InputError."""
    read = _READERS[_ending(path, "read")]
    data = read_bytes(path, MAX_FILE)
    if not data:
        raise damaged_file(path.name, "is empty")
    try:
        with np.errstate(all="ignore"):
            return finish(read(data, path))
    except Lift3dError:
        raise
    except _PARSE_ERRORS as error:
        raise damaged_file(
            path.name, f"is damaged or not a valid {path.suffix[1:].upper()} file ({_short(error)})"
        ) from error


def _short(error: Exception) -> str:
    """At most 80 characters of an exception's message."""
    text = " ".join(str(error).split())[:80]
    return text or type(error).__name__


def save_mesh(
    mesh: Mesh,
    path: str | os.PathLike[str],
    *,
    normals: bool = False,
    unit: str | None = None,
    frame: str | None = None,
) -> tuple[Path, ...]:
    """Write a mesh in the format of the path's suffix; returns the files written, the model first, then its companions.

    normals: write smooth vertex normals (GLB, OBJ, PLY, USDZ); without them viewers shade each triangle flat. unit: "mm" or "m",
    of the numbers in an STL, OBJ or PLY, formats that define none; by default mm in STL and m in the others. frame: of the
    coordinates, stated in the header of these three. Either all files appear or none; the same mesh gives the same bytes.
    Coordinates so far from the origin that single precision would round them visibly are moved to it in GLB, STL and USDZ.
    Raises InputError for an unknown suffix, a mesh without faces and a file that cannot be written.
    """
    path = Path(path)
    ending = _ending(path, "written")
    part, memory = _prepared(mesh, path.name, ending)
    smooth = smooth_normals(part) if normals else None
    files = [(path, data) for path, data in _encode(part, memory, path, ending, smooth, unit, frame)]
    with writing_together(*(p for p, _ in files)) as temporaries:
        for temporary, (_, data) in zip(temporaries, files):
            temporary.write_bytes(data)
    return tuple(p for p, _ in files)


def glb_bytes(mesh: Mesh, name: str = "the mesh") -> bytes:
    """The GLB file of a mesh, as `save_mesh` writes it. name: of the mesh, for messages.

    Raises InputError for a mesh without faces.
    """
    part, unit = _prepared(mesh, name, ".glb")
    return glb.write(part, unit)


def _prepared(mesh: Mesh, name: str, ending: str) -> tuple[Part, str | None]:
    """The mesh as a part in metres ("m") or without unit (None), about the origin where the format would round it."""
    part = mesh_to_part(mesh)
    if not len(part.faces):
        raise InputError(f"cannot write {name}: the mesh has no faces", "check how the mesh was made")
    metres = scale_to_metres(mesh)
    if metres is not None and metres != 1.0:
        part = Part(part.vertices * metres, part.faces, part.uv, part.colours, part.material)
    if ending in _SINGLE_PRECISION:
        part = replace(part, vertices=part.vertices - recentring_shift(part.vertices))
    return part, None if metres is None else "m"


def _encode(
    part: Part,
    unit: str | None,
    path: Path,
    ending: str,
    normals: NDArray[np.float32] | None,
    stated: str | None = None,
    frame: str | None = None,
) -> list[tuple[Path, bytes]]:
    """The (path, bytes) of a model's files, the model first."""
    if ending == ".glb":
        return [(path, glb.write(part, unit, normals))]
    if ending == ".stl":
        return [(path, stl.write(part, unit, stated or "mm", frame))]
    if ending == ".3mf":
        return [(path, threemf.write(part, unit))]
    if ending == ".usdz":
        return [(path, usdz.write(part, unit, normals))]
    if unit == "m" and stated == "mm":
        part, unit = replace(part, vertices=part.vertices * 1000.0), "mm"
    companions: list[tuple[Path, bytes]] = []
    picture = None
    stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in path.stem)  # MTL does not allow spaces
    if part.uv is not None and part.material is not None and part.material.texture is not None:
        data, kind = encode_picture(part.material.texture)
        # NAME.png is the preview of the model, and NAME.obj and NAME.ply may lie in one folder
        picture = f"{stem}.{ending[1:]}.texture.{kind}"
        companions.append((path.with_name(picture), data))
    if ending == ".ply":
        return [(path, ply_writer.write(part, unit, picture, normals, frame)), *companions]
    library = None
    if part.material is not None:
        library = f"{stem}.mtl"
        companions.insert(0, (path.with_name(library), obj_writer.write_library(part.material, picture)))
    return [(path, obj_writer.write(part, unit, library, normals, frame)), *companions]


def smooth_normals(part: Part) -> NDArray[np.float32]:
    """(V, 3) unit vertex normals, the area-weighted mean over all faces that meet at the vertex's position, so texture
    seams do not show."""
    corners = part.vertices[part.faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    _, inverse = np.unique(part.vertices, axis=0, return_inverse=True)
    index = inverse.reshape(-1)[part.faces].reshape(-1)
    total = np.column_stack([np.bincount(index, np.repeat(area[:, i], 3)) for i in range(3)])[
        inverse.reshape(-1)
    ]
    length = np.linalg.norm(total, axis=1, keepdims=True)
    unit = np.where(length > 0, total / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])
    return unit.astype(np.float32)


def convert_mesh(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Read one format and write another; returns the files written. Raises InputError before reading when the target's
    suffix is unknown."""
    _ending(Path(target), "written")
    return save_mesh(load_mesh(source), target)
