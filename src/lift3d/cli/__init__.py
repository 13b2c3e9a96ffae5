"""The command line. It parses options, calls the Python API and prints results; heavy modules are imported inside commands,
so that help is fast."""

from __future__ import annotations

import re
import signal
from typing import Annotated

import typer

from lift3d.cli.console.lazy import LazyGroup
from lift3d.version import __version__

app = typer.Typer(
    name="lift3d",
    cls=LazyGroup,
    help="Photos or a video in, a solid, textured, printable 3D model out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"lift3d {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Photos or a video in, a solid, textured, printable 3D model out."""


def main() -> None:
    """Entry point of `lift3d`; wrong usage is one sentence and exit code 2, like every other error."""
    try:
        code = app(standalone_mode=False, prog_name="lift3d")
    except Exception as error:
        # of typer's parser, which is click or typer's copy of it
        message, context = getattr(error, "format_message", None), getattr(error, "ctx", None)
        if message is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
            raise SystemExit(2) from None
        typer.echo(
            f"lift3d: {sentence(message())}: see {getattr(context, 'command_path', 'lift3d')} --help.",
            err=True,
        )
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        code = 130
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C has no effect while Python exits
    raise SystemExit(code if isinstance(code, int) else 0)


PLAIN_MESSAGES = (
    (r"Input should be a valid integer.*", "give a whole number"),
    (r"Input should be a valid number.*", "give a number"),
    (r"Input should be greater than or equal to (\S+)", r"give \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"give \1 or less"),
    (r"Input should be greater than (\S+)", r"give more than \1"),
    (r"Input should be less than (\S+)", r"give less than \1"),
)
"""Patterns of the parser's messages, and plain sentences for them."""


def sentence(message: str) -> str:
    """A message of the parser as one plain line in lower case without a full stop."""
    line = " ".join(message.split()).rstrip(".")
    for pattern, plain in PLAIN_MESSAGES:
        line = re.sub(pattern, plain, line)
    return line[:1].lower() + line[1:]
