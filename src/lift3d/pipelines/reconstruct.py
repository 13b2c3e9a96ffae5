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
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lift3d.context import Context, Progress, silent
from lift3d.errors import CaptureError, Lift3dError
from lift3d.io.camera.capture_set import capture_set, require_empty_folder
from lift3d.io.files.staging import staging
from lift3d.pipelines.inputs import check_output, read_sources
from lift3d.pipelines.multi_view import Recipe, _model, recipe
from lift3d.pipelines.options import Options
from lift3d.pipelines.report import model_report
from lift3d.runtime.environment import FIRST_RUN, compiled
from lift3d.runtime.json_text import to_json
from lift3d.runtime.runner import Run, Say
from lift3d.runtime.stage_cache import Stages

if TYPE_CHECKING:
    from lift3d.types import Mesh, Photos, Views


@dataclass(frozen=True)
class Outcome:
    """What was written, and the report as written."""

    model: Path
    preview: Path
    report_file: Path
    report: dict[str, Any]


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
        require_empty_folder(options.save_cameras, sources, others)
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
    from lift3d.pipelines.single_view import MOST, model_from_few, wants_a_guess

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


def _write(
    mesh: Mesh, kind: str, scale: dict[str, Any], folder: Path, output: Path, options: Options, run: Run,
    command: Sequence[str], save_views: Callable[[], None] | None,
) -> Outcome:  # fmt: skip
    from lift3d.geometry.mesh.solidity import require_solid
    from lift3d.io.mesh.meshes import load_mesh, save_mesh
    from lift3d.pipelines.preview import write_preview

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
