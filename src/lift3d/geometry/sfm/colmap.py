"""pycolmap, imported without its signal handler.

Its logging library replaces the SIGTERM handler at import, to print a stack trace. The previous handler is restored, so that
`kill` and `timeout` run the clean-ups as ctrl-C does.
"""

from __future__ import annotations

import signal
import threading

_before = signal.getsignal(signal.SIGTERM)

import pycolmap  # noqa: E402

if threading.current_thread() is threading.main_thread() and _before is not None:
    signal.signal(signal.SIGTERM, _before)

__all__ = ["pycolmap"]
