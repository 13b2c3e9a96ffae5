"""A notice when numerical kernels are really being compiled, which the first use on a machine does once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

NOTICE = "Compiling numerical kernels; this happens once on a machine and takes up to two minutes."


@contextmanager
def compilation_notice(say: Callable[[str], None]) -> Iterator[None]:
    """Call `say` with NOTICE at most once, when numba begins to compile a kernel of lift3d inside the block. Kernels that are
    loaded from the cache do not count, nor do those that are not cached at all."""
    from numba.core import event

    class _Listener(event.Listener):
        said = False

        def on_start(self, found: Any) -> None:
            dispatcher = (found.data or {}).get("dispatcher")
            kernel = getattr(dispatcher, "py_func", None)
            cached = type(getattr(dispatcher, "_cache", None)).__name__ != "NullCache"
            if not self.said and cached and str(getattr(kernel, "__module__", "")).startswith("lift3d."):
                self.said = True
                say(NOTICE)

        def on_end(self, found: Any) -> None:
            """Nothing."""

    listener = _Listener()
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
