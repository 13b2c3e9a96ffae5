"""Failures as one sentence on stderr and an exit code: 2 for errors, 130 for ctrl-C, 143 for SIGTERM."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import typer

from lift3d.errors import Lift3dError
from lift3d.io.files import interrupt

FAILED, INTERRUPTED, TERMINATED = 2, 130, 143


def explained(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with every failure that the user can act on printed as one sentence without a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        sigterm = signal.signal(signal.SIGTERM, _terminate)
        sigint = signal.getsignal(signal.SIGINT)
        interrupt.reset()
        if sigint is signal.default_int_handler:  # else ctrl-C is ignored, as in the background of a shell
            signal.signal(signal.SIGINT, interrupt.handle_signal)
        try:
            command(*args, **options)
        except Lift3dError as error:
            _fail(str(error))
        except MemoryError:
            _fail("there was not enough memory: use smaller photos (--size 1000) or fewer of them.")
        except KeyboardInterrupt:
            _fail("interrupted; nothing was written.", INTERRUPTED)
        except BrokenPipeError:  # the reader of the output has closed the pipe, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            _fail(f"{(error.strerror or str(error)).lower()}{where}: check the disk and the permissions.")
        finally:
            signal.signal(signal.SIGTERM, sigterm)
            if sigint is signal.default_int_handler:
                signal.signal(signal.SIGINT, sigint)

    return run


def _terminate(number: int, frame: FrameType | None) -> None:
    """Raise SystemExit, so that clean-up code runs as on ctrl-C."""
    raise SystemExit(TERMINATED)


def _fail(sentence: str, code: int = FAILED) -> None:
    typer.echo(f"lift3d: {sentence}", err=True)
    raise typer.Exit(code) from None
