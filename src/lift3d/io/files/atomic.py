"""Atomic writes: a file is written under a temporary name and moved into place.

`os.replace` within one folder is atomic on POSIX and Windows, so a reader sees either the old file or the whole new one.
The temporary name carries the writer's process id, so the next writer of the same file can remove what a killed one left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.files import interrupt

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_error(error: OSError, path: Path) -> InputError:
    """The InputError that explains an operating system error raised while writing `path`."""
    if error.errno in _FULL:
        return InputError(
            f"cannot write {path}: the disk is full or the file would exceed the size limit",
            "free some space or choose another folder",
        )
    if error.errno in _REFUSED:
        return InputError(f"cannot write {path}: the folder is read-only", "choose another folder")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return InputError(
            f"cannot write {path}: a part of this path is a file, not a folder", "choose another folder"
        )
    reason = error.strerror or str(error)
    return InputError(f"cannot write {path}: {reason}", "choose another name or folder")


def process_is_alive(pid: int) -> bool:
    """Whether a process with this id exists; True when that cannot be determined (POSIX only)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _temporary(path: Path) -> Path:
    """The hidden sibling of `path` that this process writes to; it keeps the suffix, which some writers depend on."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def _remove_abandoned(path: Path) -> None:
    """Delete temporary files of `path` whose process has ended (kill -9, power cut)."""
    if os.name != "posix":  # on Windows os.kill(pid, 0) would end the process
        return
    pattern = re.compile(re.escape(f".{path.stem}.") + r"(\d+)\.part" + re.escape(path.suffix))
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            match = pattern.fullmatch(name)
            if match and not process_is_alive(int(match[1])):
                (path.parent / name).unlink(missing_ok=True)


def _reserve(path: Path) -> Path:
    """Create the folder if missing and an empty temporary file in it, so that a failure comes before the work."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise InputError(f"cannot write {path}: a folder has this name", "choose another name")
        _remove_abandoned(path)
        part = _temporary(path)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise write_error(error, path) from error
    return part


def _sync(path: Path) -> None:
    """Flush a file (or, where the system allows it, a folder) to the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def writing_together(*paths: str | os.PathLike[str]) -> Iterator[tuple[Path, ...]]:
    """Temporary paths for files that belong together, the one that refers to the others first (OBJ, MTL, PNG).

    On success the files are moved into place in reverse order, so the first never appears before the files it refers to.
    On any exception, Ctrl-C included, all temporary files are removed and no existing file is touched. Raises InputError
    when a target cannot be written.
    """
    targets = [Path(os.path.realpath(p)) for p in paths]
    parts: list[Path] = []
    current = targets[0]
    try:
        for current in targets:
            parts.append(_reserve(current))
        try:
            yield tuple(parts)
            interrupt.check()
            for part in parts:
                _sync(part)
            for current, part in reversed(list(zip(targets, parts))):
                os.replace(part, current)
        except OSError as error:
            ours = error.filename is not None and str(error.filename) in map(str, parts)
            if ours or error.filename is None or error.errno in _FULL | {errno.EROFS}:
                raise write_error(error, current) from error
            raise
        if os.name == "posix":
            for folder in sorted({t.parent for t in targets}):
                with contextlib.suppress(OSError):  # some file systems cannot sync folders
                    _sync(folder)
    finally:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path`; moved into place when the block ends without an exception.

    with writing("statue.glb") as part: part.write_bytes(data)
    """
    with writing_together(path) as (part,):
        yield part


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file atomically. Raises InputError when it cannot be written."""
    with writing(path) as part:
        part.write_bytes(data)
