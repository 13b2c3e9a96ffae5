"""`lift3d mask`: cut the object out of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SOURCES = {
    "alpha": "taken from its transparency",
    "given": "given with the photo",
    "network": "found by the network",
    "backdrop": "found before a plain backdrop",
}
"""Source of a segmentation -> how it is reported."""


def mask(
    photo: Annotated[Path, typer.Argument(help="A photo.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The cut-out: a PNG with a transparent background.")
    ],
    at: Annotated[
        list[str] | None,
        typer.Option(help="X,Y: a pixel on the object, from the upper left corner; may be repeated."),
    ] = None,
    not_at: Annotated[
        list[str] | None, typer.Option(help="X,Y: a pixel that does not belong to it; may be repeated.")
    ] = None,
    box: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1: a box around the object.")] = None,
    mask_only: Annotated[
        bool, typer.Option("--mask-only", help="Write the mask itself, white on black.")
    ] = False,
    weights: Annotated[
        str | None, typer.Option(help="Weights of the network: the folder of a run or a weights file.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")] = False,
) -> None:
    """Cut the object out of a photo; the background becomes transparent."""
    from lift3d import api
    from lift3d.cli.console.words import show_warnings

    image = api.mask(photo, output, at=at, not_at=not_at, box=box, mask_only=mask_only, weights=weights)
    if quiet:
        return
    show_warnings(f"{photo.name}: {warning}." for warning in image.warnings)
    found = image.segmentation
    assert found is not None
    typer.echo(
        f"wrote {output}: the object covers {100 * found.area_fraction:.0f} % of the photo; {SOURCES[found.source]}"
    )
    if found.other_objects:
        typer.echo(
            f"the photo shows {found.other_objects + 1} objects; the largest was taken: choose with --at X,Y or --box"
        )
