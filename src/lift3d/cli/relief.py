"""`lift3d lithophane` and `lift3d relief`: a picture as a plate or a block to print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lift3d.types import Mesh

Output = Annotated[Path, typer.Option("-o", "--output", help="The model: .3mf .stl .glb .obj .ply .usdz")]
Width = Annotated[str, typer.Option(help="Width of the model, such as 10cm.")]
Detail = Annotated[str, typer.Option(help="Distance between samples; half the width of the nozzle suits.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]


def lithophane(
    photo: Annotated[Path, typer.Argument(help="The photo.")],
    output: Output,
    width: Width = "10cm",
    thickness: Annotated[
        str, typer.Option(help="Thickness of the brightest and of the darkest places.")
    ] = "0.8mm..3mm",
    curve: Annotated[
        str, typer.Option(help="Angle of the bent plate: 0deg is flat, 360deg a closed cylinder.")
    ] = "0deg",
    border: Annotated[str | None, typer.Option(help="Width of a thick frame, such as 3mm.")] = None,
    negative: Annotated[bool, typer.Option("--negative", help="Make bright places thick.")] = False,
    attenuation: Annotated[
        str, typer.Option(help="Length along which the material lets 1/e of the light through.")
    ] = "1mm",
    detail: Detail = "0.2mm",
    quiet: Quiet = False,
) -> None:
    """A photo as a plate whose thickness shows it when light falls through."""
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warning

    warnings: list[str] = []
    with Bars(quiet) as bars:
        mesh = api.lithophane(
            photo, output, width=width, thickness=thickness, curve=curve, border=border, detail=detail,
            attenuation=attenuation, negative=negative, progress=bars.step, message=warnings.append,
        )  # fmt: skip
    if not quiet:
        for sentence in warnings:
            show_warning(sentence)
        summary(mesh, output, "before a light")


def relief(
    source: Annotated[Path, typer.Argument(help="A photo, a mesh, or a height map (.npy .exr).")],
    output: Output,
    depth_map: Annotated[
        Path | None, typer.Option("--depth-map", help="Heights of the photo: PNG, TIFF, EXR or NPY.")
    ] = None,
    near: Annotated[
        str,
        typer.Option(help="What is near in a height map: bright (height, inverse depth) or dark (distance)."),
    ] = "bright",
    width: Width = "10cm",
    depth: Annotated[str, typer.Option(help="Depth of the relief above its base.")] = "4mm",
    base: Annotated[str, typer.Option(help="Thickness of the block behind it.")] = "2mm",
    frame: Annotated[str | None, typer.Option(help="Width of a frame as high as the relief.")] = None,
    detail: Detail = "0.2mm",
    compression: Annotated[
        float, typer.Option(help="How strongly large differences in height are attenuated; 0 for not at all.")
    ] = 5.0,
    detail_strength: Annotated[
        float | None,
        typer.Option(help="Weight of the light and dark detail of the photo, 0 to 1; default 0.3."),
    ] = None,
    free_standing: Annotated[
        bool, typer.Option("--free-standing", help="Leave out the plate around the object.")
    ] = False,
    azimuth: Annotated[float, typer.Option(help="Degrees by which the viewer walks around a mesh.")] = 0.0,
    up: Annotated[str, typer.Option(help="Upright axis of OBJ, OFF, PLY and STL files: z or y.")] = "z",
    quiet: Quiet = False,
) -> None:
    """A photo with its depth, or a mesh, as a bas-relief."""
    from lift3d import api
    from lift3d.cli.console.bars import Bars
    from lift3d.cli.console.words import show_warning

    warnings: list[str] = []
    with Bars(quiet) as bars:
        mesh = api.relief(
            source, output, depth_map=depth_map, near=near, width=width, depth=depth, base=base, frame=frame, detail=detail,
            compression=compression, detail_strength=detail_strength, free_standing=free_standing, azimuth=azimuth, up=up,
            progress=bars.step, message=warnings.append,
        )  # fmt: skip
    if not quiet:
        for sentence in warnings:
            show_warning(sentence)
        summary(mesh, output, "in light from the side")


def summary(mesh: Mesh, output: Path, how: str) -> None:
    """Print the size of the model and the files."""
    from lift3d.units import format_length

    size = " x ".join(format_length(float(side)) for side in mesh.extents)
    typer.echo(f"size     {size}")
    typer.echo(f"faces    {len(mesh.faces)}")
    typer.echo(f"picture  {output.with_suffix('.png')}, {how}")
    typer.echo(f"solid    {output}")
