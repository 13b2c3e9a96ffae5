"""What a run used and when: versions, wall and processor time and the peak of memory of each step.

The peak of a step is the largest resident set that a thread sees, sampling ten times a second; the peak of
the whole run is the kernel's own figure (getrusage), which misses nothing.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from lift3d.errors import MissingExtra
from lift3d.runtime.profiler import usable_cores
from lift3d.version import __version__

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


def total_memory() -> int | None:
    """Bytes of memory in this machine, or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


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
    from lift3d.geometry.voxels.view_frame import resample_affine

    folder = getattr(getattr(resample_affine, "_cache", None), "cache_path", None)
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
        "lift3d": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: version_of(name) for name in names},
    }
