"""Ctrl-C that is not lost: libraries that try imports with `except BaseException` swallow it while they are loaded."""

from __future__ import annotations

from types import FrameType

_asked: list[int] = []


def handle_signal(number: int, frame: FrameType | None) -> None:
    """A signal handler: remembers that it was asked for, and interrupts."""
    _asked.append(number)
    raise KeyboardInterrupt


def check() -> None:
    """Interrupt if that was asked for and swallowed; called between steps and before anything is moved into place."""
    if _asked:
        raise KeyboardInterrupt


def reset() -> None:
    """A new command begins."""
    _asked.clear()
