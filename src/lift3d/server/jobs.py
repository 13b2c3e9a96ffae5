"""All jobs in memory, with their files: created, queued, changed and deleted. One event loop uses it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from lift3d.errors import InputError
from lift3d.server.settings import Settings
from lift3d.server.store import CANCELLED, FAILED, QUEUED, RUNNING, Job, Store, Upload
from lift3d.server.tasks import TASKS
from lift3d.units import format_memory

MAX_MESSAGES = 200
HEARTBEAT = 15.0
"""Seconds after which a stream of events without news sends a comment, so that dead connections are noticed."""
LEAST_INTERVAL = 0.1
"""Least seconds between two events of a stream."""


class QueueFull(InputError):
    """Too many jobs wait."""


class QuotaExceeded(InputError):
    """The files of all jobs take all the space that they may."""


def new_id() -> str:
    """A random name, 96 bits."""
    return secrets.token_urlsafe(12).replace("-", "a").replace("_", "b")


class Jobs:
    """The jobs of a server. `changed` wakes those who wait for news; `work` those who do jobs."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self.all: dict[str, Job] = {job.id: job for job in store.jobs()}
        self.upload_bytes = sum(upload.bytes for upload in store.uploads())
        self.incoming = 0
        """Bytes of uploads that are being received."""
        self.version = 0
        self.deleted: list[tuple[int, str]] = []
        """(version, id) of the last deleted jobs, for those who follow the list."""
        self._news = asyncio.Event()
        self.work = asyncio.Event()
        self.closing = False

    # -- files -------------------------------------------------------------------------------------------------------------

    def folder(self, job: str) -> Path:
        """The folder of a job."""
        return self.settings.data / "jobs" / job

    def upload_path(self, upload: str) -> Path:
        """The file of an upload that waits for a job."""
        return self.settings.data / "uploads" / upload

    def used(self) -> int:
        """Bytes of all jobs and uploads."""
        return self.upload_bytes + self.incoming + sum(job.bytes for job in self.all.values())

    def require_space(self, more: int) -> None:
        """Raise QuotaExceeded unless `more` bytes fit the quota."""
        if self.used() + more > self.settings.quota:
            raise QuotaExceeded(
                f"the server's quota of {format_memory(self.settings.quota)} is used up",
                "delete old jobs, or wait until they expire",
            )

    # -- jobs --------------------------------------------------------------------------------------------------------------

    def create(self, task: str, title: str, options: dict[str, Any], uploads: list[Upload]) -> Job:
        """A new job in the queue; the uploads become its inputs. Raises QueueFull where too many wait."""
        self._require_queue()
        inputs = [
            _input(k, u.suffix, {"name": u.name, "kind": u.kind, "media": u.media, "bytes": u.bytes})
            for k, u in enumerate(uploads)
        ]
        job = Job(new_id(), task, title, options, inputs, bytes=sum(u.bytes for u in uploads))
        folder = self._new_folder(job)
        try:
            for upload, item in zip(uploads, inputs):
                self.upload_path(upload.id).rename(folder / item["file"])
            self.store.add_job(job, [upload.id for upload in uploads])
        except BaseException:
            for upload, item in zip(uploads, inputs):
                if (folder / item["file"]).exists():
                    (folder / item["file"]).rename(self.upload_path(upload.id))
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise
        self.upload_bytes -= job.bytes
        return self._queued(job)

    def again(self, old: Job, task: str, options: dict[str, Any]) -> Job:
        """A new job on the inputs of another one."""
        self._require_queue()
        total = sum(item["bytes"] for item in old.inputs)
        self.require_space(total)
        inputs = [_input(k, Path(i["file"]).suffix, i) for k, i in enumerate(old.inputs)]
        job = Job(new_id(), task, old.title, options, inputs, bytes=total)
        folder, source = self._new_folder(job), self.folder(old.id) / "inputs"
        try:
            for before, item in zip(old.inputs, inputs):
                shutil.copyfile(source / before["file"], folder / item["file"])
            self.store.add_job(job, [])
        except BaseException:
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise
        return self._queued(job)

    def _require_queue(self) -> None:
        if sum(job.state == QUEUED for job in self.all.values()) >= self.settings.queue_limit:
            raise QueueFull(f"{self.settings.queue_limit} jobs wait already", "try again later")

    def _new_folder(self, job: Job) -> Path:
        folder = self.folder(job.id) / "inputs"
        folder.mkdir(parents=True)
        return folder

    def _queued(self, job: Job) -> Job:
        self.all[job.id] = job
        self.change(job)
        self.work.set()
        return job

    def change(self, job: Job, save: bool = False) -> None:
        """Note that a job has changed; save: store it."""
        self.version += 1
        job.version = self.version
        if save:
            self.store.save_job(job)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End all streams of events."""
        self.closing = True
        self._news.set()

    def say(self, job: Job, sentence: str) -> None:
        """Add a message to a job."""
        if len(job.messages) < MAX_MESSAGES and sentence not in job.messages:
            job.messages.append(sentence)
            self.change(job)

    def fail(self, job: Job, cause: str, advice: str, text: str = "") -> None:
        """End a job with an error."""
        job.error = {"cause": cause, "advice": advice, "text": text or f"{cause}: {advice}."}
        self.end(job, FAILED)

    def end(self, job: Job, state: str) -> None:
        """End a job."""
        job.state, job.ended, job.seconds_left = state, time.time(), None
        folder = self.folder(job.id)
        shutil.rmtree(folder / "work", ignore_errors=True)
        if state == CANCELLED:
            shutil.rmtree(folder / "outputs", ignore_errors=True)
        job.bytes = folder_size(folder)
        self.change(job, save=True)

    def remove(self, job: Job) -> None:
        """Delete a job that does not run, with all its files."""
        shutil.rmtree(self.folder(job.id), ignore_errors=True)
        self.store.remove_job(job.id)
        self.all.pop(job.id, None)
        self.change(job)
        self.deleted = [*self.deleted[-999:], (self.version, job.id)]

    def next(self) -> Job | None:
        """The job that has waited longest; its state becomes RUNNING."""
        for job in self.all.values():
            if job.state == QUEUED:
                job.state, job.started, job.attempts = RUNNING, time.time(), job.attempts + 1
                job.step, job.label, job.fraction, job.seconds_left = "", "starting", 0.0, None
                self.change(job, save=True)
                return job
        return None

    def requeue(self, job: Job) -> None:
        """Let a job whose worker was lost begin again; it goes on from its work folder."""
        job.state, job.step, job.label, job.seconds_left = QUEUED, "", "", None
        self.change(job, save=True)
        self.work.set()

    def position(self, job: Job) -> int | None:
        """The place of a job in the queue, from 1 on; None if it does not wait."""
        if job.state != QUEUED:
            return None
        waiting = [other.id for other in self.all.values() if other.state == QUEUED]
        return waiting.index(job.id) + 1

    def describe(self, job: Job, inputs: bool = True) -> dict[str, Any]:
        """A job as clients see it."""
        out: dict[str, Any] = {
            "id": job.id, "task": job.task, "task_title": TASKS[job.task].title if job.task in TASKS else job.task,
            "title": job.title, "state": job.state, "position": self.position(job), "step": job.step,
            "label": job.label, "fraction": job.fraction, "seconds_left": job.seconds_left, "created": job.created,
            "started": job.started, "ended": job.ended, "bytes": job.bytes, "messages": job.messages, "error": job.error,
            "result": job.result, "version": job.version, "attempts": job.attempts,
            "expires": None if job.ended is None else job.ended + self.settings.keep,
        }  # fmt: skip
        if inputs:
            out["options"] = job.options
            out["inputs"] = [
                {k: i.get(k) for k in ("name", "kind", "bytes", "thumbnail")} for i in job.inputs
            ]
        return out

    async def follow(self, since: int = 0) -> AsyncIterator[tuple[list[Job], list[str]] | None]:
        """(jobs that have changed, ids that were deleted) since a version, then again whenever there is news; None after
        HEARTBEAT seconds without."""
        while not self.closing:
            news, now = self._news, self.version
            changed = [job for job in self.all.values() if job.version > since]
            gone = [name for version, name in self.deleted if version > since]
            since = now
            if changed or gone:
                yield changed, gone
                await asyncio.sleep(LEAST_INTERVAL)
                continue
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT)
            except TimeoutError:
                yield None


def _input(number: int, suffix: str, about: dict[str, Any]) -> dict[str, Any]:
    """An input of a job: where its file is, and what is known about it."""
    return {"file": f"file-{number:04d}{suffix}"} | {k: about[k] for k in ("name", "kind", "media", "bytes")}


def folder_size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
