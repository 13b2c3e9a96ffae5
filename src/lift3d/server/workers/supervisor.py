"""Starts, feeds, watches and ends the worker processes: one job each, a fixed number at once.

A worker is started before there is a job for it, so that a job begins without delay. Its memory and time are bounded. A worker
that is lost (killed, crashed) leaves its job in the queue, from which it goes on; after MAX_ATTEMPTS the job fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lift3d.server.jobs import Jobs
from lift3d.server.store import CANCELLED, DONE, RUNNING, Job
from lift3d.server.workers.worker import out_of_memory
from lift3d.units import format_memory, format_seconds

MAX_ATTEMPTS = 4
"""How often a job is begun."""
WATCH_SECONDS = 0.5
END_SECONDS = 3.0
"""Time that a worker is given to end before it is killed."""
MAX_LINE = 1 << 24
"""Bytes of one event of a worker."""


class Worker:
    """A worker process in a session of its own, so that its children end with it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(cls, threads: int, log: Path) -> Worker:
        """Start a process that imports what jobs need and waits."""
        count = str(threads)
        environment = os.environ | {
            "NUMBA_NUM_THREADS": count, "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count, "MKL_NUM_THREADS": count,
            "PYTHONUNBUFFERED": "1",
        }  # fmt: skip
        with open(log, "ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lift3d.server.workers.worker", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=errors, env=environment, start_new_session=True, limit=MAX_LINE,
            )  # fmt: skip
        return cls(process)

    def memory(self) -> int:
        """Resident bytes of the process; 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def event(self) -> dict[str, Any] | None:
        """The next event; None when the process has ended."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            with contextlib.suppress(ValueError):
                return dict(json.loads(line))
        return None

    async def send(self, order: dict[str, Any]) -> None:
        """Give it its job."""
        assert self.process.stdin is not None
        with contextlib.suppress(ConnectionError):
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            await self.process.stdin.drain()

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, number)
            else:  # Windows
                self.process.kill()

    async def end(self) -> None:
        """End the process and its children, and wait for it."""
        if self.process.returncode is None:
            self.signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), END_SECONDS)
            except TimeoutError:
                self.signal(getattr(signal, "SIGKILL", signal.SIGTERM))
                await self.process.wait()
        self.signal(getattr(signal, "SIGKILL", signal.SIGTERM))  # children that outlived it


class Supervisor:
    """Runs `settings.jobs` jobs at once."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.running: dict[str, Worker] = {}
        self.cancelled: set[str] = set()
        self.peak_memory = 0
        self._slots: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work on the queue."""
        self._slots = [asyncio.create_task(self._slot(k)) for k in range(self.jobs.settings.jobs)]

    async def stop(self) -> None:
        """End all workers; their jobs stay in the queue."""
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    async def cancel(self, job: Job) -> None:
        """End a job, whether it runs or waits."""
        if job.state == RUNNING:
            self.cancelled.add(job.id)
            worker = self.running.get(job.id)
            if worker is not None:
                await worker.end()
            while job.state == RUNNING:
                await asyncio.sleep(0.02)
        elif not job.has_ended:
            self.jobs.end(job, CANCELLED)

    async def _slot(self, number: int) -> None:
        """Do one job after another."""
        worker: Worker | None = None
        try:
            while True:
                if worker is None or worker.process.returncode is not None:
                    worker = await Worker.start(
                        self.jobs.settings.threads, self.jobs.settings.data / f"worker-{number}.log"
                    )
                job = self.jobs.next()
                if job is None:
                    self.jobs.work.clear()
                    await self.jobs.work.wait()
                    continue
                await self._do(job, worker)
                await worker.end()
                worker = None
        finally:
            if worker is not None:
                await worker.end()

    async def _do(self, job: Job, worker: Worker) -> None:
        """Let a worker do a job, and note how it ended."""
        settings = self.jobs.settings
        self.running[job.id] = worker
        if job.id in self.cancelled:
            await worker.end()
        watch = asyncio.create_task(self._watch(job, worker))
        try:
            await worker.send(
                {
                    "folder": str(self.jobs.folder(job.id)), "task": job.task, "options": job.options,
                    "inputs": [{k: i[k] for k in ("file", "name", "kind")} for i in job.inputs],
                    "memory": settings.memory_budget,
                }
            )  # fmt: skip
            while (event := await worker.event()) is not None:
                self._note(job, event)
                if job.has_ended:
                    break
        except BaseException:  # the server stops: the job goes on when it starts again
            if job.state == RUNNING and job.id not in self.cancelled:
                job.attempts -= 1
                self.jobs.requeue(job)
            raise
        finally:
            watch.cancel()
            del self.running[job.id]
            if job.id in self.cancelled:
                self.cancelled.discard(job.id)
                if not job.has_ended:
                    self.jobs.end(job, CANCELLED)
        if job.state == RUNNING:
            if job.attempts < MAX_ATTEMPTS:
                self.jobs.requeue(job)
            else:
                cause = f"the worker was ended {job.attempts} times by the system, perhaps for lack of memory"
                self.jobs.fail(job, cause, "use fewer or smaller photos, or give the server more memory")

    def _note(self, job: Job, event: dict[str, Any]) -> None:
        """Note an event of a worker."""
        kind = event.get("event")
        if kind == "progress":
            job.step, job.label, job.seconds_left = event["step"], event["label"], event["seconds_left"]
            job.fraction = max(job.fraction, event["fraction"])
            self.jobs.change(job)
        elif kind == "message":
            self.jobs.say(job, event["text"])
        elif kind == "thumbnails":
            for number in event["numbers"]:
                job.inputs[number]["thumbnail"] = True
            self.jobs.change(job, save=True)
        elif kind == "failed":
            self.jobs.fail(job, event["cause"], event["advice"], event["text"])
        elif kind == "done":
            job.result, job.fraction = event["result"], 1.0
            job.result["files"] = result_files(self.jobs.folder(job.id) / "outputs")
            self.jobs.end(job, DONE)

    async def _watch(self, job: Job, worker: Worker) -> None:
        """End a worker that takes more memory or time than it may."""
        settings, began = self.jobs.settings, time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            memory = worker.memory()
            self.peak_memory = max(self.peak_memory, memory)
            if memory > settings.job_memory:
                self.jobs.fail(job, **out_of_memory(settings.job_memory))
            elif time.monotonic() - began > settings.job_seconds:
                limit = format_seconds(settings.job_seconds)
                self.jobs.fail(
                    job, f"the job took longer than {limit}, the limit", "use fewer or smaller photos"
                )
            elif self.jobs.used() > 1.5 * settings.quota:
                self.jobs.fail(
                    job, f"the quota of {format_memory(settings.quota)} is used up", "delete old jobs"
                )
            else:
                continue
            await worker.end()
            return


def result_files(folder: Path) -> list[dict[str, Any]]:
    """Name and size of each file of a result, by name."""
    found = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    return [{"name": path.name, "bytes": path.stat().st_size} for path in found]
