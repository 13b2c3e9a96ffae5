"""Debian packages (deb(5)): `ar` archives with a control and a data tar file, unpacked without installing them.

Only regular files and links that stay inside the package are unpacked, into one folder that appears when it is complete.
"""

from __future__ import annotations

import errno
import io
import lzma
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from lift3d.errors import InputError

PathFilter = Callable[[str], bool]
MAX_UNPACKED = 20 << 30
"""Maximum number of unpacked bytes of one package."""
MAX_FILES = 500_000
MAX_LISTING = 64 << 20
ARCHIVE_ERRORS = (tarfile.TarError, lzma.LZMAError, EOFError, ValueError, OSError, OverflowError, zlib.error)


def list_files(deb: Path) -> list[str] | None:
    """Sorted paths of the regular files of a package by its md5sums; None where it has no md5sums.

    Raises InputError for a damaged package.
    """
    with _opened(deb, "control") as tar:
        for entry in tar:
            if PurePosixPath(entry.name).name == "md5sums" and entry.size <= MAX_LISTING:
                source = tar.extractfile(entry)
                lines = source.read().decode("utf-8", "replace").splitlines() if source else []
                return sorted(path.lstrip() for _, _, path in (line.partition(" ") for line in lines))
    return None


def unpack(deb: Path, root: Path, wanted: PathFilter) -> None:
    """Unpack the selected files of a package into `root`. Raises InputError for a damaged package and leaves nothing."""
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with _opened(deb, "data") as tar:
            _extract(tar, part, wanted)
        os.replace(part, root)
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Member(io.RawIOBase):
    """A range of an open file as a readable stream."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.left = file, size

    def readable(self) -> bool:
        """True, as `io.BufferedReader` requires."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes; returns their number, 0 at the end of the range."""
        data = self.file.read(min(len(buffer), self.left))
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


def _members(file: IO[bytes], name: str) -> Iterator[tuple[str, _Member]]:
    """Names and contents of the members of an `ar` archive."""
    if file.read(8) != b"!<arch>\n":
        raise InputError(f"{name} is not a Debian package", "download it again")
    while len(header := file.read(60)) == 60:
        size, start = int(header[48:58]), file.tell()
        if not 0 <= size <= os.fstat(file.fileno()).st_size - start:
            raise ValueError("a member is cut short")
        yield header[:16].decode("ascii", "replace").strip().rstrip("/"), _Member(file, size)
        file.seek(start + size + size % 2)


@contextmanager
def _opened(deb: Path, which: str) -> Iterator[tarfile.TarFile]:
    """The tar file `which` ("control" or "data") of a package as a stream; every defect raises InputError."""
    try:
        with open(deb, "rb") as file:
            for name, member in _members(file, deb.name):
                match = re.fullmatch(which + r"\.tar(\.xz|\.gz|\.bz2)?", name)
                if match:
                    stream: IO[bytes] = io.BufferedReader(member, 1 << 20)
                    if match[1] == ".xz":
                        stream = lzma.open(stream)  # noqa: SIM115 (closed with the archive)
                    mode = "r|" + (match[1] or "").strip(".").replace("xz", "")
                    with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
                        yield tar
                    return
        raise InputError(f"{deb.name} holds no {which} archive that can be unpacked", "download it again")
    except ARCHIVE_ERRORS as error:
        if is_disk_error(error):
            raise
        raise InputError(f"{deb.name} is damaged ({short_reason(error)})", "download it again") from error


def _extract(tar: tarfile.TarFile, root: Path, wanted: PathFilter) -> None:
    """Unpack regular files, then links to files inside, so that nothing is written through a link."""
    total = count = 0
    links: list[tuple[Path, str]] = []
    for entry in tar:
        path = PurePosixPath(entry.name)
        if path.is_absolute() or ".." in path.parts or not wanted(str(path)):
            continue
        total, count = total + max(entry.size, 0), count + 1
        if total > MAX_UNPACKED or count > MAX_FILES:
            limit = f"{MAX_UNPACKED >> 30} GB or {MAX_FILES} files"
            raise InputError(f"the package unpacks to more than {limit}", "download it again from Debian")
        if entry.issym():
            links.append((root / path, entry.linkname))
        source = tar.extractfile(entry) if entry.isreg() else None
        if source is not None:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            with open(root / path, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
    for link, target in links:
        inside = os.path.normpath(PurePosixPath(os.path.relpath(link.parent, root)) / target)
        if not (target.startswith("/") or inside.startswith("..") or link.exists()):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
    real = root.resolve()
    for link, _ in links:
        if link.is_symlink() and not link.resolve().is_relative_to(real):
            link.unlink()


def is_disk_error(error: BaseException) -> bool:
    """Whether an error comes from the disk rather than from a damaged archive."""
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EACCES,
        errno.EROFS,
        errno.ENOENT,
    )


def short_reason(error: Exception) -> str:
    """At most 80 ASCII characters of an exception's message; some libraries quote damaged bytes."""
    return ascii(" ".join(str(error).split()))[1:-1][:80] or type(error).__name__
