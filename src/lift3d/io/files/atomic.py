"""Nothing half-written is left behind: files are written to a temporary name and moved into place.

`os.replace` within one folder is atomic on POSIX and Windows, so a reader sees the old file or the whole
new one. The temporary name carries the writer's process number: what a killed writer left is removed by
the next one that writes the same file.
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
    """The sentence a person reads for an operating system error met while writing `path`."""
    if error.errno in _FULL:
        return InputError(
            f"cannot write {path}: the disk is full or the file would be larger than allowed here",
            "free some space or choose another folder",
        )
    if error.errno in _REFUSED:
        return InputError(f"cannot write {path}: the folder is read-only for you", "choose another folder")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return InputError(
            f"cannot write {path}: a part of this path is a file, not a folder", "choose another folder"
        )
    reason = error.strerror or str(error)
    return InputError(f"cannot write {path}: {reason}", "choose another name or folder")


def process_is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _temporary(path: Path) -> Path:
    """The hidden sibling of `path` this process writes to; it keeps the ending, which some writers go by."""
    return path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")


def _remove_abandoned(path: Path) -> None:
    """Delete temporaries of `path` whose process no longer lives (kill -9, power cut)."""
    if os.name != "posix":  # elsewhere a process cannot be asked without harm
        return
    pattern = re.compile(re.escape(f".{path.stem}.") + r"(\d+)\.part" + re.escape(path.suffix))
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):
            match = pattern.fullmatch(name)
            if match and not process_is_alive(int(match[1])):
                (path.parent / name).unlink(missing_ok=True)


def _reserve(path: Path) -> Path:
    """Create the folder if missing and an empty temporary in it, so that a refusal comes before the work."""
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
    """Temporary paths for files that belong together, the one that names the others first (OBJ, MTL, PNG).

    On success they are moved into place last first, so the first never shows before what it needs.
    On any exception, ctrl-C included, all temporaries are removed and no file is touched.
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
                with contextlib.suppress(
                    OSError
                ):  # some file systems cannot sync a folder; the files are synced
                    _sync(folder)
    finally:
        for part in parts:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path`; moved into place when the block ends without exception.

    with writing("statue.glb") as part: part.write_bytes(data)
    """
    with writing_together(path) as (part,):
        yield part


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file atomically."""
    with writing(path) as part:
        part.write_bytes(data)
