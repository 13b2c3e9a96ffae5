"""The software and hardware of this machine: versions, optional parts, memory, threads."""

from __future__ import annotations

import importlib.metadata
import os
import platform
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
    "tune": ("optuna", "optuna", "the search of training options (lift3d tune)"),
    "onnx": ("onnxruntime", "onnxruntime", "networks without torch"),
    "export": ("onnx", "onnx", "networks as ONNX files"),
    "search": ("usearch", "usearch", "quick search among many models"),
    "medical": ("pydicom", "pydicom", "DICOM volumes (CT, MR)"),
    "serve": ("fastapi", "fastapi", "the server and its page"),
}


def total_memory() -> int | None:
    """Bytes of memory in this machine, or None where the system does not report it."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def thread_count() -> int:
    """Number of threads for this process: OMP_NUM_THREADS if set, else the usable cores."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return max(1, int(first)) if first.isdigit() else usable_cores()


def limit_threads(count: int) -> None:
    """Restrict this process to `count` cores. Call it before numba is imported."""
    count = max(1, min(count, usable_cores()))
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    try:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    except (AttributeError, OSError):
        return  # macOS and Windows have no affinity: the variables above still bound numba and BLAS


def version_of(distribution: str) -> str | None:
    """Installed version of a distribution, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def require_extra(extra: str, what: str) -> None:
    """Raise `MissingExtra`, which names the command that installs `extra`, if it is missing. what: the feature that needs it."""
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
