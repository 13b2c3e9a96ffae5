"""Worker processes for batches and shards, which end with the process that started them, even when that one is killed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.connection import wait
from typing import Any


def process_pool(
    processes: int, prepare: Callable[..., None] | None = None, *args: Any
) -> ProcessPoolExecutor:
    """A pool of spawned processes; prepare(*args) is called once in each."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(processes, spawn, _begin, (prepare, args))


def _begin(prepare: Callable[..., None] | None, args: tuple[Any, ...]) -> None:
    """Initialise a worker process."""
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if prepare is not None:
        prepare(*args)


def _leave_with_parent() -> None:
    """End this process when its parent has ended; a killed parent cannot stop its children itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
