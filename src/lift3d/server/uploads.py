"""Uploads: the body of a request streamed to the disk, bounded in size and in time, and named by chance."""

from __future__ import annotations

import asyncio
import re
import time
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request

from lift3d.errors import InputError
from lift3d.io.files.atomic import write_error
from lift3d.server.archive import unpack_photos
from lift3d.server.content import sniff
from lift3d.server.jobs import Jobs, new_id
from lift3d.server.store import Upload
from lift3d.units import format_memory

STALL_SECONDS = 30.0
"""Longest time without a byte."""
FLUSH = 1 << 20
MAX_NAME = 150


class TooLarge(InputError):
    """A file larger than it may be."""


class Stalled(InputError):
    """A client that has stopped sending."""


@dataclass(frozen=True)
class Received:
    """files: what was taken; left_out: (name, reason) of entries of an archive that were not."""

    files: list[Upload]
    left_out: list[tuple[str, str]]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "files": [
                {k: getattr(u, k) for k in ("id", "name", "kind", "media", "bytes")} for u in self.files
            ],
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out],
        }


def shown_name(name: str) -> str:
    """A name as it may be shown: the last part of a path, without control characters, not too long."""
    last = re.split(r"[\\/]", name)[-1]
    clean = "".join(
        c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C"
    ).strip()
    return clean[:MAX_NAME] or "file"


async def receive(request: Request, name: str, jobs: Jobs) -> Received:
    """Store the body of a request. Raises InputError, and stores nothing, for what is too large, stalls, or cannot be read."""
    limit = jobs.settings.upload_limit
    declared = request.headers.get("content-length", "")
    if declared.isdigit():
        if int(declared) > limit:
            raise TooLarge(f"{name} is larger than {format_memory(limit)}, the limit", "send less at once")
        jobs.require_space(int(declared))
    upload = new_id()
    path = jobs.upload_path(upload)
    size = 0
    try:
        size = await _stream(request, path, name, jobs)
        return await asyncio.to_thread(_take, path, upload, name, size, jobs)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _disk_error(error) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


async def _stream(request: Request, path: Path, name: str, jobs: Jobs) -> int:
    """Write the body to `path`; returns its size."""
    size, held = 0, bytearray()
    stream = request.stream().__aiter__()
    reserved = 0
    try:
        with open(path, "xb") as file:
            while True:
                try:
                    chunk = await asyncio.wait_for(stream.__anext__(), STALL_SECONDS)
                except StopAsyncIteration:
                    break
                except TimeoutError as error:
                    raise Stalled(
                        f"{name} did not arrive", "check the connection and send it again"
                    ) from error
                except ClientDisconnect as error:
                    raise Stalled(f"{name} arrived in part only", "send it again") from error
                size += len(chunk)
                if size > jobs.settings.upload_limit:
                    limit = format_memory(jobs.settings.upload_limit)
                    raise TooLarge(f"{name} is larger than {limit}, the limit", "send less at once")
                jobs.incoming += len(chunk)
                reserved += len(chunk)
                jobs.require_space(0)
                held += chunk
                if len(held) >= FLUSH:
                    await asyncio.to_thread(file.write, bytes(held))
                    held.clear()
            await asyncio.to_thread(file.write, bytes(held))
    finally:
        jobs.incoming -= reserved
    return size


def _take(path: Path, upload: str, name: str, size: int, jobs: Jobs) -> Received:
    """Find out what a file is, and store it, or the photos of an archive."""
    content = sniff(path, name)
    if content.kind != "archive":
        found = Upload(upload, name, content.kind, content.suffix, content.media, size, time.time())
        return _stored(Received([found], []), jobs)
    settings = jobs.settings
    free = min(settings.upload_limit, settings.quota - jobs.used())
    entries, left_out = unpack_photos(
        path, name, lambda: jobs.upload_path(new_id()), settings.upload_limit, free, settings.files_limit
    )
    path.unlink()
    now = time.time()
    uploads = [
        Upload(
            e.path.name,
            shown_name(e.name),
            e.content.kind,
            e.content.suffix,
            e.content.media,
            e.path.stat().st_size,
            now,
        )
        for e in entries
    ]
    return _stored(Received(uploads, left_out), jobs)


def _stored(received: Received, jobs: Jobs) -> Received:
    jobs.store.add_uploads(received.files)
    jobs.upload_bytes += sum(upload.bytes for upload in received.files)
    return received


def _disk_error(error: OSError) -> InputError:
    """The sentence for a failed write, without the path."""
    known = write_error(error, Path("the upload"))
    return DiskFull(known.cause, "free some space on the server, then send it again")


class DiskFull(InputError):
    """The disk of the server cannot take the file."""
