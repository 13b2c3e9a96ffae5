"""Photos, a video or a scan to a textured model: measured from many photos or frames with depth, or predicted from few photos.

Each step is timed, may be cached in a work folder and resumed, and leaves its evidence in the report. The model, its preview
and its report are written to a hidden folder and moved into place together; the folder with the cameras follows them.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lift3d.context import Context, Progress, silent
from lift3d.errors import CaptureError, Lift3dError
from lift3d.geometry.mesh.solidity import inspect_solid
from lift3d.io.camera.capture_set import capture_set, require_empty_folder
from lift3d.io.files.staging import staging
from lift3d.pipelines.reconstruction.backdrop import mask_plain_backdrops
from lift3d.pipelines.reconstruction.finish import Model
from lift3d.pipelines.reconstruction.inputs import check_output, paths_of, read_sources
from lift3d.pipelines.reconstruction.multi_view import MakeMappings, measure_model, multi_view_mappings
from lift3d.pipelines.reconstruction.options import Options
from lift3d.pipelines.reconstruction.report import files, model_report
from lift3d.pipelines.reconstruction.rgbd import measure_scan, scan_folder
from lift3d.pipelines.write_model import preview_path, report_path, write_mesh_and_preview, write_report
from lift3d.runtime.compilation import compilation_notice
from lift3d.runtime.json_text import jsonable, to_json
from lift3d.runtime.runner import Run, Say
from lift3d.runtime.stage_cache import Stages
from lift3d.types import Mesh, Photos, Views


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """A reconstructed model.

    mesh: textured, z up; `mesh.units` is "m" if the scale is known, else None. views: the undistorted photos with their
    cameras in the frame of the mesh. kind: "object" (closed) or "scene" (open). report: JSON-able, as NAME.report.json.
    warnings: sentences. uncertainty: for a prediction on request, the mesh coloured by uncertainty. confidence: of a prediction,
    in [0, 1]; None if measured. model_file: where the model was written, or None.
    """

    mesh: Mesh
    views: Views
    kind: str
    report: dict[str, Any]
    warnings: tuple[str, ...] = ()
    uncertainty: Mesh | None = None
    confidence: float | None = None
    model_file: Path | None = field(default=None)

    @property
    def preview_file(self) -> Path | None:
        """Where the preview was written, or None."""
        return None if self.model_file is None else preview_path(self.model_file)

    @property
    def report_file(self) -> Path | None:
        """Where the report was written, or None."""
        return None if self.model_file is None else report_path(self.model_file)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model, NAME.png and NAME.report.json; returns the path of the model.

        The ending decides the format: .glb .obj .ply .stl .3mf .usdz. Raises SolidError, and writes nothing, if an object
        is not solid as its file holds it.
        """
        output = Path(path)
        check_output(output, [])
        with staging(output) as folder:
            extras = {} if self.uncertainty is None else {"uncertainty": self.uncertainty}
            write_mesh_and_preview(self.mesh, folder, output.name, self.kind == "object", extras)
            write_report({**self.report, "files": files(folder)}, folder, output.name)
        return output


def reconstruct(
    sources: Sequence[Any],
    output: str | os.PathLike[str] | None = None,
    options: Options | None = None,
    progress: Progress = silent,
    say: Say = lambda sentence: None,
    command: Sequence[str] = (),
    make_mappings: MakeMappings | None = None,
) -> Reconstruction:
    """Reconstruct a model from `sources`: photos, folders, patterns, one video, one folder of colour and depth frames, or
    pictures in memory.

    output: a model file to write, with NAME.png and NAME.report.json beside it; nothing is written if None. progress: called
    with a name of MEASURED_STEPS or PREDICTED_STEPS and the fraction done. say: called with sentences for the user. command: the
    command line, for the report. make_mappings: other mappings, for tests. Raises `Lift3dError` for every failure that the user
    can act on.
    """
    options = options if options is not None else Options()
    target = None if output is None else Path(output)
    if target is not None:
        check_output(target, sources)
    if options.save_cameras is not None:
        others = [path for path in (target, options.work) if path is not None]
        require_empty_folder(options.save_cameras, paths_of(sources), others)
    with ExitStack() as stack:
        save_views = (
            None  # entered before the model's folder, so that the cameras appear only after the model
        )
        if options.save_cameras is not None:
            save_views = stack.enter_context(capture_set(options.save_cameras))
        folder = None if target is None else stack.enter_context(staging(target))
        stages = stack.enter_context(Stages(options.work)) if options.work is not None else None
        run = Run(Context(seed=options.seed, memory_budget=options.memory), progress, say, stages)
        stack.enter_context(compilation_notice(run.say))
        try:
            scan = scan_folder(sources, options)
            if scan is not None:
                model = measure_scan(scan, options, run)
            else:
                photos = read_sources(sources, options, run)
                model = _measure_or_predict(photos, options, run, make_mappings or multi_view_mappings)
        except Lift3dError as error:
            if stages is not None:  # the evidence helps to take better photos
                (stages.folder / "failure.json").write_text(
                    to_json({"error": str(error)} | run.context.report)
                )
            raise
        return _finish(model, options, run, command, target, folder, save_views)


def _measure_or_predict(photos: Photos, options: Options, run: Run, make_mappings: MakeMappings) -> Model:
    """The model, measured from many photos or predicted from few; predicted as well if measuring three to eight photos fails."""
    from lift3d.pipelines.reconstruction.single_view import MAX_PHOTOS, is_prediction, predict_model

    if is_prediction(len(photos), options):
        return predict_model(photos, options, run)
    try:
        photos = mask_plain_backdrops(photos, options, run)
        model = measure_model(photos, make_mappings(options, photos), options, run)
    except CaptureError as error:
        single = options.kind != "scene" and options.cameras is None
        if options.method != "auto" or len(photos) > MAX_PHOTOS or not single:
            raise
        run.say(f"The photos could not be measured ({error.cause}); predicting the shape from them.")
        try:
            model = predict_model(photos, options, run)
        except Lift3dError:
            raise error from None
        run.warn(f"The shape is predicted, because the photos could not be measured: {error.cause}.")
        return model
    if options.uncertainty or options.weights is not None:
        run.warn("This model is measured, not predicted: --uncertainty and --weights have no effect.")
    return model


def _finish(
    model: Model,
    options: Options,
    run: Run,
    command: Sequence[str],
    target: Path | None,
    folder: Path | None,
    save_views: Callable[[Views], None] | None,
) -> Reconstruction:
    """The result, written into `folder` if there is one."""
    extras = {} if model.uncertainty is None else {"uncertainty": model.uncertainty}
    with run.measured("output"):
        if target is not None and folder is not None:
            solid = write_mesh_and_preview(model.mesh, folder, target.name, model.kind == "object", extras)
        else:
            solid = inspect_solid(model.mesh) if model.kind == "object" else None
        if save_views is not None:
            save_views(model.views)
    report = model_report(model, solid, run, dataclasses.asdict(options), command)
    if target is not None and folder is not None:
        report["files"] = files(folder)
        write_report(report, folder, target.name)
    return Reconstruction(
        model.mesh, model.views, model.kind, jsonable(report), tuple(run.warnings), model.uncertainty,
        model.confidence, target,
    )  # fmt: skip
