"""The settings of a server, checked when they are constructed."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from lift3d.errors import InputError
from lift3d.runtime.environment import total_memory
from lift3d.runtime.profiler import usable_cores
from lift3d.units import format_memory

PORT = 8033
MAX_TOKEN_FILE = 4096
MIN_TOKEN = 16
"""Least number of characters of a token."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
MAX_JOBS = 64


@dataclass(frozen=True)
class Settings:
    """data: folder of all files. host, port: address; token: secret that clients must present, None for none. jobs: how many run
    at once. keep: seconds after which an ended job is deleted. quota: bytes that all jobs and uploads may take together.
    upload_limit: bytes of one file; files_limit: files of one job. job_memory: bytes above which a worker is ended; job_seconds:
    the same for its time. queue_limit: largest number of jobs that wait."""

    data: Path
    host: str = "127.0.0.1"
    port: int = PORT
    token: str | None = None
    jobs: int = 1
    keep: float = 14 * 86400.0
    quota: int = 20 * 10**9
    upload_limit: int = 2 * 10**9
    files_limit: int = 500
    job_memory: int = 6 * 10**9
    job_seconds: float = 4 * 3600.0
    queue_limit: int = 200

    def __post_init__(self) -> None:
        if not 1 <= self.jobs <= MAX_JOBS:
            raise InputError(f"--jobs is {self.jobs}", f"give a number from 1 to {MAX_JOBS}")
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port is {self.port}", "give a number from 1 to 65535, or 0 for a free one")
        if self.quota < 10**8:
            raise InputError(f"--quota is {format_memory(self.quota)}", "give at least 100MB")
        if self.upload_limit > self.quota:
            raise InputError(
                f"--max-upload is {format_memory(self.upload_limit)}, more than --quota",
                "give a smaller one, or more quota",
            )
        if self.token is None and not self.is_local:
            raise InputError(
                f"the server would be reachable by others on {self.host}",
                "give --token-file FILE with a secret of your own, or leave --host out",
            )

    @property
    def is_local(self) -> bool:
        """Whether only programs on this machine can reach the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def threads(self) -> int:
        """Processor cores of each worker."""
        return max(1, usable_cores() // self.jobs)

    @property
    def memory_budget(self) -> int:
        """Bytes of the memory budget that a worker plans with."""
        return min(3 * 10**9, self.job_memory // 2)


def usual_job_memory(jobs: int) -> int:
    """Bytes that each of `jobs` workers may take: its part of three quarters of the memory, between 2 and 8 GB."""
    total = total_memory() or 16 * 10**9
    return int(min(max(0.75 * total / max(jobs, 1), 2e9), 8e9))


def default_data_folder() -> Path:
    """The folder of the user's own data for lift3d, by the convention of the system."""
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "lift3d" / "server"


def read_token(path: Path) -> str:
    """The token in the first line of a file. Raises InputError for a missing, short or unreadable one."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read(MAX_TOKEN_FILE).strip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the token file {path} cannot be read", "write a secret into it first") from error
    token = lines[0].strip() if lines else ""
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise InputError(
            f"the first line of {path} is no token",
            f"write at least {MIN_TOKEN} letters and digits into it, such as: openssl rand -hex 24",
        )
    return token
