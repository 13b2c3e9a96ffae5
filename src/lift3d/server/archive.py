"""Photos out of a ZIP archive, within limits: sizes are counted while they are unpacked, and no name becomes a path."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lift3d.errors import InputError
from lift3d.server.content import Content, sniff

CHUNK = 1 << 18
MAX_RATIO = 200
"""Largest ratio of the unpacked size of an entry to its packed size: pictures hardly shrink."""


@dataclass(frozen=True)
class Entry:
    """A file that was unpacked. name: to show."""

    path: Path
    name: str
    content: Content


def unpack_photos(
    archive: Path,
    name: str,
    new_path: Callable[[], Path],
    entry_limit: int,
    total_limit: int,
    files_limit: int,
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """(photos of the archive, (name, reason) of what was left out). new_path: returns an unused path for each entry.

    entry_limit, total_limit: bytes; files_limit: photos. Raises InputError for an archive that is damaged, encrypted, exceeds a
    limit or holds no photo; what was unpacked is removed then."""
    taken: list[Entry] = []
    left_out: list[tuple[str, str]] = []
    total = 0
    path: Path | None = None
    try:
        with zipfile.ZipFile(archive) as file:
            wanted = [info for info in file.infolist() if _is_wanted(info)]
            _require_small(wanted, name, entry_limit, total_limit)
            for info in sorted(wanted, key=lambda info: info.filename):
                shown = _shown(info)
                if info.flag_bits & 1:
                    raise InputError(f"{name} is encrypted", "pack it without a password")
                if len(taken) >= files_limit:
                    raise InputError(f"{name} holds more than {files_limit} files", "pack fewer photos")
                path = new_path()
                total += _unpack(file, info, path, name, min(entry_limit, total_limit - total))
                try:
                    content = sniff(path, shown)
                except InputError as error:
                    left_out.append((shown, str(error)))
                    path.unlink()
                    continue
                if content.kind != "photo":
                    left_out.append((shown, f"{shown} is no photo: only photos are taken from an archive."))
                    path.unlink()
                    continue
                taken.append(Entry(path, shown, content))
        if not taken:
            raise InputError(f"{name} holds no photos", "pack JPEG, PNG, WebP, TIFF or HEIC files")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        _remove([*(entry.path for entry in taken), path])
        raise InputError(f"{name} is a damaged ZIP archive", "pack it again") from error
    except BaseException:
        _remove([*(entry.path for entry in taken), path])
        raise
    return taken, left_out


def _shown(info: zipfile.ZipInfo) -> str:
    """The name of an entry without its folders."""
    return PurePosixPath(info.filename.replace("\\", "/")).name[:200]


def _is_wanted(info: zipfile.ZipInfo) -> bool:
    return not (info.is_dir() or _shown(info).startswith(".") or info.filename.startswith("__MACOSX/"))


def _allowed(info: zipfile.ZipInfo, limit: int) -> int:
    """Bytes to which an entry may unpack."""
    return min(limit, MAX_RATIO * max(info.compress_size, 1 << 12))


def _require_small(entries: list[zipfile.ZipInfo], name: str, entry_limit: int, total_limit: int) -> None:
    """InputError where the archive itself states sizes above a limit, before anything is unpacked."""
    if sum(info.file_size for info in entries) > total_limit or any(
        info.file_size > _allowed(info, entry_limit) for info in entries
    ):
        raise _too_large(name)


def _too_large(name: str) -> InputError:
    return InputError(f"{name} unpacks to more than the limit", "send the photos themselves, or fewer")


def _unpack(file: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, name: str, limit: int) -> int:
    """Write one entry to `path`; returns its size."""
    allowed, size = _allowed(info, limit), 0
    with file.open(info) as source, open(path, "xb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > allowed:
                raise _too_large(name)
            target.write(chunk)
    return size


def _remove(paths: list[Path | None]) -> None:
    for path in paths:
        if path is not None:
            path.unlink(missing_ok=True)
