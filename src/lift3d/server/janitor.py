"""What keeps the data folder in order: expired jobs and uploads, and what a killed server left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.files.atomic import write_error
from lift3d.server.jobs import Jobs
from lift3d.server.store import RUNNING

UPLOAD_SECONDS = 6 * 3600.0
"""An upload that no job has used is deleted after this time."""
SWEEP_SECONDS = 60.0


@contextmanager
def sole_use(data: Path) -> Iterator[None]:
    """Make the data folder and lock it for this process. Raises InputError where another server uses it."""
    try:
        for name in ("uploads", "jobs"):
            (data / name).mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            os.chmod(data, 0o700)
        file = open(data / "lock", "ab")  # noqa: SIM115  held until the server ends
    except OSError as error:
        raise write_error(error, data) from error
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except OSError as error:
            raise InputError(
                f"another server uses {data}", "stop it, or name another folder with --data"
            ) from error
        yield


def recover(jobs: Jobs) -> None:
    """After a start: jobs that were running wait again, and files that belong to nothing are deleted."""
    for job in jobs.all.values():
        if job.state == RUNNING:
            jobs.requeue(job)
    for folder in (jobs.settings.data / "jobs").iterdir():
        if folder.name not in jobs.all:
            shutil.rmtree(folder, ignore_errors=True)
    known = {upload.id: upload for upload in jobs.store.uploads()}
    present = set()
    for path in (jobs.settings.data / "uploads").iterdir():
        if path.name in known:
            present.add(path.name)
        else:
            path.unlink(missing_ok=True)
    lost = [upload for upload in known if upload not in present]
    if lost:
        jobs.store.remove_uploads(lost)
    jobs.upload_bytes = sum(known[upload].bytes for upload in present)


def sweep(jobs: Jobs, now: float) -> None:
    """Delete jobs that ended, and uploads that came, too long ago."""
    for job in list(jobs.all.values()):
        if job.ended is not None and now - job.ended > jobs.settings.keep:
            jobs.remove(job)
    old = [upload for upload in jobs.store.uploads() if now - upload.created > UPLOAD_SECONDS]
    for upload in old:
        jobs.upload_path(upload.id).unlink(missing_ok=True)
        jobs.upload_bytes -= upload.bytes
    if old:
        jobs.store.remove_uploads([upload.id for upload in old])


async def sweep_forever(jobs: Jobs) -> None:
    """Sweep once a minute."""
    while True:
        with contextlib.suppress(OSError):
            sweep(jobs, time.time())
        await asyncio.sleep(SWEEP_SECONDS)
