"""`lift3d volume`: models of what a CT or MR shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SOURCE_HELP = "DICOM folder, file or ZIP; .nii .nii.gz .nrrd .nhdr .mha .mhd"
Series = Annotated[str | None, typer.Option(help="Which series of several: its number or its UID.")]
Time = Annotated[
    int | None, typer.Option(min=0, help="Which of several pictures at one place; the first is 0.")
]
CloseGap = Annotated[
    bool, typer.Option("--close-gap", help="Interpolate slices that are missing, instead of refusing.")
]
Spacing = Annotated[
    str | None, typer.Option(help="Millimetres of a voxel, X,Y,Z, of a file that states none.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


def volume(
    source: Annotated[Path, typer.Argument(help=SOURCE_HELP)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The model: .stl .3mf .glb .obj .ply; with --each a folder."),
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help="bone, skin, lung or fat (CT), a number, or LOW..HIGH.")
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="The file holds labels: write a model of each.")
    ] = False,
    label: Annotated[
        list[str] | None, typer.Option(help="Only this label, by number or name; may be repeated.")
    ] = None,
    largest: Annotated[bool, typer.Option("--largest", help="Keep the largest part alone.")] = False,
    min_part: Annotated[
        str, typer.Option("--min-part", help="Drop parts below this volume, such as 2ml.")
    ] = "0ml",
    fill_cavities: Annotated[
        bool, typer.Option("--fill-cavities/--keep-cavities", help="Fill closed cavities, or keep them.")
    ] = False,
    hounsfield: Annotated[
        bool, typer.Option("--hounsfield", help="The values are Hounsfield units; not all formats state it.")
    ] = False,
    series: Series = None,
    time: Time = None,
    close_gap: CloseGap = False,
    spacing: Spacing = None,
    list_series: Annotated[bool, typer.Option("--list", help="List the series of the source.")] = False,
    frame: Annotated[str, typer.Option(help="Patient frame of the coordinates: lps or ras.")] = "lps",
    unit: Annotated[str, typer.Option(help="Unit of the numbers in STL, OBJ and PLY: mm or m.")] = "mm",
    quiet: Quiet = False,
) -> None:
    """Make closed models of what a CT or MR volume shows, or of its labels."""
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warnings
    from lift3d.errors import InputError
    from lift3d.pipelines.medical.notice import NOTICE

    if list_series:
        for row in api.list_series(source):
            typer.echo(str(row))
        return
    if output is None:
        raise InputError("no output is named", "give -o MODEL.stl, or --list to see what the source holds")
    notes: list[str] = []
    with Bars(quiet) as bars:
        found = api.volume_to_meshes(
            source, output, threshold=threshold, each=each, labels=label or (), largest=largest, min_part=min_part,
            fill_cavities=fill_cavities, hounsfield=hounsfield, series=series, time=time, close_gap=close_gap,
            spacing=spacing, frame=frame, unit=unit, progress=bars.step, message=notes.append,
        )  # fmt: skip
    if quiet:
        return
    show_warnings(notes)
    typer.echo(f"volume   {found.to_text()}")
    for one in found.structures:
        parts, ml = len(one.dropped_ml), sum(one.dropped_ml)
        dropped = f"; dropped {ml:.2f} ml in {parts} parts" if parts else ""
        typer.echo(f"{one.name:<8} {one.volume_ml:.2f} ml, {len(one.mesh.faces)} triangles, solid{dropped}")
    typer.echo(f"wrote    {output}, its table and its preview: {found.frame}, {unit}")
    typer.echo(NOTICE)
