"""`lift3d reconstruct`: photos or a video in, a model, its preview and its report out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lift3d.cli.progress import Show
from lift3d.units import format_length, format_memory, format_seconds, parse_length, parse_memory

if TYPE_CHECKING:
    from lift3d.pipelines.reconstruct import Outcome


def reconstruct(
    sources: Annotated[
        list[str], typer.Argument(help="A folder, photos, a pattern in quotes, or one video.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model: .glb .obj .ply .stl .3mf .usdz")],
    kind: Annotated[str, typer.Option(help="auto, object (closed) or scene (open).")] = "auto",
    method: Annotated[
        str, typer.Option(help="measured (many photos), guessed (one to eight, by a network) or auto.")
    ] = "auto",
    weights: Annotated[
        str | None, typer.Option(help="Weights of your own for the guess: a run's folder or a file.")
    ] = None,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Of a guess: how sure it is, as colours of NAME.uncertainty.ply."),
    ] = False,
    height: Annotated[str | None, typer.Option(help="Real height, along the up axis: 24cm")] = None,
    width: Annotated[str | None, typer.Option(help="Real width, the largest horizontal extent.")] = None,
    marks: Annotated[
        str | None,
        typer.Option(help="Two pixels of a photo and their distance: PHOTO,x1,y1,x2,y2,12cm"),
    ] = None,
    cameras: Annotated[
        Path | None,
        typer.Option(help="Known cameras: a COLMAP model folder or a transforms.json."),
    ] = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            help="Masks, white on the object: a folder with names like the photos, or a file for one photo."
        ),
    ] = None,
    size: Annotated[int, typer.Option(help="Photos are used at this many pixels on their long side.")] = 1600,
    texture: Annotated[
        int | None,
        typer.Option(
            help="Side of the texture in pixels, up to 8192; 2048, or 1024 for a guess, if not given."
        ),
    ] = None,
    faces: Annotated[int | None, typer.Option(help="About how many triangles.")] = None,
    frames: Annotated[int, typer.Option(help="How many frames are taken from a video.")] = 48,
    save_cameras: Annotated[
        Path | None,
        typer.Option(help="Folder for the straightened photos with their cameras (COLMAP, transforms.json)."),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps finished steps; the same command goes on from there."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Same photos, options and seed: same bytes.")] = 0,
    memory: Annotated[str, typer.Option(help="Memory budget; photos are made smaller to keep it.")] = "3GB",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor cores to use; all if not given.")
    ] = None,
    shared_intrinsics: Annotated[
        bool | None,
        typer.Option(
            "--shared-intrinsics/--per-photo-intrinsics",
            help="One lens and zoom for all photos, or one each; by size and EXIF if not given.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Make a textured model from photos or a video, with NAME.png and NAME.report.json beside it."""
    from lift3d.runtime.environment import limit_threads

    if threads is not None:
        limit_threads(threads)  # before numba is imported
    from lift3d.pipelines.options import Options
    from lift3d.pipelines.reconstruct import reconstruct as run
    from lift3d.pipelines.scale import Marks, Scale

    options = Options(
        kind=kind,
        method=method,
        weights=weights,
        uncertainty=uncertainty,
        scale=Scale(
            height=None if height is None else parse_length(height),
            width=None if width is None else parse_length(width),
            marks=None if marks is None else Marks.parse(marks),
        ),
        cameras=cameras,
        masks=masks,
        max_size=size,
        texture=texture,
        faces=faces,
        frames=frames,
        shared_intrinsics=shared_intrinsics,
        seed=seed,
        memory=parse_memory(memory),
        work=work,
        save_cameras=save_cameras,
    )
    with Show(quiet) as show:
        outcome = run(sources, output, options, show.step, show.say, command=["lift3d", *sys.argv[1:]])
    if not quiet:
        for line in summary(outcome):
            typer.echo(line)


def summary(outcome: Outcome) -> list[str]:
    """What a person wants to know at the end."""
    report = outcome.report
    model, run = report["model"], report["run"]
    seen = report["evidence"]["reconstruct"]
    size = (
        " x ".join(format_length(e) for e in model["size"])
        if model["unit"]
        else "unknown (give --height, --width or --marks)"
    )
    if model["is_solid"]:
        closed = "solid: closed, oriented, free of self-intersection and debris"
    else:
        closed = "open, as scenes are; it cannot be printed as it is"
    guessed = report["evidence"].get("image_to_voxels")
    colours = outcome.model.with_name(f"{outcome.model.stem}.uncertainty.ply")
    sure = [f"sure     {guessed['sure']:.2f} of 1, by the network's own account"] if guessed else []
    if guessed and report["options"].get("uncertainty"):
        sure[0] += f"; red where it is not: {colours}"
    return [
        f"model    {outcome.model}",
        f"preview  {outcome.preview}",
        f"report   {outcome.report_file}",
        *sure,
        f"kind     {report['kind']}: {report['kind_why']}",
        f"surface  {model['faces']} triangles, {closed}",
        f"size     {size}",
        f"photos   {seen['placed']} of {seen['photos']} used{seen.get('how', '')}",
        f"needed   {format_seconds(run['seconds'])} and {format_memory(run['peak_memory'])}",
    ]
