"""Zip archives of volumes: unpacked within bounds to a temporary folder, which is removed afterwards."""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lift3d.errors import InputError, damaged_file
from lift3d.io.volume.data_bytes import CHUNK
from lift3d.io.volume.limits import printable

MAX_ENTRIES = 20_000
MAX_TOTAL = 8 << 30
MAX_RATIO = 250
"""Slices of empty air shrink about a hundred times; an archive above this ratio and `SMALL` bytes is refused as a zip bomb."""
SMALL = 256 << 20


def is_zip(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a zip archive."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A temporary folder with the files of an archive, under their own paths.

    Raises InputError for damaged and encrypted archives, zip bombs, and paths that lead outside the archive."""
    name = printable(path.name)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, IndexError) as error:
        raise damaged_file(name, "is cut short or not a zip archive") from error
    with archive, tempfile.TemporaryDirectory(prefix="lift3d-") as folder:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _check(entries, path.stat().st_size, name)
        for entry in entries:
            _extract(archive, entry, Path(folder), name)
        yield Path(folder)


def _check(entries: list[zipfile.ZipInfo], packed: int, name: str) -> None:
    """Raise InputError unless all entries are safe to unpack."""
    if len(entries) > MAX_ENTRIES:
        raise damaged_file(name, f"holds {len(entries)} files; the limit is {MAX_ENTRIES}")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_TOTAL or (total > SMALL and total > MAX_RATIO * packed):
        raise InputError(
            f"{name} would unpack from {packed / 2**20:.1f} MB to {total >> 20} MB, like a zip bomb",
            "do not trust this file",
        )
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if any(p in ("", "..") or set(p) & {":", "\0"} for p in parts) or len(entry.filename) > 1000:
            raise InputError(
                f"{name} holds a file whose path leads outside the archive ({printable(entry.filename)!r})",
                "do not trust this file",
            )
        if entry.flag_bits & 1:
            raise InputError(f"{name} is encrypted", "unpack it and give the folder")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{name} uses a compression that is not read", "unpack it and give the folder")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, name: str) -> None:
    """Write one entry below the folder; zipfile verifies its checksum."""
    target = folder.joinpath(*entry.filename.replace("\\", "/").split("/"))
    left = entry.file_size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(entry) as source, open(target, "xb") as file:
            while piece := source.read(CHUNK):
                left -= len(piece)
                if left < 0:
                    raise damaged_file(name, "has an entry whose size differs from the stated one")
                file.write(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise damaged_file(
            name, f"has a damaged entry ({printable(os.path.basename(entry.filename), 40)})"
        ) from error
    except FileExistsError as error:
        raise damaged_file(name, "holds two files of the same path") from error
    except OSError as error:
        raise InputError(
            f"{name} cannot be unpacked to a temporary folder ({error.strerror})",
            "free some space, or unpack it yourself",
        ) from error
