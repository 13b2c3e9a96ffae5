"""Test workers share numba's cache: while one compiles a kernel the other waits for it and loads the result.

Without this, each of two workers compiles every kernel on a machine where nothing is compiled yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(tempfile.gettempdir()) / f"lift3d-compile-locks-{os.getuid() if hasattr(os, 'getuid') else 0}"
_held: set[str] = set()


@contextlib.contextmanager
def only_one(name: str) -> Iterator[None]:
    """Hold the lock called `name`, which other processes wait for; nested use by the same process passes through."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock: kernels are compiled twice
        yield
        return
    if name in _held:
        yield
        return
    FOLDER.mkdir(exist_ok=True)
    with open(FOLDER / hashlib.sha256(name.encode()).hexdigest()[:24], "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _held.add(name)
        try:
            yield
        finally:
            _held.discard(name)


def install() -> None:
    """Make numba compile each cached kernel in one process at a time. Call graphs have no cycles, so no two wait for each
    other."""
    from numba.core.caching import NullCache
    from numba.core.dispatcher import Dispatcher

    compile_alone = Dispatcher.compile

    def compile_(self: Any, signature: Any) -> Any:
        if isinstance(self._cache, NullCache):
            return compile_alone(self, signature)
        with only_one(f"{self.py_func.__code__.co_filename}:{self.py_func.__qualname__}"):
            return compile_alone(self, signature)

    Dispatcher.compile = compile_
