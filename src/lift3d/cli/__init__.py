"""The command line: words for people, no maths. Heavy imports happen inside commands: help is quick."""

from __future__ import annotations

import typer

from lift3d.cli import corpus, info, learn, meshes, reconstruct, render
from lift3d.cli.errors import explained

app = typer.Typer(
    name="lift3d",
    help="Photos or a video in, a solid, textured, printable 3D model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    reconstruct.reconstruct,
    meshes.check,
    meshes.repair,
    meshes.convert,
    render.render,
    learn.mask,
    learn.train,
    learn.evaluate,
    learn.models,
    info.maps,
    info.doctor,
):
    app.command()(explained(command))
app.add_typer(corpus.app, name="corpus")


def main() -> None:
    """Entry point of `lift3d`."""
    app()
