"""What a run used and when: versions, wall and processor time and the peak of memory of each step.

The peak of a step is the largest resident set that a thread sees, sampling ten times a second; the peak of
the whole run is the kernel's own figure (getrusage), which misses nothing.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lift3d
from lift3d.errors import MissingExtra

PACKAGES = (
    "numpy",
    "scipy",
    "numba",
    "pillow",
    "trimesh",
    "pycolmap",
    "xatlas",
    "manifold3d",
    "typer",
    "rich",
)
EXTRAS = {
    "video": ("av", "av", "videos as input"),
    "heic": ("pi-heif", "pi_heif", "HEIC photos (iPhone)"),
    "usdz": ("usd-core", "pxr", "USDZ models (iOS, Apple Vision)"),
    "learn": ("torch", "torch", "learned mappings"),
    "search": ("usearch", "usearch", "quick search among many models"),
}
FIRST_RUN = "First run on this machine: what must be fast is compiled, once; that takes a minute or two."
SAMPLE_SECONDS = 0.1


@dataclass
class Step:
    """One step of a run, as the report shows it."""

    name: str
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    resumed: bool = False


class Recorder:
    """Times the steps and watches the memory of this process while they run."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Measure what happens inside; the step is kept even if it fails."""
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
        """JSON-able: the steps, the total wall time, the peak of the whole process in bytes, and its threads."""
        return {
            "steps": [asdict(step) for step in self.steps],
            "seconds": round(time.perf_counter() - self.started, 3),
            "peak_memory": peak_memory(),
            "threads": int(os.environ.get("NUMBA_NUM_THREADS") or usable_cores()),
        }


def resident_memory() -> int:
    """Bytes of this process in memory now; where the system does not tell (not Linux), its peak so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return peak_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak_memory() -> int:
    """Largest resident set of this process so far, in bytes (0 where the system does not tell)."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def total_memory() -> int | None:
    """Bytes of memory in this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def usable_cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def thread_count() -> int:
    """Threads of a process that has the machine for itself: as many as OMP_NUM_THREADS says, or the cores it may use."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(first)) if first.isdigit() else usable_cores()


def limit_threads(count: int) -> None:
    """Keep this process on `count` cores; call it before numba is imported."""
    count = max(1, min(count, usable_cores()))
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    try:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    except (AttributeError, OSError):
        return  # macOS and Windows have no affinity: the variables above still bound numba and BLAS


def compiled() -> bool:
    """Whether kernels that numba compiles have been compiled and kept before on this machine."""
    from lift3d.geometry.view_frame import affine_cells

    folder = getattr(getattr(affine_cells, "_cache", None), "cache_path", None)
    return folder is None or any(Path(folder).glob("*.nbi"))


def version_of(distribution: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def require_extra(extra: str, what: str) -> None:
    """Raise `MissingExtra` with the command that installs it if an optional part is not there."""
    if version_of(EXTRAS[extra][0]) is None:
        raise MissingExtra(what, extra)


def versions() -> dict[str, Any]:
    """lift3d, Python, platform, and each dependency (None where an optional part is missing)."""
    names = [*PACKAGES, *(distribution for distribution, _, _ in EXTRAS.values())]
    return {
        "lift3d": lift3d.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: version_of(name) for name in names},
    }
