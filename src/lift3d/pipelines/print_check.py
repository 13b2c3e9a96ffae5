"""Printability of a mesh: solidity, size, wall thickness, overhangs and the printer's bed. The pipeline of `lift3d check`.

Lengths are in millimetres where the mesh's unit is known (`mesh.units`), else in the mesh's own unit, and the report says so.
Up is +z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lift3d.errors import InputError, SolidError
from lift3d.geometry.mesh.components import connected_components
from lift3d.geometry.mesh.distances import (
    build_search_tree,
    hits_in_tree,
    nondegenerate_faces,
    sample_surface,
)
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.geometry.mesh.weld import weld_exact
from lift3d.geometry.repair.working_mesh import face_areas, signed_volumes
from lift3d.pipelines.arguments import ModelSource, load_model_mesh, mesh_warnings
from lift3d.types import F64, Mesh
from lift3d.units import parse_bed

BED = (220.0, 220.0, 250.0)
"""Width, depth and height in millimetres."""
OVERHANG_DEGREES = 45.0
THIN_WALL_MM = 0.8
WALL_RAYS, WALL_RAY_TILT = 8, 20.0
"""Rays around the inward normal along which a wall's thickness is measured, and their angle to it in degrees."""
MILLIMETRES = {"m": 1000.0, "meters": 1000.0, "metres": 1000.0, "mm": 1.0, "millimeters": 1.0, "cm": 10.0}
EXAMPLE_HEIGHT_MM = 100.0

CRITERIA = {
    "finite": "all coordinates are finite",
    "closed": "closed: every edge has two faces, every vertex one fan of faces",
    "oriented": "faces are oriented consistently",
    "positive_volume": "encloses a positive volume",
    "no_self_intersection": "does not intersect itself",
    "no_debris": "no debris",
}
"""The criteria of a solid, as the report states them."""


@dataclass(frozen=True)
class PrintReport:
    """predicate: whether each criterion of a solid holds; failures: sentences on those that do not. unit: of all lengths, "mm" or
    None for the mesh's own unit. size: extent along x, y, z. parts, cavities: closed surfaces oriented outward and inward.
    wall_min, wall_low, wall_at: the thinnest wall, the 1st percentile of the thickness and the point of the thinnest wall; None
    where no wall was measured. overhang_share: fraction of the area that needs support, in [0, 1]. contact_area: area on the bed.
    bed: mm. fits: None where the unit is unknown. warnings: sentences on what in the file could not be used."""

    predicate: dict[str, bool]
    failures: tuple[str, ...]
    unit: str | None
    size: tuple[float, float, float]
    faces: int
    vertices: int
    volume: float
    area: float
    parts: int
    cavities: int
    wall_min: float | None
    wall_low: float | None
    wall_at: tuple[float, float, float] | None
    overhang_share: float
    contact_area: float
    bed: tuple[float, float, float]
    fits: bool | None
    warnings: tuple[str, ...] = ()

    @property
    def is_solid(self) -> bool:
        """Whether all criteria of a solid hold."""
        return all(self.predicate.values())

    @property
    def printable(self) -> bool:
        """Solid, and not known to be larger than the bed."""
        return self.is_solid and self.fits is not False

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {
            "printable": self.printable,
            "solid": self.is_solid,
            "predicate": dict(self.predicate),
            "failures": list(self.failures),
            "unit": self.unit,
            "size": list(self.size),
            "faces": self.faces,
            "vertices": self.vertices,
            "volume": self.volume,
            "area": self.area,
            "parts": self.parts,
            "cavities": self.cavities,
            "thinnest_wall": {"minimum": self.wall_min, "percentile_1": self.wall_low, "at": self.wall_at},
            "overhang_share": self.overhang_share,
            "bed_contact_area": self.contact_area,
            "bed": list(self.bed),
            "fits_bed": self.fits,
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """The report in sentences, one per line."""
        unit = self.unit or "file units"
        lines = ["Solid: yes" if self.is_solid else "Solid: NO"]
        lines += [
            f"  {'yes' if ok else 'NO '}  {CRITERIA.get(name, name)}" for name, ok in self.predicate.items()
        ]
        lines += [f"       {failure}" for failure in self.failures]
        lines.append(f"Size: {' x '.join(_number(x) for x in self.size)} {unit}")
        if self.unit is None:
            lines.append(
                f"  unit unknown: a model {EXAMPLE_HEIGHT_MM:g} mm high would have "
                f"{_number(EXAMPLE_HEIGHT_MM / self.size[2]) if self.size[2] > 0 else '?'} mm per file unit"
            )
        volume = "Volume" if self.is_solid else "Volume (not reliable, the mesh is not solid)"
        lines.append(f"{volume}: {_number(self.volume)} {unit}^3, surface {_number(self.area)} {unit}^2")
        lines.append(
            f"Faces: {self.faces}, vertices: {self.vertices}, parts: {self.parts}, cavities: {self.cavities}"
        )
        if self.wall_min is not None and self.wall_low is not None and self.wall_at is not None:
            at = ", ".join(_number(x) for x in self.wall_at)
            thin = (
                " (thinner than most printers can make)" if self.unit and self.wall_low < THIN_WALL_MM else ""
            )
            lines.append(
                f"Thinnest wall: {_number(self.wall_min)} {unit} at ({at}); 99 % of the surface has at least "
                f"{_number(self.wall_low)} {unit}{thin}"
            )
        else:
            lines.append("Thinnest wall: could not be measured")
        lines.append(
            f"Overhang: {100 * self.overhang_share:.1f} % of the surface overhangs by more than {OVERHANG_DEGREES:g}°"
        )
        lines.append(f"Bed contact: {_number(self.contact_area)} {unit}^2")
        bed = " x ".join(f"{x:g}" for x in self.bed)
        fit = {None: "unknown without a unit", True: "fits", False: "DOES NOT FIT"}[self.fits]
        lines.append(f"Bed {bed} mm: {fit}")
        return "\n".join(lines)


def _number(x: float) -> str:
    return f"{x:.4g}" if abs(x) < 1e4 else f"{x:.0f}"


def check(model: ModelSource, *, bed: str | tuple[float, float, float] = BED) -> PrintReport:
    """Check whether a mesh is printable.

    model: a mesh file or a mesh. bed: width, depth and height of the printer's build volume, "220x220x250mm" or in millimetres.
    Raises InputError for a file that cannot be read, SolidError for a mesh without faces.
    """
    if isinstance(bed, str):
        width, depth, height = (1000 * side for side in parse_bed(bed))
        bed = (width, depth, height)
    if not (isinstance(bed, tuple) and len(bed) == 3 and all(side > 0 for side in bed)):
        raise InputError(
            f"the bed {bed} is not a size",
            "give width, depth and height, such as 220x220x250mm or (220, 220, 250)",
        )
    mesh = load_model_mesh(model)
    return replace(print_report(mesh, bed), warnings=mesh_warnings(model, mesh))


def print_report(
    mesh: Mesh, bed: tuple[float, float, float] = BED, samples: int = 20000, seed: int = 0
) -> PrintReport:
    """The report of a mesh, solid or not. bed: mm; samples: points at which walls are measured.

    Raises SolidError for a mesh without a finite face of positive area.
    """
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    if len(f) == 0:
        raise SolidError("the mesh has no faces", "check that the file holds a surface and not only points")
    keep = nondegenerate_faces(v, f)
    if len(keep) == 0:
        raise SolidError("no face of the mesh has finite coordinates and an area", "export the file again")
    inspected = inspect_solid(mesh)
    predicate = {name: bool(getattr(inspected, name)) for name in CRITERIA}
    scale = MILLIMETRES.get(str(mesh.units)) if mesh.units else None
    v, f = v * (scale or 1.0), f[keep].astype(np.int32)
    low, high = v[f].reshape(-1, 3).min(0), v[f].reshape(-1, 3).max(0)
    size = (float(high[0] - low[0]), float(high[1] - low[1]), float(high[2] - low[2]))
    parts, cavities = _parts(v, f)
    walls = wall_thickness(v, f, samples, seed)
    area = face_areas(v, f)
    over, contact = _overhang(v, f, area, low[2], 1e-4 * float(np.linalg.norm(size)) + 1e-12)
    thinnest = _thinnest(walls)
    return PrintReport(
        predicate, tuple(inspected.failures()), "mm" if scale else None, size, len(mesh.faces),
        len(weld_exact(mesh.vertices)[0]), float(signed_volumes(v, f).sum()), float(area.sum()), parts, cavities,
        *thinnest, float(over / area.sum()), contact, bed, _fits(size, bed) if scale else None,
    )  # fmt: skip


def _parts(v: F64, f: np.ndarray) -> tuple[int, int]:
    """Counts of connected surfaces oriented outward and inward."""
    _, row = weld_exact(v)
    label = connected_components(row[f].astype(np.int32))
    each = np.bincount(label, signed_volumes(v, f))
    return int((each >= 0).sum()), int((each < 0).sum())


def wall_thickness(v: F64, f: np.ndarray, samples: int = 20000, seed: int = 0) -> tuple[F64, F64]:
    """Points (N, 3) sampled on the surface and the wall thickness (N,) behind each: the shortest distance through the material
    along the inward normal and eight directions 20 degrees off it; inf where no wall is hit.

    Two faces at an angle of more than about 37 degrees form a corner and not a wall, and are not measured.
    """
    points, normals, faces = sample_surface(v, f, samples, np.random.default_rng(seed))
    tree = build_search_tree(v, f)
    t = v[f]
    unit = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    unit /= np.maximum(np.linalg.norm(unit, axis=1), 1e-300)[:, None]
    side = np.cross(normals, np.eye(3)[np.argmin(np.abs(normals), axis=1)])
    side /= np.maximum(np.linalg.norm(side, axis=1), 1e-300)[:, None]
    other = np.cross(normals, side)
    start = 1e-7 * float(np.linalg.norm(np.ptp(v[f].reshape(-1, 3), axis=0)))
    thickness = np.full(len(points), math.inf)
    tilt = math.radians(WALL_RAY_TILT)
    for k in range(-1, WALL_RAYS):
        ray = -normals
        if k >= 0:
            a = 2 * math.pi * k / WALL_RAYS
            ray = -normals * math.cos(tilt) + math.sin(tilt) * (math.cos(a) * side + math.sin(a) * other)
        far, hit = hits_in_tree(tree, points, ray, start)
        facing = (hit >= 0) & (hit != faces) & (np.einsum("ij,ij->i", unit[hit], -normals) > 0.8)
        thickness = np.where(facing, np.minimum(thickness, far), thickness)
    return points, thickness


def _thinnest(walls: tuple[F64, F64]) -> tuple[float | None, float | None, tuple[float, float, float] | None]:
    """Smallest thickness, its 1st percentile and the point of the smallest; None where nothing was measured."""
    points, thickness = walls
    seen = np.flatnonzero(np.isfinite(thickness))
    if len(seen) == 0:
        return None, None, None
    at = seen[np.argmin(thickness[seen])]
    x, y, z = (float(c) for c in points[at])
    return float(thickness[at]), float(np.percentile(thickness[seen], 1.0, method="lower")), (x, y, z)


def _overhang(v: F64, f: np.ndarray, area: F64, floor: float, near: float) -> tuple[float, float]:
    """Area of overhangs above the bed, and area on the bed."""
    t = v[f]
    normal = np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0])
    down = -normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-300)
    on_bed = (t[:, :, 2].max(1) <= floor + near) & (down > 0.99)
    leaning = (down > math.sin(math.radians(OVERHANG_DEGREES)) + 1e-6) & ~on_bed
    return float(area[leaning].sum()), float(area[on_bed].sum())


def _fits(size: tuple[float, float, float], bed: tuple[float, float, float]) -> bool:
    """Whether a model of this size fits the bed upright, rotated by 90 degrees about z if necessary."""
    slack = 1 + 1e-6
    footprint, plate = sorted(size[:2]), sorted(bed[:2])
    return size[2] <= bed[2] * slack and all(a <= b * slack for a, b in zip(footprint, plate))
