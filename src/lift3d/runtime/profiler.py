"""Wall time, processor time and peak memory of each step of a run."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SAMPLE_SECONDS = 0.1


@dataclass
class Step:
    """Measurements of one step: wall and processor seconds, peak memory in bytes, and whether it was loaded from the cache."""

    name: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    resumed: bool = False


class Recorder:
    """Measures the time and memory of steps in this process."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Measure the block; the step is recorded even if it fails."""
        step = Step(name, peak_memory=resident_memory())
        stop = threading.Event()

        def watch() -> None:
            while not stop.wait(SAMPLE_SECONDS):
                step.peak_memory = max(step.peak_memory, resident_memory())

        watcher = threading.Thread(target=watch, daemon=True)
        wall, cpu = time.perf_counter(), _cpu_seconds()
        watcher.start()
        try:
            yield step
        finally:
            stop.set()
            watcher.join()
            step.peak_memory = max(step.peak_memory, resident_memory())
            step.seconds = round(time.perf_counter() - wall, 3)
            step.cpu_seconds = round(_cpu_seconds() - cpu, 3)
            self.steps.append(step)

    def summary(self) -> dict[str, Any]:
        """JSON-able: the steps, total wall seconds, peak memory of the process in bytes, and number of threads."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "seconds": round(time.perf_counter() - self.started, 3),
            "peak_memory": peak_memory(),
            "threads": int(os.environ.get("NUMBA_NUM_THREADS") or usable_cores()),
        }


def resident_memory() -> int:
    """Resident bytes of this process now; its peak so far on systems other than Linux."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return peak_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes; 0 where the system does not report it."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def usable_cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
