"""New things of a kind: the pipeline of `lift3d generate`.

label -> label_to_latent -> latent_to_voxels -> voxels_to_mesh -> (mesh_to_solid)
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.metrics.solids import overlap
from lift3d.geometry.repair.flat_base import standing
from lift3d.geometry.symmetry.symmetrize import self_mirrored
from lift3d.geometry.voxels.bridge_components import joined
from lift3d.inference.rejection_sampling import AMONG, surest
from lift3d.types import F32, Latent, Mesh, Voxels
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.inference.generators import Drawer

FORMATS = ("glb", "stl", "3mf", "obj", "ply", "usdz")
MOST = 10_000
SECONDS, MEGABYTES = 1.2, 0.5
"""A model takes about, told before many are made."""
MANY = 100
SAME = 0.92
"""Solids that overlap more than this are one and the same."""
TRIES = 4
"""Times as many draws as models, at most."""
MOST_AMONG = 64
MOST_LETTERS = 60
"""Of a kind, in the names of files."""
SMALLEST = 40
"""Full cells that a thing must have."""
FACES = 12_000
FOOT = 0.004
"""Of the longest side: so much is cut off below, for the thing to stand."""
SHOWN = 64
THING = "thing"
"""What a model is called whose generator knows no kinds."""
Say = Callable[[str], None]
Progress = Callable[[str, float], None]
NO_KIND = "nothing was asked for", "name a kind, as in lift3d generate chair -o chairs"


@dataclass(frozen=True)
class Options:
    """size: longest side in metres, None leaves it 1 without a unit; format: ending of the files; mirror: what is nearly its own
    mirror image is made so; among: draws, of which one is taken (inference/rejection_sampling.py); outline: whether
    a drawing begins with a
    layout as things of the kind have it (nets/latent_pca.py)."""

    count: int = 1
    seed: int = 0
    model: str = "flow"
    format: str = "glb"
    size: float | None = None
    weights: str | None = None
    autoencoder: str | None = None
    mirror: bool = True
    among: int = AMONG
    outline: bool = True

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(f"{self.count} models were asked for", "ask for 1 or more with -n")
        if self.count > MOST:
            hours, room = self.count * SECONDS / 3600, self.count * MEGABYTES / 1000
            raise InputError(
                f"{self.count} models would take about {hours:.0f} hours and {room:.0f} GB",
                f"ask for {MOST} at most, and for more with another --seed",
            )
        if self.format not in FORMATS:
            raise InputError(f"{self.format} is not a model format", f"use one of {' '.join(FORMATS)}")
        if not 1 <= self.among <= MOST_AMONG:
            raise InputError(f"--among is {self.among}", f"give 1 to {MOST_AMONG}")
        if self.seed < 0:
            raise InputError(f"the seed {self.seed} is negative", "give 0 or more")


@dataclass
class DecodedSolid:
    """A model and what was found on the way. draws: how many were needed for it."""

    mesh: Mesh
    full: NDArray[np.bool_]
    draws: int
    evidence: dict[str, Any] = field(default_factory=dict)


def generated(kind: str | None, options: Options, held: Drawer | None = None) -> Iterator[DecodedSolid]:
    """Models of a kind, each a solid on its foot, unlike the ones before it. kind: None where the generator knows none."""
    held = held if held is not None else drawer_of(options)
    kind = kind_of(held, kind)
    number = held.kinds.index(kind) if held.kinds else 0
    kept: list[NDArray[np.bool_]] = []
    draws, since = 0, 0

    def drawn(draw: int) -> F32:
        return surest(held, number, (options.seed, draw), options.autoencoder, options.among)

    with Prefetch(drawn) as codes:
        while len(kept) < options.count:
            if draws >= max(TRIES * options.count, 16):
                raise CaptureError(
                    f"after {draws} draws there are {len(kept)} solids of {kind} that differ: the generator has no more",
                    f"ask for {max(len(kept), 1)}, or for another kind",
                )
            code = codes.get(draws, more=len(kept) + 1 < options.count)
            draws, since = draws + 1, since + 1
            made = decode_solid(Latent(code, held.space), options.autoencoder, options.seed, options.mirror)
            if made is None or any(overlap(made.full, other) > SAME for other in kept):
                continue
            kept.append(made.full)
            made.draws, since = since, 0
            yield made


class Prefetch:
    """draw(0), draw(1), ... of which the next is drawn by a thread of its own while the last is worked on: torch and the heavy
    kernels of the geometry let go of the interpreter."""

    def __init__(self, draw: Callable[[int], F32]) -> None:
        self.draw, self.next = draw, dict[int, Future[F32]]()
        self.pool = ThreadPoolExecutor(1)

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(self, *raised: object) -> None:
        self.pool.shutdown(cancel_futures=True)

    def get(self, number: int, more: bool) -> F32:
        """Draw `number`; more: whether the one after it will be asked for, as far as can be told."""
        waiting = self.next.pop(number, None)
        code = self.draw(number) if waiting is None else waiting.result()
        if more:
            self.next[number + 1] = self.pool.submit(self.draw, number + 1)
        return code


def kind_of(held: Drawer, kind: str | None) -> str:
    """The generator's own name of the kind that is meant; THING where it knows none, and none is asked for."""
    from lift3d.taxonomy.lookup import kind_number

    if held.kinds and kind is not None:
        return held.kinds[kind_number(held.kinds, kind)]
    if held.kinds:
        raise InputError(*NO_KIND)
    if kind is not None:
        raise InputError(f"{held.model} knows no kinds", "leave the kind out, or leave --model out")
    return THING


def file_stem(kind: str) -> str:
    """The kind as part of a file's name: whoever trained a network may have called it anything."""
    return re.sub(r"\W+", "_", kind)[:MOST_LETTERS]


def drawer_of(options: Options) -> Drawer:
    """The generator that is asked for."""
    from lift3d.inference.generators import drawer

    begin = None if options.outline else 0.0
    return drawer(options.model, options.weights, options.autoencoder, begin=begin)


def decode_solid(
    code: Latent, autoencoder: str | None = None, seed: int = 0, mirror: bool = False
) -> DecodedSolid | None:
    """The solid of a code, upright on a flat foot; None where the code fills next to nothing, or nothing closed. mirror: what is
    nearly its own mirror image is made so."""
    from lift3d.inference.networks import network
    from lift3d.maps.latent_to_voxels import LatentToVoxels

    context = Context(seed=seed)
    voxels = LatentToVoxels(autoencoder)(code, context)
    level = network("autoencoder", autoencoder)[1].threshold
    share = self_mirrored(voxels.values, level)[0] if mirror else voxels.values
    share = joined(share, level, feet=True)
    full = np.asarray(share > level)
    if int(full.sum()) < SMALLEST:
        return None
    mesh = extract_solid(Voxels(share, voxels.affine, "occupancy"), level, context)
    if mesh is None:
        return None
    v, f, _ = standing(
        np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int32), FOOT * longest_side(mesh)
    )
    return DecodedSolid(trimesh.Trimesh(v, f, process=False, validate=False), full, 1, context.report)


def extract_solid(voxels: Voxels, level: float, context: Context) -> Mesh | None:
    """The surface of the cells as a solid, repaired where it must be; None where that fails."""
    from lift3d.errors import Lift3dError
    from lift3d.geometry.mesh.solidity import inspect_solid
    from lift3d.maps.mesh_to_solid import MeshToSolid
    from lift3d.maps.voxels_to_mesh import NAME, VoxelsToMesh

    mesh = VoxelsToMesh(level, even=True, faces=FACES)(voxels, context)
    if context.report[NAME]["solid"] or inspect_solid(mesh).is_solid:
        return mesh
    try:
        mesh = MeshToSolid()(mesh, context)
    except Lift3dError:
        return None
    return mesh if inspect_solid(mesh).is_solid else None


def longest_side(mesh: Mesh) -> float:
    return float(np.ptp(np.asarray(mesh.vertices), axis=0).max())


def scale_to_longest_side(mesh: Mesh, size: float | None) -> Mesh:
    """With its longest side so many metres; 1, without a unit, if none are given."""
    mesh.vertices = np.asarray(mesh.vertices) * ((1.0 if size is None else size) / longest_side(mesh))
    return set_unit(mesh, None if size is None else "m")


def write_generated(
    kind: str | None, options: Options, output: Path, say: Say, progress: Progress
) -> dict[str, Any]:
    """The models KIND-01.glb ... , sheet.png and report.json in a folder that appears when all are there; the report."""
    from lift3d.geometry.mesh.solidity import require_solid
    from lift3d.io.files.staging import staging_folder
    from lift3d.io.mesh.meshes import load_mesh, save_mesh
    from lift3d.runtime.environment import require_extra, versions

    require_new_folder(output)
    if options.format == "usdz":
        require_extra("usdz", "writing USDZ")
    held = drawer_of(options)
    what = kind_of(held, kind)
    if options.count >= MANY:
        say(f"{options.count} models take about {options.count * SECONDS / 60:.0f} min and "
            f"{options.count * MEGABYTES:.0f} MB")  # fmt: skip
    started = time.monotonic()
    rows: list[dict[str, Any]] = []
    tiles: list[NDArray[np.uint8]] = []
    names: list[str] = []
    width = max(2, len(str(options.count)))
    with staging_folder(output) as folder:
        for i, made in enumerate(generated(kind, options, held)):
            mesh = scale_to_longest_side(made.mesh, options.size)
            name = f"{file_stem(what)}-{i + 1:0{width}d}.{options.format}"
            save_mesh(mesh, folder / name)
            require_solid(load_mesh(folder / name))  # what counts is what the file holds
            rows.append({"file": name, "faces": len(mesh.faces), "draws": made.draws,
                         "size": [round(float(e), 5) for e in np.ptp(np.asarray(mesh.vertices), axis=0)]})  # fmt: skip
            if len(tiles) < SHOWN:
                tiles.append(thumbnail(mesh))
                names.append(name)
            progress("generate", (i + 1) / options.count)
        write_contact_sheet(folder / "sheet.png", tiles, names)
        report = {
            **versions(), "kind": what, "model": options.model, "weights": held.found.name, "seed": options.seed,
            "outline": what in held.outlined,
            "unit": None if options.size is None else "m", "models": rows,
            "draws": sum(int(row["draws"]) for row in rows), "seconds": round(time.monotonic() - started, 2),
        }  # fmt: skip
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def require_new_folder(output: Path) -> None:
    """Refuse a folder that holds something, or no folder."""
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        what = "holds other files already" if output.is_dir() else "is a file"
        raise InputError(f"{output} {what}", "name a new folder with -o")


def thumbnail(mesh: Mesh, side: int = 192) -> NDArray[np.uint8]:
    """(side, side, 3) of the model from the front, the right and above."""
    from lift3d.io.image.contact_sheet import render_tile
    from lift3d.types import Part

    v, f = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
    return render_tile([Part(v, f)], side)


def write_contact_sheet(path: Path, tiles: list[NDArray[np.uint8]], labels: list[str]) -> None:
    """All pictures in one."""
    from lift3d.io.image.contact_sheet import contact_sheet

    across = min(len(tiles), 8) if len(tiles) != 9 else 3
    contact_sheet(tiles, labels, across).save(path, format="PNG")
