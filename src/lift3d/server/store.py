"""Jobs and uploads in one SQLite file with a write-ahead log, so that they survive the end of the process.

Only the process that answers requests opens it. What changes often, the progress of a job, lives in memory (`jobs`)."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
ENDED = (DONE, FAILED, CANCELLED)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, suffix TEXT NOT NULL, media TEXT NOT NULL,
  bytes INTEGER NOT NULL, created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, task TEXT NOT NULL, title TEXT NOT NULL,
  options TEXT NOT NULL, inputs TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL, started REAL, ended REAL,
  attempts INTEGER NOT NULL DEFAULT 0, messages TEXT NOT NULL DEFAULT '[]', error TEXT, result TEXT,
  bytes INTEGER NOT NULL DEFAULT 0
);
"""


@dataclass(frozen=True)
class Upload:
    """A file that waits for a job. name: as the client calls it, only to be shown; created: seconds since the epoch."""

    id: str
    name: str
    kind: str
    suffix: str
    media: str
    bytes: int
    created: float


@dataclass
class Job:
    """A job. inputs: a dictionary for each file, with `file` (in the job's folder), `name`, `kind`, `media` and `bytes`. state:
    one of QUEUED ... CANCELLED. Times are seconds since the epoch. attempts: how often a worker has begun it. error: `cause`,
    `advice` and `text`. result: what the worker reported. step, label, fraction, seconds_left: progress, not stored."""

    id: str
    task: str
    title: str
    options: dict[str, Any]
    inputs: list[dict[str, Any]]
    state: str = QUEUED
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    messages: list[str] = field(default_factory=list)
    error: dict[str, str] | None = None
    result: dict[str, Any] | None = None
    bytes: int = 0
    step: str = ""
    label: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    version: int = 0
    """Counts the changes, for those who wait for one."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ENDED


_JSON = ("options", "inputs", "messages", "error", "result")
_PLAIN = ("id", "task", "title", "state", "created", "started", "ended", "attempts", "bytes")


class Store:
    """The file; methods may be called from any thread. `close` ends its use."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def add_uploads(self, uploads: list[Upload]) -> None:
        """Store uploads, all or none."""
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO uploads VALUES (:id, :name, :kind, :suffix, :media, :bytes, :created)",
                [vars(upload) for upload in uploads],
            )

    def uploads(self, ids: list[str] | None = None) -> list[Upload]:
        """The uploads with these ids, in this order, without those that do not exist; all of them for None."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM uploads ORDER BY created").fetchall()
        found = {row["id"]: Upload(**dict(row)) for row in rows}
        return list(found.values()) if ids is None else [found[i] for i in ids if i in found]

    def remove_uploads(self, ids: list[str]) -> None:
        """Forget uploads."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM uploads WHERE id = ?", [(i,) for i in ids])

    def add_job(self, job: Job, uploads: list[str]) -> None:
        """Store a new job and forget the uploads that became its inputs, together."""
        row = _row(job)
        columns = ", ".join(row)
        with self._transaction() as connection:
            connection.execute(
                f"INSERT INTO jobs ({columns}) VALUES ({', '.join(f':{c}' for c in row)})", row
            )
            connection.executemany("DELETE FROM uploads WHERE id = ?", [(i,) for i in uploads])

    def save_job(self, job: Job) -> None:
        """Store the state of a job."""
        row = _row(job)
        changes = ", ".join(f"{c} = :{c}" for c in row if c != "id")
        with self._transaction() as connection:
            connection.execute(f"UPDATE jobs SET {changes} WHERE id = :id", row)

    def remove_job(self, job: str) -> None:
        """Forget a job."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))

    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they came."""
        with self._lock:
            rows = self._connection.execute("SELECT * FROM jobs ORDER BY number").fetchall()
        return [_job(row) for row in rows]


def _job(row: sqlite3.Row) -> Job:
    """The job of a row."""
    values: dict[str, Any] = {column: row[column] for column in _PLAIN}
    values |= {column: None if row[column] is None else json.loads(row[column]) for column in _JSON}
    return Job(**values)


def _row(job: Job) -> dict[str, Any]:
    """The columns of a job."""
    values: dict[str, Any] = {c: getattr(job, c) for c in _PLAIN}
    for column in _JSON:
        value = getattr(job, column)
        values[column] = None if value is None else json.dumps(value, ensure_ascii=False)
    return values
