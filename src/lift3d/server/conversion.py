"""The model of a result in other formats, converted at the first request, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
import zipfile
from pathlib import Path

from lift3d.errors import InputError
from lift3d.server.jobs import Jobs, folder_size
from lift3d.server.store import Job

FORMATS = ("glb", "obj", "ply", "stl", "3mf", "usdz")
SECONDS = 300.0
"""Longest time of a conversion."""
_turn = asyncio.Semaphore(1)


async def converted(jobs: Jobs, job: Job, model: str, format: str) -> Path:
    """The file of the model in a format; formats of several files come as a ZIP archive. Raises InputError where it fails."""
    outputs = jobs.folder(job.id) / "outputs"
    source = outputs / model
    if f".{format}" == source.suffix:
        return source
    folder = jobs.folder(job.id) / "formats"
    name = f"{source.stem}.{format}"
    ready = folder / (f"{name}.zip" if format in ("obj", "ply") else name)
    async with _turn:
        if ready.is_file():
            return ready
        jobs.require_space(2 * source.stat().st_size)
        await _convert(source, folder / format / name)
        await asyncio.to_thread(_gather, folder / format, folder / format / name, ready)
    if job.id in jobs.all:
        job.bytes = folder_size(jobs.folder(job.id))
        jobs.change(job, save=True)
    return ready


async def _convert(source: Path, target: Path) -> None:
    """Run `lift3d convert`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lift3d", "convert", str(source), str(target), stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        line = errors.decode(errors="replace").strip().splitlines()[-1:] or [""]
        cause, _, advice = line[0].removeprefix("lift3d: ").replace(str(target.parent), "").partition(": ")
        raise InputError(
            f"the model cannot be written as {target.suffix}: {cause}", advice or "use another format"
        )


def _gather(folder: Path, main: Path, ready: Path) -> None:
    """Move the converted file, or an archive of all files that belong to it, into place."""
    if ready.suffix == ".zip":
        part = ready.with_suffix(".part")
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(folder.iterdir()):
                archive.write(path, path.name)
        part.replace(ready)
    else:
        main.replace(ready)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
