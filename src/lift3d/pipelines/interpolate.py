"""The things between two: the pipeline of `lift3d interpolate`.

    meshes -> unit cells -> voxels_to_latent -> noise -> a great circle -> codes -> latent_to_voxels -> voxels_to_mesh

In the space of codes the straight line between two things fades one out and the other in. The flow (nets/flow_matching.py)
can be followed backwards, from a code to the noise that it comes from (Song, Meng & Ermon 2021, arXiv:2010.02502, section
5.3): what lies between two noises on their great circle (Shoemake 1985) is noise as well, and flows to a thing. What
the way there and back loses at the ends is added in proportion, so that the ends are met.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.mesh.distances import proper_faces
from lift3d.geometry.metrics.solids import overlap
from lift3d.geometry.voxels.canonical_frame import flatness, unit_affine, unit_cells
from lift3d.pipelines.generate import (
    FORMATS,
    DecodedSolid,
    decode_solid,
    longest_side,
    require_new_folder,
    scale_to_longest_side,
    thumbnail,
    write_contact_sheet,
)
from lift3d.types import F32, Latent, Mesh, Voxels
from lift3d.units import set_unit

MOST = 1000
STEPS = 24
FEWEST, FLAT = 4, 1e-3
"""Faces with an area; spread across a plane by the largest in it."""
WAYS = ("flow", "straight")
Say = Callable[[str], None]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Options:
    """steps: models, the two ends among them; way: flow or straight (in the space of codes)."""

    steps: int = 8
    way: str = "flow"
    format: str = "glb"
    weights: str | None = None
    autoencoder: str | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.steps <= MOST:
            raise InputError(f"steps = {self.steps}", f"give 2 to {MOST}: the two ends are counted")
        if self.way not in WAYS:
            raise InputError(f"there is no way called {self.way}", f"choose from {', '.join(WAYS)}")
        if self.format not in FORMATS:
            raise InputError(f"{self.format} is not a model format", f"use one of {' '.join(FORMATS)}")


@dataclass(frozen=True, eq=False)
class End:
    """One of the two things: its code, its longest side and unit, and how much of it the code holds (IoU of cells)."""

    code: Latent
    side: float
    unit: str | None
    held: float


@dataclass(frozen=True, eq=False)
class Thing:
    """A mesh, and the cells that it fills in its unit frame."""

    mesh: Mesh
    full: NDArray[np.bool_]


def thing_of(mesh: Mesh) -> Thing:
    """InputError for a mesh that fills nothing."""
    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    f = f[proper_faces(v, f)]
    if 0 < len(f) < FEWEST:
        raise InputError("it has too few faces", "name another model")
    if len(f) and flatness(v[np.unique(f)]) < FLAT:
        raise InputError("it is a flat sheet", "give it a thickness, or name another model")
    full, _ = unit_cells(mesh)
    if not full.any():
        raise InputError("the mesh fills nothing", "check the file it was read from")
    return Thing(mesh, full)


def end_of(thing: Thing, autoencoder: str | None = None) -> End:
    """As the autoencoder sees it."""
    from lift3d.inference.networks import network
    from lift3d.maps.latent_to_voxels import LatentToVoxels
    from lift3d.maps.voxels_to_latent import VoxelsToLatent

    mesh, full = thing.mesh, thing.full
    context = Context()
    code = VoxelsToLatent(autoencoder)(Voxels(full.astype(np.float32), unit_affine(), "occupancy"), context)
    again = LatentToVoxels(autoencoder)(code, context).values[1:-1, 1:-1, 1:-1]
    level = network("autoencoder", autoencoder)[1].threshold
    return End(code, longest_side(mesh), mesh.units, overlap(np.asarray(again > level), full))


def codes_between(a: Latent, b: Latent, options: Options) -> Iterator[Latent]:
    """`steps` codes from a to b, both included."""
    shares = np.linspace(0, 1, options.steps).tolist()
    rows: Iterator[F32]
    if options.way == "straight":
        rows = ((1 - t) * a.values + t * b.values for t in shares)
    else:
        rows = _flown(a.values, b.values, shares, options.weights)
    for row in rows:
        yield Latent(np.ascontiguousarray(row, np.float32), a.space)


def _flown(a: F32, b: F32, shares: list[float], weights: str | None) -> Iterator[F32]:
    import torch

    from lift3d.inference.networks import asking, network
    from lift3d.nets.flow_matching import LatentFlow, carried, drawn

    net, _ = network("flow", weights)
    assert isinstance(net, LatentFlow)
    any_kind = torch.full((2,), net.kinds)
    with asking():
        ends = net.normalised(torch.from_numpy(np.stack([a, b])))
        noise = carried(net, ends, any_kind, STEPS, back=True)
        lost = ends - drawn(net, noise, any_kind, STEPS)
    x, y = noise.numpy()
    for t in shares:
        if t in (0.0, 1.0):
            yield b if t else a
            continue
        with asking():
            there = drawn(net, torch.from_numpy(slerp(x, y, t))[None], any_kind[:1], STEPS)
            code = net.code(there + (1 - t) * lost[:1] + t * lost[1:])[0]
        yield code.numpy()


def slerp(a: F32, b: F32, t: float) -> F32:
    """Between two vectors: directions on their great circle (Shoemake 1985), lengths in between."""
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    p, q = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    angle = float(np.arccos(np.clip(x @ y / max(p * q, 1e-12), -1, 1)))
    if angle < 1e-4 or angle > np.pi - 1e-4:
        return np.asarray((1 - t) * a + t * b, np.float32)
    way = np.sin((1 - t) * angle) * x / p + np.sin(t * angle) * y / q
    return np.asarray(way / np.sin(angle) * ((1 - t) * p + t * q), np.float32).reshape(a.shape)


def write_between(
    first: Path, second: Path, options: Options, output: Path, say: Say, progress: Progress
) -> dict[str, Any]:
    """step-01.glb ... , sheet.png and report.json in a folder that appears when all are there; the report."""
    from lift3d.geometry.mesh.solidity import require_solid
    from lift3d.io.files.staging import staging_folder
    from lift3d.io.mesh.meshes import load_mesh, save_mesh
    from lift3d.runtime.environment import require_extra, versions

    require_new_folder(output)
    if options.format == "usdz":
        require_extra("usdz", "writing USDZ")
    read = [_read(path) for path in (first, second)]  # both, before the network looks at one
    ends = []
    for i, thing in enumerate(read):
        progress("read", i / len(read))
        ends.append(end_of(thing, options.autoencoder))
    progress("read", 1.0)
    for path, end in zip((first, second), ends):
        if end.held < 0.7:
            say(
                f"the code holds {100 * end.held:.0f} % of {path.name}: it is not like what the network has seen"
            )
    unit = ends[0].unit if ends[0].unit == ends[1].unit else None
    sides = [end.side for end in ends] if unit is not None else [1.0, 1.0]
    rows: list[dict[str, Any]] = []
    tiles, names = [], []
    width = max(2, len(str(options.steps)))
    with staging_folder(output) as folder:
        for i, code in enumerate(codes_between(ends[0].code, ends[1].code, options)):
            made: DecodedSolid | None = decode_solid(code, options.autoencoder)
            if made is None:
                raise CaptureError(
                    f"step {i + 1} fills nothing: there is no thing between these two on this way",
                    "try --way straight" if options.way == "flow" else "try --way flow",
                )
            t = i / (options.steps - 1)
            mesh = scale_to_longest_side(made.mesh, float(sides[0] ** (1 - t) * sides[1] ** t))
            set_unit(mesh, unit)
            name = f"step-{i + 1:0{width}d}.{options.format}"
            save_mesh(mesh, folder / name)
            require_solid(load_mesh(folder / name))
            rows.append({"file": name, "faces": len(mesh.faces)})
            tiles.append(thumbnail(mesh))
            names.append(name)
            progress("interpolate", (i + 1) / options.steps)
        write_contact_sheet(folder / "sheet.png", tiles, names)
        report = {
            **versions(), "from": first.name, "to": second.name, "way": options.way, "unit": unit, "models": rows,
            "held": [round(end.held, 4) for end in ends],
        }  # fmt: skip
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def _read(path: Path) -> Thing:
    from lift3d.io.mesh.meshes import load_mesh

    mesh = load_mesh(path)
    try:
        return thing_of(mesh)
    except InputError as error:
        raise InputError(f"{path.name} cannot be used: {error.cause}", error.advice) from error
