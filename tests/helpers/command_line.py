"""The command line in this process, for tests of commands."""

from __future__ import annotations

from typer.testing import CliRunner

from lift3d.cli import app


def lift3d(*words: object) -> tuple[int, str]:
    """Exit code and output of `lift3d WORDS`; no exception but SystemExit may leave it."""
    done = CliRunner().invoke(app, [str(w) for w in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output
