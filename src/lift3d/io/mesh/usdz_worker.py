"""USDZ read in a separate process, because a damaged file can make OpenUSD, a C++ library, crash, hang or exhaust memory.

The process starts with the first file and reads one file after the other, within limits of time and memory that depend on
the file's size; when it dies, the file is reported as damaged. Both sides exchange lines of JSON, and a model comes back as
arrays in an .npz file without pickles.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pil

from lift3d.errors import InputError, Lift3dError, MissingExtra, damaged_file
from lift3d.types import Material, Model, Part

SECONDS, SECONDS_PER_MB = 4.0, 2.0
"""Computing time allowed for one file."""
MEMORY, MEMORY_PER_BYTE = 700 << 20, 40
"""Address space allowed beyond that of the process before it reads a file."""
WAIT = 20.0
"""Wall-clock limit of one file, as a multiple of its computing time."""
ONE_THREAD = {"PXR_WORK_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
"""Every further thread would take address space of its own."""
GROWN = 150 << 20
"""A process that retains more memory than this after a file ends."""


def read(data: bytes, path: Path) -> Model:
    """All meshes of the first layer's scene. Raises InputError for a damaged file, MissingExtra without OpenUSD."""
    try:
        import pxr  # noqa: F401
    except ImportError as error:
        raise MissingExtra("USDZ", "usdz") from error
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "in.usdz"), Path(folder, "out.npz")
        file.write_bytes(data)
        job = {"file": str(file), "name": path.name, "out": str(out)}
        answer = _READER.request(job, len(data))
        if answer is None:
            cause = "made OpenUSD crash, or take more time or memory than a file of its size may"
            raise damaged_file(path.name, cause)
        if "cause" in answer:
            raise InputError(answer["cause"], answer["advice"])
        with np.load(out, allow_pickle=False) as arrays:
            return _unpack(answer, {key: arrays[key] for key in arrays.files})


class _Reader:
    """The reading process and the process that started it; after a fork the child starts its own."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.owner, self.lock = 0, threading.Lock()
        atexit.register(self.stop)

    def stop(self) -> None:
        """End the process if this one started it."""
        if self.process is not None and self.owner == os.getpid():
            self.process.kill()
            self.process.communicate()
        self.process = None

    def request(self, job: dict[str, str], size: int) -> dict[str, Any] | None:
        """The answer to a job for a file of `size` bytes; None if the job killed a fresh process."""
        with self.lock:
            for _ in range(2):
                fresh = self.process is None or self.owner != os.getpid() or self.process.poll() is not None
                if fresh:
                    self._start()
                line = self._send(json.dumps(job), WAIT * _seconds(size))
                if line:
                    return dict(json.loads(line))
                self.stop()
                if fresh:
                    break
            return None

    def _start(self) -> None:
        code = "from lift3d.io.mesh.usdz_worker import serve; serve()"
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        pipes: dict[str, Any] = {"stdin": pipe, "stdout": pipe, "stderr": null, "text": True}
        self.process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | ONE_THREAD, **pipes)
        self.owner = os.getpid()

    def _send(self, line: str, patience: float) -> str:
        """The line that answers `line`; "" when the process ends or takes longer than `patience` seconds."""
        assert self.process is not None and self.process.stdin is not None and self.process.stdout is not None
        timer = threading.Timer(patience, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return self.process.stdout.readline()
        except OSError:
            return ""
        finally:
            timer.cancel()


_READER = _Reader()


def _seconds(size: int) -> float:
    """Computing time allowed for a file of `size` bytes."""
    return SECONDS + SECONDS_PER_MB * size / 1e6


def serve() -> None:
    """The reading process: handle one job per line until the input ends."""
    from lift3d.io.mesh import usdz_reader

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # output of OpenUSD must not be mixed with the answers
    pxr = usdz_reader.open_usd()
    scene = pxr.Usd.Stage.CreateInMemory()  # loads the plugins that every file needs
    pxr.UsdShade.MaterialBindingAPI(pxr.UsdGeom.Mesh.Define(scene, "/a").GetPrim()).ComputeBoundMaterial()
    start = _address_space()
    for line in sys.stdin:
        job = json.loads(line)
        data = Path(job["file"]).read_bytes()
        _limit(start, len(data))
        try:
            model = usdz_reader.read(data, Path(job["name"]))
            answer, arrays = _pack(model)
            np.savez(job["out"], **arrays)  # type: ignore[arg-type]
        except Lift3dError as error:
            answer = {"cause": error.cause, "advice": error.advice}
        except Exception as error:  # libraries raise anything on damaged files
            short = " ".join(str(error).split())[:80] or type(error).__name__
            problem = damaged_file(job["name"], f"is damaged or not a USDZ file ({short})")
            answer = {"cause": problem.cause, "advice": problem.advice}
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        if _address_space() > start + GROWN:
            break


def _address_space() -> int:
    """Address space of this process in bytes; 0 where the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def _limit(start: int, size: int) -> None:
    """Limit time and memory for a file of `size` bytes; exceeding the time ends the process."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, _seconds(size))
    if start and sys.platform == "linux":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = start + GROWN + MEMORY + MEMORY_PER_BYTE * size
        resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


def _pack(model: Model) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A model as JSON values and arrays by name."""
    arrays: dict[str, np.ndarray] = {}
    materials: dict[int, Material] = {}
    parts = []
    for number, part in enumerate(model.parts):
        tables = {"v": part.vertices, "f": part.faces, "uv": part.uv, "c": part.colours}
        arrays |= {f"{key}{number}": value for key, value in tables.items() if value is not None}
        if part.material is not None:
            materials[id(part.material)] = part.material
        parts.append(None if part.material is None else list(materials).index(id(part.material)))
    for number, material in enumerate(materials.values()):
        if material.texture is not None:
            arrays[f"p{number}"] = np.asarray(material.texture)
    named = [(m.name, m.colour) for m in materials.values()]
    return {"parts": parts, "materials": named, "unit": model.unit, "warnings": model.warnings}, arrays


def _unpack(answer: dict[str, Any], arrays: dict[str, np.ndarray]) -> Model:
    """The inverse of `_pack`."""
    materials = []
    for number, (name, (r, g, b, a)) in enumerate(answer["materials"]):
        picture = Pil.fromarray(arrays[f"p{number}"]) if f"p{number}" in arrays else None
        materials.append(Material(name, (r, g, b, a), picture))
    parts = []
    for number, which in enumerate(answer["parts"]):
        v, f, uv, colours = (arrays.get(f"{key}{number}") for key in ("v", "f", "uv", "c"))
        assert v is not None and f is not None
        parts.append(Part(v, f, uv, colours, None if which is None else materials[which]))
    return Model(parts, answer["unit"], list(answer["warnings"]))
