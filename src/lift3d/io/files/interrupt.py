"""Ctrl-C that is not swallowed by libraries.

Libraries that guard imports with `except BaseException` swallow a KeyboardInterrupt while they load. The signal handler
records the request, and `check` raises it again at the next safe point.
"""

from __future__ import annotations

from types import FrameType

_received: list[int] = []


def handle_signal(number: int, frame: FrameType | None) -> None:
    """Signal handler: record the signal and raise KeyboardInterrupt."""
    _received.append(number)
    raise KeyboardInterrupt


def check() -> None:
    """Raise KeyboardInterrupt if a recorded one was swallowed; called between steps and before files are moved."""
    if _received:
        raise KeyboardInterrupt


def reset() -> None:
    """Forget recorded signals; called when a new command begins."""
    _received.clear()
