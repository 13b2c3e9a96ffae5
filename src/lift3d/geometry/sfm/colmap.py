"""pycolmap, imported so that the program still ends as it wishes.

Its logging library takes over SIGTERM when it is loaded, to print a stack trace; the handler that was there before
is put back, so that `kill` and `timeout` lead through the clean-ups as ctrl-C does.
"""

from __future__ import annotations

import signal
import threading

_before = signal.getsignal(signal.SIGTERM)

import pycolmap  # noqa: E402

if threading.current_thread() is threading.main_thread() and _before is not None:
    signal.signal(signal.SIGTERM, _before)

__all__ = ["pycolmap"]
