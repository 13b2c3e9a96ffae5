"""Interpolation between two models: the pipeline of `lift3d interpolate`.

    meshes -> unit voxels -> voxels_to_latent -> noise -> great circle -> latents -> latent_to_voxels -> voxels_to_mesh

In latent space the straight line between two shapes fades one out and the other in. The flow (nets/flow_matching.py) can be
integrated backwards, from a latent to the noise that it comes from (Song, Meng & Ermon 2021, arXiv:2010.02502, section 5.3):
a point between two noise vectors on their great
circle (Shoemake 1985) is plausible noise as well, and flows to a shape. The reconstruction
error of the two ends is added in proportion, so that the path begins and ends exactly at their latents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lift3d.context import Context, Progress
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.mesh.distances import nondegenerate_faces
from lift3d.geometry.metrics.iou import iou
from lift3d.geometry.voxels.canonical_frame import canonical_affine, flatness, voxelize_canonical
from lift3d.pipelines.arguments import (
    Message,
    ModelSource,
    PathLike,
    load_model_mesh,
    mesh_warnings,
    name_of,
    or_ignore,
    or_silent,
)
from lift3d.pipelines.latent_solid import decode_solid, scale_to_longest_side
from lift3d.pipelines.models import (
    Models,
    ModelWriter,
    longest_side,
    model_names,
    require_format,
    require_new_folder,
)
from lift3d.types import F32, Latent, Mesh, Voxels
from lift3d.units import set_unit

MAX_STEPS = 1000
FLOW_STEPS = 24
"""Integration steps of the flow, each way."""
MIN_FACES, MIN_FLATNESS = 4, 1e-3
"""Faces with an area, and the spread across the plane of a mesh by its spread in the plane."""
MIN_OVERLAP = 0.7
"""If the IoU of an end and its reconstruction from the latent is lower, a message is shown."""
PATHS = ("flow", "straight")


@dataclass(frozen=True)
class Options:
    """Options of an interpolation, checked on construction; see `interpolate`."""

    steps: int = 8
    path: str = "flow"
    weights: str | None = None
    autoencoder: str | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.steps <= MAX_STEPS:
            raise InputError(f"steps = {self.steps}", f"give 2 to {MAX_STEPS}: the two ends are counted")
        if self.path not in PATHS:
            raise InputError(f"there is no path called {self.path}", f"choose from {', '.join(PATHS)}")


@dataclass(frozen=True, eq=False)
class EncodedModel:
    """One of the two ends: its latent code, longest side and unit, and the IoU of its voxels with those that the latent is
    decoded to."""

    name: str
    code: Latent
    longest_side: float
    unit: str | None
    overlap: float


def interpolate(
    first: ModelSource,
    second: ModelSource,
    output: PathLike | None = None,
    *,
    steps: int = 8,
    path: str = "flow",
    format: str = "glb",
    weights: str | None = None,
    autoencoder: str | None = None,
    progress: Progress | None = None,
    message: Message | None = None,
) -> Models:
    """Interpolate between two models. Returns closed models, both ends included, as the autoencoder reconstructs them.

    first, second: mesh files or meshes. output: a new folder for step-01.FORMAT ..., sheet.png and report.json; None keeps the
    meshes in memory. steps: 2 to 1000. path: "flow", through the shapes that the flow generates, or "straight", in latent space.
    weights: of the flow; autoencoder: its weights; the package's own if None. message: called with a sentence for an end that the
    autoencoder reconstructs badly, and for what in a file could not be used.

    Raises InputError for a model that is empty or flat, CaptureError where a latent on the path fills nothing.
    """
    from lift3d.inference.generators import find_autoencoder

    options = Options(steps, path, weights, autoencoder or find_autoencoder(weights))
    format = require_format(format)
    if output is not None:
        require_new_folder(Path(output))
    progress = or_silent(progress)
    ends = _encode_ends(first, second, options, progress, or_ignore(message))
    for end in ends:
        if end.overlap < MIN_OVERLAP:
            or_ignore(message)(
                f"the latent code reconstructs {100 * end.overlap:.0f} % of {end.name}: "
                "it is unlike the shapes that the network was trained on"
            )
    run = _Interpolation(ends, options, progress)
    return run.in_memory() if output is None else run.write(Path(output), format)


class _Interpolation:
    """One call of `interpolate`, with its ends encoded."""

    def __init__(self, ends: list[EncodedModel], options: Options, progress: Progress) -> None:
        self.ends, self.options, self.progress = ends, options, progress
        self.names = model_names("step", options.steps)
        self.unit = ends[0].unit if ends[0].unit == ends[1].unit else None
        self.rows: list[dict[str, Any]] = []

    def meshes(self) -> Iterator[Mesh]:
        """The meshes of the path at their size: geometrically between those of the ends where both have the same unit."""
        options = self.options
        sides = [end.longest_side for end in self.ends] if self.unit is not None else [1.0, 1.0]
        for i, code in enumerate(interpolate_latents(self.ends[0].code, self.ends[1].code, options)):
            solid = decode_solid(code, options.autoencoder)
            if solid is None:
                raise CaptureError(
                    f"step {i + 1} fills nothing: there is no shape between these two on this path",
                    f"try --path {'straight' if options.path == 'flow' else 'flow'}",
                )
            t = i / (options.steps - 1)
            mesh = scale_to_longest_side(solid.mesh, float(sides[0] ** (1 - t) * sides[1] ** t))
            set_unit(mesh, self.unit)
            self.rows.append({"faces": len(mesh.faces)})
            yield mesh
            self.progress("interpolate", (i + 1) / options.steps)

    def in_memory(self) -> Models:
        meshes = list(self.meshes())
        return Models(self.names, self.report(), meshes)

    def write(self, output: Path, format: str) -> Models:
        from lift3d.io.files.staging import staging_folder

        with staging_folder(output) as staged:
            writer = ModelWriter(staged, format)
            for name, mesh in zip(self.names, self.meshes(), strict=True):
                writer.add(name, mesh)
            report = writer.finish(self.report())
        return writer.models(output, report)

    def report(self) -> dict[str, Any]:
        from lift3d.runtime.environment import versions

        return {
            **versions(), "from": self.ends[0].name, "to": self.ends[1].name, "path": self.options.path,
            "unit": self.unit, "models": self.rows, "overlap": [round(end.overlap, 4) for end in self.ends],
        }  # fmt: skip


def _encode_ends(
    first: ModelSource, second: ModelSource, options: Options, progress: Progress, message: Message
) -> list[EncodedModel]:
    sources = {"the first mesh": first, "the second mesh": second}
    names = [name_of(source, otherwise) for otherwise, source in sources.items()]
    meshes = [load_model_mesh(source) for source in sources.values()]
    for source, mesh in zip(sources.values(), meshes):
        for sentence in mesh_warnings(source, mesh):
            message(sentence)
    voxels = []
    for name, mesh in zip(names, meshes):
        try:
            voxels.append(voxelize(mesh))
        except InputError as error:
            raise InputError(f"{name} cannot be used: {error.cause}", error.advice) from error
    ends = []
    for i, (name, mesh) in enumerate(zip(names, meshes)):
        progress("read", i / 2)
        ends.append(encode_model(name, mesh, voxels[i], options.autoencoder))
    progress("read", 1.0)
    return ends


def voxelize(mesh: Mesh) -> NDArray[np.bool_]:
    """(64, 64, 64) bool: the voxels that a mesh fills in its unit frame. InputError for a mesh that is flat or fills nothing."""
    vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces)
    faces = faces[nondegenerate_faces(vertices, faces)]
    if 0 < len(faces) < MIN_FACES:
        raise InputError("it has too few faces", "name another model")
    if len(faces) and flatness(vertices[np.unique(faces)]) < MIN_FLATNESS:
        raise InputError("it is a flat sheet", "give it a thickness, or name another model")
    full, _ = voxelize_canonical(mesh)
    if not full.any():
        raise InputError("the mesh fills nothing", "check the file it was read from")
    return full


def encode_model(
    name: str, mesh: Mesh, full: NDArray[np.bool_], autoencoder: str | None = None
) -> EncodedModel:
    """A mesh encoded by the autoencoder. full: its voxels from `voxelize`; autoencoder: weights, None for the package's own."""
    from lift3d.maps.latent_to_voxels import LatentToVoxels
    from lift3d.maps.voxels_to_latent import VoxelsToLatent

    context = Context()
    code = VoxelsToLatent(autoencoder)(
        Voxels(full.astype(np.float32), canonical_affine(), "occupancy"), context
    )
    match = iou(LatentToVoxels(autoencoder)(code, context).inside[1:-1, 1:-1, 1:-1], full)
    return EncodedModel(name, code, longest_side(mesh), mesh.units, match)


def interpolate_latents(a: Latent, b: Latent, options: Options) -> Iterator[Latent]:
    """`options.steps` latents from a to b, both included."""
    fractions = np.linspace(0, 1, options.steps).tolist()
    codes: Iterator[F32]
    if options.path == "straight":
        codes = ((1 - t) * a.values + t * b.values for t in fractions)
    else:
        codes = _flow_path(a.values, b.values, fractions, options.weights)
    for code in codes:
        yield Latent(np.ascontiguousarray(code, np.float32), a.space)


def _flow_path(a: F32, b: F32, fractions: list[float], weights: str | None) -> Iterator[F32]:
    import torch

    from lift3d.inference.networks import inference_mode, load_network
    from lift3d.nets.flow_matching import LatentFlow, integrate_adams_bashforth, integrate_heun

    net, _ = load_network("flow", weights)
    assert isinstance(net, LatentFlow)
    unconditional = torch.full((2,), net.categories)
    with inference_mode():
        ends = net.normalise(torch.from_numpy(np.stack([a, b])))
        noise = integrate_heun(net, ends, unconditional, FLOW_STEPS, reverse=True)
        residual = ends - integrate_adams_bashforth(net, noise, unconditional, FLOW_STEPS)
    x, y = noise.numpy()
    for t in fractions:
        if t in (0.0, 1.0):
            yield b if t else a
            continue
        with inference_mode():
            between = torch.from_numpy(slerp(x, y, t))[None]
            sample = integrate_adams_bashforth(net, between, unconditional[:1], FLOW_STEPS)
            code = net.denormalise(sample + (1 - t) * residual[:1] + t * residual[1:])[0]
        yield code.numpy()


def slerp(a: F32, b: F32, t: float) -> F32:
    """Spherical linear interpolation of two arrays of one shape as vectors (Shoemake 1985): the direction follows their great
    circle, the length is interpolated linearly. The straight line where they are parallel or opposite."""
    x, y = a.ravel().astype(np.float64), b.ravel().astype(np.float64)
    p, q = float(np.linalg.norm(x)), float(np.linalg.norm(y))
    angle = float(np.arccos(np.clip(x @ y / max(p * q, 1e-12), -1, 1)))
    if angle < 1e-4 or angle > np.pi - 1e-4:
        return np.asarray((1 - t) * a + t * b, np.float32)
    direction = np.sin((1 - t) * angle) * x / p + np.sin(t * angle) * y / q
    return np.asarray(direction / np.sin(angle) * ((1 - t) * p + t * q), np.float32).reshape(a.shape)
