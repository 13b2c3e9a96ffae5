"""A partial scan to a closed solid: the pipeline of `lift3d complete`.

    mesh or points -> samples -> points_to_voxels -> merge with the scan -> (mesh_to_solid)

The known part stays unchanged; the rest is predicted. Coordinates, unit and upright axis are those of the input.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context, Progress, silent
from lift3d.errors import InputError, SolidError
from lift3d.geometry.completion.merge import RESOLUTION, merge_completion
from lift3d.geometry.completion.partial_surface import PartialSurface, partial_surface, require_not_flat
from lift3d.geometry.mesh.distances import closest_points, sample_surface
from lift3d.geometry.mesh.recentre import recentring_shift
from lift3d.geometry.mesh.solidity import has_boundary, inspect_solid
from lift3d.geometry.parts.convert import y_up_to_z_up, z_up_to_y_up
from lift3d.geometry.repair.transfer_visuals import transfer_visuals
from lift3d.geometry.repair.working_mesh import Soup
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import SUFFIXES_WITH_UP_AXIS
from lift3d.io.mesh.points import load_surface
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.maps.points_to_voxels import PointsToVoxels
from lift3d.pipelines.arguments import mesh_warnings, require_axis, require_other_file
from lift3d.pipelines.reconstruction.inputs import check_output
from lift3d.pipelines.write_model import write_mesh_and_preview, write_report
from lift3d.runtime.environment import versions
from lift3d.types import F64, Mesh, Points, Voxels
from lift3d.units import set_unit

KNOWN_DISTANCE = 0.01
"""Fraction of the longest side: new surface closer than this to the known part counts as known."""
Partial = str | os.PathLike[str] | Mesh | Points | NDArray[Any]
S = TypeVar("S", Mesh, Points)


@dataclass(frozen=True)
class Options:
    """force: complete a closed mesh too. resolution: grid steps of the new surface along its longest side, 32 to 320.
    weights: of the network, a run's folder or a weights file; None for the package's own. orientations: how many of the 8
    reflections and quarter rotations of the input the prediction is averaged over. up: "z" or "y", the upright axis of input
    whose format does not state it. seed: of the surface samples."""

    weights: str | None = None
    force: bool = False
    resolution: int = RESOLUTION
    orientations: int = 8
    seed: int = 0
    up: str = "z"

    def __post_init__(self) -> None:
        require_axis(self.up)
        if not 32 <= self.resolution <= 320:
            raise InputError(f"resolution is {self.resolution}", "give a number from 32 to 320")


@dataclass(frozen=True, eq=False)
class Completion:
    """A completed object.

    mesh: the closed solid, in the coordinates and unit of the input minus `origin`. closed_already: the input had no
    open edge and was returned unchanged. known_fraction: of the new surface, None if closed already. size and known_size
    (3,): extents of the solid and of the known part. points_left_out: points without a position or a normal. origin (3,):
    subtracted from inputs that lie so far from zero that precision would be lost; zero otherwise. up: "z" or "y", the axis
    of the mesh along which the object stands. warnings: sentences on what in the file could not be used. report: JSON-able.
    """

    mesh: Mesh
    closed_already: bool
    known_fraction: float | None
    size: F64
    known_size: F64 | None
    points_left_out: int
    origin: F64
    report: dict[str, Any]
    up: str = "z"
    warnings: tuple[str, ...] = ()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the solid to `path`, with NAME.png and NAME.report.json beside it, and return the path.

        A format that states the upright axis (GLB, USDZ, 3MF) gets the object standing along it. Raises SolidError if the file
        is not solid as read back."""
        output = Path(path)
        check_output(output, [])
        with staging(output) as folder:
            self.write_into(folder, output.name)
        return output

    def write_into(self, folder: Path, name: str) -> None:
        """The files of `save` in a folder that exists."""
        standing = rotated(self.mesh, y_up_to_z_up) if self.up == "y" else self.mesh
        stated = Path(name).suffix.lower() in SUFFIXES_WITH_UP_AXIS
        mesh = standing if stated else self.mesh
        verdict = write_mesh_and_preview(mesh, folder, name, solid=True, shown=standing)
        assert verdict is not None
        write_report({**self.report, "is_solid": verdict.is_solid}, folder, name)


def complete(
    partial: Partial,
    output: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    resolution: int = RESOLUTION,
    weights: str | None = None,
    orientations: int = 8,
    up: str = "z",
    seed: int = 0,
    progress: Progress | None = None,
    command: Sequence[str] = (),
) -> Completion:
    """Complete a partial scan of one object to a closed solid: the known part stays unchanged, a network predicts the rest.

    partial: a mesh, points with normals, a file of either, or an (N, 6) array of positions and outward normals. output: a
    model file to write, with NAME.png and NAME.report.json beside it; nothing is written if None. force: complete a closed
    mesh too. resolution: grid steps of the new surface along its longest side, 32 to 320. weights: a run's folder or a
    weights file. orientations: how many of the 8 reflections and quarter rotations of the input the prediction is averaged
    over. up: "y" or "z", the upright axis of an array, a mesh in memory, or a file whose format does not state it; the
    coordinates of the result are those of the input all the same. command: the command line, for the report.

    Raises InputError for input that cannot be used and SolidError where no solid results.
    """
    options = Options(weights, force, resolution, orientations, seed, up)
    target = None if output is None else Path(output)
    if target is not None:
        check_output(target, [])
        require_other_file(partial, target)
    source, name = _loaded(partial)
    if Path(name).suffix.lower() in SUFFIXES_WITH_UP_AXIS:
        options = replace(options, up="z")  # the reader has set it upright
    origin = recentring_shift(np.asarray(source.xyz if isinstance(source, Points) else source.vertices))
    if origin.any():
        source = translated(source, -origin)
    context = Context(seed=options.seed, progress=progress or silent)
    with nullcontext() if target is None else staging(target) as folder:
        result = _completed(source, options, context, origin)
        about = {**versions(), "command": list(command), "options": asdict(options), "source": name}
        warnings = () if isinstance(source, Points) else mesh_warnings(partial, source)
        about["warnings"] = list(warnings)
        result = replace(
            result, report=about | result.report | {"evidence": context.report}, warnings=warnings
        )
        if target is not None and folder is not None:
            result.write_into(folder, target.name)
    return result


def _loaded(partial: Partial) -> tuple[Mesh | Points, str]:
    """The surface or the points, and the name of the file they come from."""
    if isinstance(partial, Points | Mesh):
        return partial.copy() if isinstance(partial, Mesh) else partial, ""
    if isinstance(partial, np.ndarray):
        if partial.dtype.kind not in "fiu" or partial.ndim != 2 or partial.shape[1] != 6:
            raise InputError(
                f"the points are an array of shape {partial.shape}",
                "give (N, 6): position and outward normal",
            )
        return Points(partial[:, :3].astype(np.float64), partial[:, 3:].astype(np.float32)), ""
    path = Path(partial)
    if path.is_dir():
        raise InputError(f"{path} is a folder", "name a mesh, or a PLY file of points")
    return load_surface(path), path.name


def _completed(source: Mesh | Points, options: Options, context: Context, origin: F64) -> Completion:
    if options.up == "y":
        turn = y_up_to_z_up
        source = rotated(source, turn) if isinstance(source, Points) else rotated(source, turn)
    unit = source.unit if isinstance(source, Points) else source.units
    left_out = source.dropped if isinstance(source, Points) else 0
    if not options.force and not isinstance(source, Points) and _is_closed(source):
        mesh = set_unit(MeshToSolid()(source, context), unit)
        facts: dict[str, Any] = {"closed": True}
        fraction, size, known_size = None, np.ptp(np.asarray(mesh.vertices), axis=0), None
    else:
        known = partial_surface(source, options.seed)
        require_not_flat(known)
        voxels = PointsToVoxels(options.weights, options.orientations)(known.samples, context)
        context.progress("surface", 0.7)
        mesh = merged_solid(known, voxels, options.resolution, context)
        fraction = known_fraction(known, mesh, options.seed)
        v = np.asarray(mesh.vertices, np.float64)
        size = np.ptp(v, axis=0) * known.scale
        known_size = np.ptp(known.samples.xyz, axis=0) * known.scale
        mesh.vertices = v * known.scale + known.centre
        set_unit(mesh, unit)
        facts = {
            "closed": False,
            "known_fraction": round(fraction, 4),
            "size": size.tolist(),
            "known_size": known_size.tolist(),
        }
    if origin.any():
        facts["origin"] = origin.tolist()
    facts |= {"faces": len(mesh.faces), "unit": mesh.units, "up": options.up}
    if options.up == "y":
        mesh = rotated(mesh, z_up_to_y_up)
        # y and z of the extents change places
        size, known_size = size[[0, 2, 1]], None if known_size is None else known_size[[0, 2, 1]]
        facts |= {} if known_size is None else {"size": size.tolist(), "known_size": known_size.tolist()}
    return Completion(mesh, fraction is None, fraction, size, known_size, left_out, origin, facts, options.up)


def rotated(source: S, rotation: Callable[[F64], F64]) -> S:
    """A copy of a mesh or of points after a rotation of (N, 3) vectors about the origin."""
    if isinstance(source, Points):
        normals = None if source.normals is None else rotation(source.normals.astype(np.float64))
        turned = None if normals is None else normals.astype(np.float32)
        return replace(source, xyz=rotation(source.xyz), normals=turned)
    mesh = source.copy()
    mesh.vertices = rotation(np.asarray(mesh.vertices, np.float64))
    return mesh


def translated(source: Mesh | Points, by: F64) -> Mesh | Points:
    """The mesh or points moved by (3,)."""
    if isinstance(source, Points):
        return replace(source, xyz=source.xyz + by)
    source.vertices = np.asarray(source.vertices) + by
    return source


def merged_solid(known: PartialSurface, voxels: Voxels, resolution: int, context: Context) -> Mesh:
    """The known part and the predicted occupancy as one solid, with the colours of the known part."""
    v, f = np.asarray(known.mesh.vertices, np.float64), np.asarray(known.mesh.faces, np.int32)
    nv, nf = merge_completion(v, f, known.samples, voxels, voxels.iso_level, resolution)
    if not len(nf):
        raise SolidError(
            "the network predicts no solid for this part of a surface",
            "scan more of the surface, with normals that point outward",
        )
    mesh, colours = transfer_visuals(known.mesh, Soup(nv, nf, np.full(len(nf), -1, np.int32)))
    context.note("complete", colours=colours)
    return mesh if inspect_solid(mesh).is_solid else MeshToSolid()(mesh, context)


def known_fraction(known: PartialSurface, mesh: Mesh, seed: int) -> float:
    """Fraction of the solid's surface that lies within `KNOWN_DISTANCE` of the known part."""
    v = np.asarray(mesh.vertices, np.float64)
    p, _, _ = sample_surface(v, np.asarray(mesh.faces), 4000, np.random.default_rng(seed))
    distance = closest_points(np.asarray(known.mesh.vertices), np.asarray(known.mesh.faces), p)[1]
    return float((distance < KNOWN_DISTANCE * np.ptp(v, axis=0).max()).mean())


def _is_closed(mesh: Mesh) -> bool:
    return not has_boundary(np.asarray(mesh.vertices), np.asarray(mesh.faces))
