"""A partial scan in, a closed solid out: the pipeline of `lift3d complete`.

    mesh or points -> samples -> points_to_voxels -> geometry.completed -> (mesh_to_solid)

The known part stays where it is; what is missing is guessed. Numbers, unit and upright axis are the input's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lift3d.context import Context, Progress, silent
from lift3d.errors import InputError, SolidError
from lift3d.geometry.completion.merge import RESOLUTION, merge_completion, squares_around_points
from lift3d.geometry.completion.partial_frame import CELLS, fit_partial_frame
from lift3d.geometry.mesh.distances import closest_points, nondegenerate_faces, sample_surface
from lift3d.geometry.mesh.recentre import describe_shift, recentring_shift
from lift3d.geometry.mesh.solidity import has_boundary, inspect_solid, require_solid
from lift3d.geometry.repair.transfer_visuals import transfer_visuals
from lift3d.geometry.repair.working_mesh import Soup
from lift3d.geometry.voxels.canonical_frame import flatness
from lift3d.io.files.staging import staging
from lift3d.io.mesh.meshes import load_mesh, save_mesh
from lift3d.io.mesh.points import load_surface
from lift3d.maps.mesh_to_solid import MeshToSolid
from lift3d.maps.points_to_voxels import PointsToVoxels
from lift3d.pipelines.inputs import check_output
from lift3d.types import F64, Mesh, Points, Voxels
from lift3d.units import set_unit

FEWEST = 100
"""Points of a cloud."""
DENSE = 1.6
"""Samples for each square cell of the surface, on which the network has learned."""
SAMPLES = (2000, 40_000)
THIN = 200
"""Points along the longest side: what lies closer together is thinned."""
AROUND = 8
"""Neighbours by which the area of a point is judged."""
FLAT = 0.01
"""Spread across a plane by the largest in it, below which the known part is flat."""
KNOWN = 0.01
"""Of the longest side: what lies nearer to the known part is called known."""


@dataclass(frozen=True)
class Options:
    """weights: of the network; force: complete what is closed as well; resolution: steps of the new surface along its longest
    side; asked: ways in which the network is asked."""

    weights: str | None = None
    force: bool = False
    resolution: int = RESOLUTION
    asked: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if not 32 <= self.resolution <= 320:
            raise InputError(f"resolution is {self.resolution}", "give a number from 32 to 320")


@dataclass(frozen=True, eq=False)
class Known:
    """The known surface, its longest side 1 and its middle at the origin. mesh: itself, or a square around each point, with
    colours; samples: even over it, with normals; middle (3,), side: of the box it came in; unit."""

    mesh: Mesh
    samples: Points
    middle: F64
    side: float
    unit: str | None


def complete_file(
    source: Path, output: Path, options: Options | None = None, command: Sequence[str] = (), progress: Progress = silent
) -> list[str]:  # fmt: skip
    """Complete `source` into `output`, with NAME.png and NAME.report.json beside it; sentences on what was done."""
    from lift3d.pipelines.preview import write_preview
    from lift3d.runtime.environment import versions
    from lift3d.runtime.json_text import to_json

    options = options or Options()
    check_output(output, [])
    if output.resolve() == source.resolve():
        raise InputError("the result would take the place of the scan", "give it another name")
    if source.is_dir():
        raise InputError(f"{source} is a folder", "name a mesh, or a PLY file of points")
    thing = load_surface(source)
    shift = recentring_shift(np.asarray(thing.xyz if isinstance(thing, Points) else thing.vertices))
    if shift.any():
        thing = moved(thing, -shift)
    context = Context(seed=options.seed, progress=progress)
    closed = not isinstance(thing, Points) and not has_boundary(
        np.asarray(thing.vertices), np.asarray(thing.faces)
    )
    with staging(output) as folder:
        if closed and not options.force:
            assert not isinstance(thing, Points)
            mesh = MeshToSolid()(thing, context)
            facts: dict[str, Any] = {"closed": True}
            lines = [
                "it is closed already: nothing is missing, and it is written as it is (--force completes it)"
            ]
        else:
            mesh, facts = complete(thing, options, context)
            told_unit = thing.unit if isinstance(thing, Points) else thing.units
            unit = f" {told_unit}" if told_unit else " without a unit"
            lines = [
                f"known    {100 * facts['known_share']:.0f} % of the new surface; the rest is guessed",
                f"size     {' x '.join(f'{s:.4g}' for s in facts['size'])}{unit}, where the known part has "
                f"{' x '.join(f'{s:.4g}' for s in facts['known_size'])}",
            ]
        set_unit(mesh, thing.unit if isinstance(thing, Points) else thing.units)
        save_mesh(mesh, folder / output.name)
        report = require_solid(load_mesh(folder / output.name))  # what counts is what the file holds
        write_preview(mesh, folder / f"{output.stem}.png")
        facts |= {"origin": shift.tolist()} if shift.any() else {}
        told = {
            **versions(), "command": list(command), "options": asdict(options), "source": source.name, **facts,
            "faces": len(mesh.faces), "unit": mesh.units, "is_solid": report.is_solid, "evidence": context.report,
        }  # fmt: skip
        (folder / f"{output.stem}.report.json").write_text(to_json(told), encoding="utf-8")
    if isinstance(thing, Points) and thing.dropped:
        lines.append(f"left out {thing.dropped} points that are not finite or have no normal")
    return [*lines, *describe_shift(shift), f"solid    {output}"]


def require_round(samples: Points) -> None:
    """InputError where all samples lie in one plane: nothing tells how far the thing reaches behind it."""
    if flatness(samples.xyz) < FLAT:
        raise InputError(
            "the known part is one flat piece, which tells nothing of what is behind it",
            "give more of the thing, from another side too",
        )


def moved(thing: Mesh | Points, by: F64) -> Mesh | Points:
    if isinstance(thing, Points):
        return replace(thing, xyz=thing.xyz + by)
    thing.vertices = np.asarray(thing.vertices) + by
    return thing


def complete(thing: Mesh | Points, options: Options, context: Context) -> tuple[Mesh, dict[str, Any]]:
    """The closed solid in the input's own numbers, and facts for the report."""
    known = known_of(thing, options.seed)
    require_round(known.samples)
    guess = PointsToVoxels(options.weights, options.asked)(known.samples, context)
    context.progress("surface", 0.7)
    mesh = solid_of(known, guess, options.resolution, context)
    v = np.asarray(mesh.vertices, np.float64)
    p, _, _ = sample_surface(v, np.asarray(mesh.faces), 4000, np.random.default_rng(options.seed))
    near = closest_points(np.asarray(known.mesh.vertices), np.asarray(known.mesh.faces), p)[1]
    share = float((near < KNOWN * np.ptp(v, axis=0).max()).mean())
    mesh.vertices = v * known.side + known.middle
    facts = {
        "closed": False, "known_share": round(share, 4), "size": (np.ptp(v, axis=0) * known.side).tolist(),
        "known_size": (np.ptp(known.samples.xyz, axis=0) * known.side).tolist(),
    }  # fmt: skip
    return mesh, facts


def solid_of(known: Known, guess: Voxels, resolution: int, context: Context) -> Mesh:
    """The known part and the guess as one solid, in the known part's colours."""
    v, f = np.asarray(known.mesh.vertices, np.float64), np.asarray(known.mesh.faces, np.int32)
    nv, nf = merge_completion(v, f, known.samples, guess, guess.iso_level, resolution)
    if not len(nf):
        raise SolidError(
            "the network sees no solid in this part of a surface",
            "give more of it, with normals to the outside",
        )
    mesh, colours = transfer_visuals(known.mesh, Soup(nv, nf, np.full(len(nf), -1, np.int32)))
    context.note("complete", colours=colours)
    return mesh if inspect_solid(mesh).is_solid else MeshToSolid()(mesh, context)


def known_of(thing: Mesh | Points, seed: int = 0) -> Known:
    """InputError where there is too little of it, or nothing that tells the outside."""
    return _of_points(thing) if isinstance(thing, Points) else _of_mesh(thing, seed)


def _of_mesh(mesh: Mesh, seed: int) -> Known:
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    kept = nondegenerate_faces(v, f)
    if not len(kept):
        raise InputError("the mesh has no faces with an area", "check the file it was read from")
    middle, side = _box(v[f[kept]].reshape(-1, 3))
    scaled = mesh.copy()
    scaled.vertices = (v - middle) / side
    scaled.update_faces(np.isin(np.arange(len(f)), kept))
    v, f = np.asarray(scaled.vertices, np.float64), np.asarray(scaled.faces)
    t = v[f]
    area = float(np.linalg.norm(np.cross(t[:, 1] - t[:, 0], t[:, 2] - t[:, 0]), axis=1).sum()) / 2
    rng = np.random.default_rng(seed)
    p, n, _ = sample_surface(v, f, SAMPLES[0], rng)
    step = fit_partial_frame(p, n).side / CELLS
    count = int(np.clip(DENSE * area / step**2, *SAMPLES))
    p, n, _ = sample_surface(v, f, count, rng)
    return Known(scaled, Points(p, n.astype(np.float32)), middle, side, mesh.units)


def _of_points(cloud: Points) -> Known:
    if len(cloud) < FEWEST:
        raise InputError(
            f"there are only {len(cloud)} points" if len(cloud) else "there are no points",
            f"give {FEWEST} or more",
        )
    if cloud.normals is None:
        raise InputError(
            "the points have no normals, and without them nothing says which side is outside",
            "write them with the points (nx ny nz in the PLY file; most scanning programs can)",
        )
    middle, side = _box(cloud.xyz)
    xyz = (cloud.xyz - middle) / side
    normals = cloud.normals.astype(np.float64)
    xyz, normals, colours = thinned(xyz, normals, cloud.colours, 1 / THIN)
    v, f = squares_around_points(xyz, normals, sides(xyz))
    mesh = trimesh.Trimesh(v, f, process=False, validate=False)
    if colours is not None:
        mesh.visual = trimesh.visual.ColorVisuals(mesh, vertex_colors=np.repeat(colours, 4, 0))
    step = fit_partial_frame(xyz, normals).side / CELLS
    p, n, _ = thinned(xyz, normals, None, step / np.sqrt(DENSE))
    return Known(mesh, Points(p, n.astype(np.float32)), middle, side, cloud.unit)


def sides(xyz: F64) -> F64:
    """(N,) side of the square that a point stands for: that many points to the disk around it that holds its neighbours. The
    squares' area is then the surface's, and they wind about the inside once."""
    away = cKDTree(xyz).query(xyz, min(AROUND, len(xyz) - 1) + 1)[0][:, -1]
    side = np.sqrt(np.pi * away**2 / (AROUND + 0.5))
    usual = float(np.median(side))
    return np.asarray(np.clip(side, 0.5 * usual, 1.6 * usual))


def thinned(
    xyz: F64, normals: F64, colours: NDArray[np.uint8] | None, step: float
) -> tuple[F64, F64, NDArray[np.uint8] | None]:
    """The mean of the points of each cubic cell whose normals agree with its first one's; normals unit."""
    cell = np.floor((xyz - xyz.min(0)) / step).astype(np.int64)
    size = cell.max(0) + 1
    # the side that a point faces is part of its place: the two faces of a thin plate stay apart
    axis = np.abs(normals).argmax(1)
    facing = 2 * axis + (np.take_along_axis(normals, axis[:, None], 1)[:, 0] > 0)
    key = ((cell[:, 0] * size[1] + cell[:, 1]) * size[2] + cell[:, 2]) * 6 + facing
    _, which, count = np.unique(key, return_inverse=True, return_counts=True)

    def mean(values: NDArray[Any]) -> F64:
        sums = [np.bincount(which, values[:, k].astype(np.float64), len(count)) for k in range(3)]
        return np.stack(sums, 1) / count[:, None]

    n = mean(normals)
    n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-9)
    return mean(xyz), n, None if colours is None else np.rint(mean(colours)).astype(np.uint8)


def _box(points: F64) -> tuple[F64, float]:
    """Middle and longest side."""
    low, high = points.min(0), points.max(0)
    side = float((high - low).max())
    if not (np.isfinite(side) and side > 0):
        raise InputError("all points lie in one place", "check the file it was read from")
    return (low + high) / 2, side
