"""Photos or a video in, a textured model out: the composition of the mappings.

    photos -> images_to_cameras -> images_to_depths -> depths_to_mesh -> (mesh_to_solid) -> images_to_texture

Each step is timed, may be kept in a work folder and taken up again, and leaves its evidence in the report.
The model, its preview and its report are written to a hidden folder and moved into place together at the end, and
after them the folder with the cameras, if one is wished.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lift3d.context import Context, Progress, silent
from lift3d.errors import CaptureError, InputError, Lift3dError
from lift3d.inputs import check_output, grid_nodes, read_sources
from lift3d.io.capture_set import capture_set, require_free
from lift3d.io.staging import staging
from lift3d.mapping import Card, Mapping
from lift3d.model_report import model_report
from lift3d.run_report import FIRST_RUN, compiled
from lift3d.runner import Run, Say, to_json
from lift3d.scale import Scale, mark_pixels
from lift3d.stages import Stages
from lift3d.units import set_unit

if TYPE_CHECKING:
    from lift3d.types import DepthMaps, Mesh, Photos, Views

KINDS = ("auto", "object", "scene")
METHODS = ("auto", "measured", "guessed")
TEXTURE = 2048
"""Texels along each side where many photos are measured, unless the user says otherwise."""
MEASURED = ("photos", "cameras", "depths", "surface", "solid", "texture", "output")
GUESSED = ("photos", "shape", "surface", "solid", "texture", "output")
"""Steps of the two ways."""


@dataclass(frozen=True)
class Options:
    """What the user wishes. method: measured (from many photos), guessed (from one to eight, by a network with these
    weights) or auto; uncertainty: of a guess, written beside it;
    max_size: long side of the photos as used, in pixels; texture: side of the atlas;
    faces: about how many triangles; frames: how many are taken from a video; memory: budget in bytes;
    save_cameras: folder for the straightened photos with their cameras in the model's frame."""

    kind: str = "auto"
    method: str = "auto"
    weights: str | None = None
    mask_weights: str | None = None
    uncertainty: bool = False
    scale: Scale = field(default_factory=Scale)
    cameras: Path | None = None
    masks: Path | None = None
    max_size: int = 1600
    texture: int | None = None
    faces: int | None = None
    frames: int = 48
    shared_intrinsics: bool | None = None
    seed: int = 0
    memory: int = 3 * 10**9
    work: Path | None = None
    save_cameras: Path | None = None

    def __post_init__(self) -> None:
        limits = {
            "max_size": (200, 16384),
            "texture": (256, 8192),
            "faces": (100, 20_000_000),
            "frames": (3, 1000),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(
                    f"{name.replace('max_', '')} is {value}", f"give a number from {low} to {high}"
                )
        for what, value, known in (("kind", self.kind, KINDS), ("method", self.method, METHODS)):
            if value not in known:
                raise InputError(f"{what} is '{value}'", f"use one of {', '.join(known)}")


@dataclass(frozen=True)
class Outcome:
    """What was written, and the report as written."""

    model: Path
    preview: Path
    report_file: Path
    report: dict[str, Any]


@dataclass
class Recipe:
    """The mappings of one run."""

    cameras: Mapping[Photos, Views]
    depths: Mapping[Views, DepthMaps]
    surface: Mapping[DepthMaps, Mesh]
    solid: Mapping[Mesh, Mesh]
    texture: Callable[[Views], Mapping[Mesh, Mesh]]


@dataclass(frozen=True)
class KnownCameras(Mapping["Photos", "Views"]):
    """Stands in for images_to_cameras when the cameras are in a file (COLMAP model or transforms.json)."""

    path: Path
    card = Card("images_to_cameras", "Photos", "Views", ("the given poses are kept",))

    def apply(self, source: Photos, context: Context) -> Views:
        from lift3d.io.cameras import match_cameras, read_known
        from lift3d.maps.images_to_cameras import views_from_cameras

        known = read_known(self.path)
        photos, cameras = match_cameras(source, known.cameras)
        used = {image.name for image in photos.images}
        rows = [
            {"name": name, "status": "registered", "reason": ""}
            if name in used
            else {"name": name, "status": "left out", "reason": f"no camera of this name in {self.path.name}"}
            for name in (image.name for image in source.images)
        ]
        context.note(self.card.name, photos=rows)
        return views_from_cameras(photos, cameras, context, known.unit)


def recipe(options: Options, photos: Photos) -> Recipe:
    """The mappings as the options wish them and as the memory beside these photos allows."""
    from lift3d.maps.depths_to_mesh import DepthsToMesh
    from lift3d.maps.images_to_cameras import ImagesToCameras
    from lift3d.maps.images_to_depths import ImagesToDepths
    from lift3d.maps.images_to_texture import ImagesToTexture
    from lift3d.maps.mesh_to_solid import MeshToSolid

    surface = DepthsToMesh(options.kind, nodes=grid_nodes(options.memory, photos))
    return Recipe(
        ImagesToCameras(options.shared_intrinsics)
        if options.cameras is None
        else KnownCameras(options.cameras),
        ImagesToDepths(),
        surface if options.faces is None else dataclasses.replace(surface, faces=options.faces),
        MeshToSolid(),
        lambda views: ImagesToTexture(views=views, size=options.texture or TEXTURE),
    )


def reconstruct(
    sources: Sequence[str | Path],
    output: str | Path,
    options: Options | None = None,
    progress: Progress = silent,
    say: Say = lambda sentence: None,
    command: Sequence[str] = (),
    make_recipe: Callable[[Options, Photos], Recipe] | None = None,
) -> Outcome:
    """Read `sources`, reconstruct, and write `output` with NAME.png and NAME.report.json beside it.

    Raises `Lift3dError` with one sentence for everything a user can act on. progress is called with a name of
    MEASURED or GUESSED and its fraction done; say takes sentences; command: the words of the command line, for the report.
    """
    options = options if options is not None else Options()
    output = Path(output)
    check_output(output, sources)
    if options.save_cameras is not None:
        others = [output] if options.work is None else [output, options.work]
        require_free(options.save_cameras, sources, others)
    with ExitStack() as stack:
        save = None  # entered before the model's folder, so it ends after: no cameras without their model
        if options.save_cameras is not None:
            save = stack.enter_context(capture_set(options.save_cameras))
        folder = stack.enter_context(staging(output))
        stages = stack.enter_context(Stages(options.work)) if options.work is not None else None
        run = Run(Context(seed=options.seed, memory_budget=options.memory), progress, say, stages)
        if not compiled():
            run.say(FIRST_RUN)
        try:
            photos = read_sources(sources, options, run)
            mesh, views, kind, scale = _either(photos, options, run, make_recipe or recipe)
        except Lift3dError as error:
            if stages is not None:  # the evidence helps to take better photos
                (stages.folder / "failure.json").write_text(
                    to_json({"error": str(error)} | run.context.report)
                )
            raise
        save_views = None if save is None else partial(save, views)
        return _write(mesh, kind, scale, folder, output, options, run, command, save_views)


def _either(
    photos: Photos, options: Options, run: Run, make_recipe: Callable[[Options, Photos], Recipe]
) -> tuple[Mesh, Views, str, dict[str, Any]]:
    """Measured from many photos, or guessed from few; of three to eight that cannot be measured the guess is what is
    left."""
    from lift3d.few_photos import MOST, model_from_few, wants_a_guess

    if wants_a_guess(len(photos), options):
        return model_from_few(photos, options, run)
    try:
        found = _model(photos, make_recipe(options, photos), options, run)
        if options.uncertainty or options.weights is not None:
            run.warn("This model is measured, not guessed: --uncertainty and --weights say nothing of it.")
        return found
    except CaptureError as error:
        if (
            options.method != "auto"
            or len(photos) > MOST
            or options.kind == "scene"
            or options.cameras is not None
        ):
            raise
        run.say(f"The photos could not be measured ({error.cause}); trying to guess the shape from them.")
        try:
            found = model_from_few(photos, options, run)
        except Lift3dError:
            raise error from None
        run.warn(
            f"The shape is a guess from what the photos show, as they could not be measured: {error.cause}."
        )
        return found


def _model(
    photos: Photos, maps: Recipe, options: Options, run: Run
) -> tuple[Mesh, Views, str, dict[str, Any]]:
    """The textured mesh, upright and of known size if given; the views in its frame; its kind; how the scale was
    found."""
    from lift3d.geometry.frames import moved_views

    views = run.step("cameras", maps.cameras, photos)
    run.context.note("reconstruct", photos=len(photos), placed=len(views))
    if len(views) < len(photos):
        run.warn(
            f"{len(photos) - len(views)} of {len(photos)} photos could not be placed; the report says why."
        )
    mesh = run.step("surface", maps.surface, run.step("depths", maps.depths, views))
    if len(mesh.faces) == 0:
        raise CaptureError("no surface came out of the photos", "take more photos with more overlap")
    world_from_model = np.asarray(mesh.metadata.pop("world_from_model", np.eye(4)), np.float64)
    views = moved_views(views, np.linalg.inv(world_from_model).astype(np.float64), views.unit)
    mesh, views, scale = sized(mesh, views, options, run)
    kind = run.context.report[maps.surface.card.name]["kind"]
    if kind == "object":
        mesh = solid(mesh, maps.solid, run)
    mesh = set_unit(run.step("texture", maps.texture(views), mesh, keep=False), views.unit)
    return mesh, views, kind, scale


def sized(mesh: Mesh, views: Views, options: Options, run: Run) -> tuple[Mesh, Views, dict[str, Any]]:
    """Mesh and views at the size that the user gives, if any; and how the scale was found."""
    from lift3d.geometry.frames import moved_views

    set_unit(mesh, views.unit)
    how = "not given: the unit is unknown" if views.unit is None else "the cameras are given in metres"
    scale: dict[str, Any] = {"given": options.scale.wanted, "how": how}
    if options.scale.wanted:
        marks = mark_pixels(options.scale.marks, views, run.context.report) if options.scale.marks else None
        factor, scale["how"] = options.scale.factor(mesh, views, marks)
        mesh.vertices = np.asarray(mesh.vertices) * factor
        set_unit(mesh, "m")
        views = moved_views(views, np.diag([factor, factor, factor, 1.0]), "m")
    return mesh, views, scale


def solid(mesh: Mesh, repair: Mapping[Mesh, Mesh], run: Run) -> Mesh:
    """The mesh itself if it passes the predicate, else repaired."""
    from lift3d.geometry.topology import inspect_solid

    with run.measured("solid"):
        report = inspect_solid(mesh)
        if report.is_solid:
            return mesh
        run.warn(f"The surface needed repair to be solid: {', '.join(report.failures())}.")
        return set_unit(repair(mesh, run.context), mesh.units)


def _write(
    mesh: Mesh, kind: str, scale: dict[str, Any], folder: Path, output: Path, options: Options, run: Run,
    command: Sequence[str], save_views: Callable[[], None] | None,
) -> Outcome:  # fmt: skip
    from lift3d.geometry.topology import require_solid
    from lift3d.io.meshes import load_mesh, save_mesh
    from lift3d.preview import write_preview

    preview, report_file = output.with_suffix(".png"), output.with_suffix(".report.json")
    with run.measured("output"):
        save_mesh(mesh, folder / output.name)
        # an object is judged as its file holds it, and no file that fails is moved into place
        solid = require_solid(load_mesh(folder / output.name)) if kind == "object" else None
        write_preview(mesh, folder / preview.name)
        for name, extra in run.extras.items():
            save_mesh(extra, folder / f"{output.stem}.{name}.ply")
        if save_views is not None:
            save_views()
    report = model_report(mesh, kind, solid, scale, run, dataclasses.asdict(options), command, folder)
    (folder / report_file.name).write_text(to_json(report), encoding="utf-8")
    return Outcome(output, preview, report_file, report)
