"""Zip archives inside packages, unpacked once beside the archive."""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from lift3d.corpus.packages.deb import is_disk_error, short_reason
from lift3d.errors import InputError

MAX_TOTAL = 8 << 30
MAX_ENTRIES = 200_000
ARCHIVE_ERRORS = (
    zipfile.BadZipFile, OSError, EOFError, ValueError, OverflowError, LookupError, struct.error, zlib.error, lzma.LZMAError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
"""Exceptions that zipfile raises on damaged, encrypted and unusual archives."""


def unzip(archive: Path, wanted: Callable[[str], bool]) -> Path:
    """The folder with the selected files of a zip archive, which appears when it is complete; it is reused later.

    Raises InputError for a damaged archive and one that would unpack to more than the limits.
    """
    target = archive.with_name(f"{archive.name}.unpacked")
    if target.exists():
        return target
    part = archive.with_name(f"{archive.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        with zipfile.ZipFile(archive) as packed:
            entries = [e for e in packed.infolist() if not e.is_dir()]
            if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_TOTAL:
                raise InputError(
                    f"{archive.name} would unpack to more than {MAX_TOTAL >> 30} GB or {MAX_ENTRIES} files",
                    "do not trust this file",
                )
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or not wanted(str(path)):
                    continue
                file = part / path
                file.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(entry) as source, open(file, "wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
        os.replace(part, target)
    except ARCHIVE_ERRORS as error:
        if is_disk_error(error):
            raise
        raise InputError(
            f"{archive.name} is damaged ({short_reason(error)})", "download its package again"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target
