"""Point clouds in: PLY with x, y, z and optionally normals (nx, ny, nz) and colours, bounded in size like meshes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from lift3d.errors import Lift3dError, damaged_file
from lift3d.io.files.read import read_bytes
from lift3d.io.mesh.common import MAX_FILE
from lift3d.io.mesh.meshes import _PARSE_ERRORS, load_mesh
from lift3d.io.mesh.ply.reader import colours_of
from lift3d.io.mesh.ply.tables import Table, read_tables
from lift3d.types import F32, Mesh, Points

MIN_NORMAL_LENGTH = 1e-3
"""Points whose normal is shorter than this are left out."""


def load_surface(path: str | os.PathLike[str]) -> Mesh | Points:
    """The mesh of a file as `load_mesh` reads it, or the points of a PLY file without faces. Raises InputError."""
    path = Path(path)
    if path.suffix.lower() == ".ply":
        data = read_bytes(path, MAX_FILE)
        if not data:
            raise damaged_file(path.name, "is empty")
        found = read_points(data, path.name)
        if found is not None:
            return found
    return load_mesh(path)


def read_points(data: bytes, name: str) -> Points | None:
    """The points of a PLY file, None where it has faces. Points without finite coordinates or with a zero normal are left
    out and counted in `Points.dropped`. Raises InputError for a damaged file."""
    try:
        with np.errstate(all="ignore"):
            return _points(data, name)
    except Lift3dError:
        raise
    except _PARSE_ERRORS as error:
        raise damaged_file(name, f"is damaged or not a PLY file ({type(error).__name__})") from error


def _points(data: bytes, name: str) -> Points | None:
    found, comments = read_tables(data, name)
    for element in ("face", "tristrips", "tristrip"):
        if any(len(counts) for counts, _ in found.get(element, Table()).lists.values()):
            return None
    table = found.get("vertex", Table())
    vertex = table.columns
    if not all(axis in vertex for axis in "xyz"):
        raise damaged_file(name, "holds no vertices")
    xyz = np.column_stack([vertex[a] for a in "xyz"])
    valid = (np.abs(xyz) < 1e30).all(1)
    normals: F32 | None = None
    if all(a in vertex for a in ("nx", "ny", "nz")):
        stated = np.nan_to_num(np.column_stack([vertex[a] for a in ("nx", "ny", "nz")]), posinf=0, neginf=0)
        length = np.linalg.norm(stated, axis=1)
        valid &= length > MIN_NORMAL_LENGTH
        normals = (stated / np.maximum(length, MIN_NORMAL_LENGTH)[:, None])[valid].astype(np.float32)
    if len(xyz) and not valid.any():
        needed = (
            "finite coordinates" if normals is None else "finite coordinates and a normal that is not zero"
        )
        raise damaged_file(name, f"holds {len(xyz)} points, none of them with {needed}")
    colours = colours_of(table)
    unit = "m" if "unit: m" in comments else None
    return Points(
        xyz[valid], normals, None if colours is None else colours[valid, :3], unit, int((~valid).sum())
    )
