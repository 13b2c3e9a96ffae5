"""`lift3d reconstruct`: photos, a video or a scan to a model with a preview and a report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lift3d.cli.console.progress import Show
from lift3d.units import format_length, format_memory, format_seconds

if TYPE_CHECKING:
    from lift3d.pipelines.reconstruct import Reconstruction


def reconstruct(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="A folder of photos or of colour and depth frames, photos, a pattern in quotes, or one video."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model: .glb .obj .ply .stl .3mf .usdz")],
    kind: Annotated[str, typer.Option(help="auto, object (closed) or scene (open).")] = "auto",
    method: Annotated[
        str,
        typer.Option(
            help="measured (from many photos), predicted (from one to eight, by a network) or auto."
        ),
    ] = "auto",
    weights: Annotated[
        str | None,
        typer.Option(help="Your own weights for the prediction: a run's folder or a weights file."),
    ] = None,
    uncertainty: Annotated[
        bool,
        typer.Option(
            "--uncertainty",
            help="Write NAME.uncertainty.ply, whose colours show the uncertainty of a prediction.",
        ),
    ] = False,
    height: Annotated[str | None, typer.Option(help="Real height, along the up axis, such as 24cm.")] = None,
    width: Annotated[
        str | None, typer.Option(help="Real width, the larger horizontal extent, such as 24cm.")
    ] = None,
    marks: Annotated[
        str | None,
        typer.Option(help="Two pixels of a photo and their real distance: PHOTO,x1,y1,x2,y2,12cm"),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(help="Known cameras: a COLMAP model folder, a transforms.json, or Polycam's raw data."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Masks, white on the object: a folder with names like the photos, or a file for one photo."
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(help="X,Y: a pixel on the object of the one photo; may be repeated."),
    ] = None,
    not_at: Annotated[
        list[str] | None, typer.Option(help="X,Y: a pixel that does not belong to it; may be repeated.")
    ] = None,
    box: Annotated[
        str | None, typer.Option(help="X0,Y0,X1,Y1: a box around the object of the one photo.")
    ] = None,
    size: Annotated[int, typer.Option(help="Long side in pixels to which photos are reduced.")] = 1600,
    texture: Annotated[
        int | None,
        typer.Option(
            help="Side of the texture in pixels, up to 8192. Default: 2048, or 1024 for a prediction."
        ),
    ] = None,
    faces: Annotated[int | None, typer.Option(help="Approximate number of triangles.")] = None,
    frames: Annotated[int, typer.Option(help="Number of frames taken from a video.")] = 48,
    save_cameras: Annotated[
        Path | None,
        typer.Option(help="Folder for the undistorted photos with their cameras (COLMAP, transforms.json)."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder in which finished steps are cached; the same command resumes from there."),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same photos, options and seed give the same bytes.")] = 0,
    memory: Annotated[str, typer.Option(help="Memory budget; photos are reduced to stay within it.")] = "3GB",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Number of processor cores. Default: all.")
    ] = None,
    shared_intrinsics: Annotated[
        bool | None,
        typer.Option(
            "--shared-intrinsics/--per-photo-intrinsics",
            help="One lens and zoom for all photos, or one for each. Default: by size and EXIF.",
        ),
    ] = None,
    turntable: Annotated[
        bool | None,
        typer.Option(
            "--turntable/--no-turntable",
            help="The object turned before a still camera. Default: found out from what stands still.",
        ),
    ] = None,
    delight: Annotated[
        bool, typer.Option("--delight", help="Remove the estimated light from the texture: albedo.")
    ] = False,
    depth_unit: Annotated[
        str | None,
        typer.Option(help="Unit of depth images: mm, cm, m or steps per metre. Default: that of the layout."),
    ] = None,
    fill_holes: Annotated[
        bool,
        typer.Option("--fill-holes", help="Fill small holes of the depth images from their border."),
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Write a model even if few photos were placed or it disagrees with them."
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Reconstruct a textured 3D model from photos, a video or the frames of a depth camera. NAME.png and NAME.report.json are
    written beside it."""
    from lift3d.runtime.environment import limit_threads

    if threads is not None:
        limit_threads(threads)  # before numba is imported
    from lift3d import api

    with Show(quiet) as show:
        result = api.reconstruct(
            list(sources),
            output,
            kind=kind,
            method=method,
            height=height,
            width=width,
            marks=marks,
            cameras=cameras,
            masks=masks,
            at=at,
            not_at=not_at,
            box=box,
            max_size=size,
            texture=texture,
            faces=faces,
            frames=frames,
            weights=weights,
            uncertainty=uncertainty,
            shared_intrinsics=shared_intrinsics,
            turntable=turntable,
            delight=delight,
            depth_unit=depth_unit,
            fill_holes=fill_holes,
            force=force,
            seed=seed,
            memory=memory,
            work=work,
            save_cameras=save_cameras,
            progress=show.step,
            message=show.say,
            command=["lift3d", *sys.argv[1:]],
        )
    if not quiet:
        for line in summary(result):
            typer.echo(line)


def summary(result: Reconstruction) -> list[str]:
    """The result in a few lines."""
    report = result.report
    model, run = report["model"], report["run"]
    photos = report["evidence"]["reconstruct"]
    size = (
        " x ".join(format_length(e) for e in model["size"])
        if model["unit"]
        else "unknown (give --height, --width or --marks)"
    )
    if model["is_solid"]:
        closed = "solid: closed, oriented, free of self-intersection and debris"
    else:
        closed = "open, as scenes are; it cannot be printed as it is"
    accuracy = [] if result.confidence is None else accuracy_lines(result)
    return [
        f"model    {result.model_file}",
        f"preview  {result.preview_file}",
        f"report   {result.report_file}",
        *accuracy,
        f"kind     {report['kind']}: {report['kind_why']}",
        f"surface  {model['faces']} triangles, {closed}",
        f"size     {size}",
        f"photos   {photos['placed']} of {photos['photos']} used"
        + (f"; {photos['how']}" if "how" in photos else ""),
        f"needed   {format_seconds(run['seconds'])} and {format_memory(run['peak_memory'])}",
    ]


def accuracy_lines(result: Reconstruction) -> list[str]:
    """How far to trust a predicted shape: the measured accuracy of its network, and where the network was undecided.

    The network's confidence in one shape is not printed: it does not tell good predictions from bad ones (docs/benchmarks.md)."""
    from lift3d.weights import find

    card = find(result.report["options"].get("weights") or "image_to_voxels")
    measured = card.metrics.get("iou", card.validation.get("iou"))
    lines = []
    if measured is not None:
        lines.append(
            f"accuracy such a prediction and the true shape share about {100 * measured:.0f} % of the volume that either "
            "fills (IoU), on average over objects not seen in training"
        )
    if result.uncertainty is not None and result.model_file is not None:
        colours = result.model_file.with_name(f"{result.model_file.stem}.uncertainty.ply")
        lines.append(f"undecided red where the network wavers between full and empty: {colours}")
    return lines
