"""Whole files read within a size limit."""

from __future__ import annotations

from pathlib import Path

from lift3d.errors import InputError

MAX_BYTES = 1 << 29
"""Default limit: 512 MB."""


def read_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file. Raises InputError when it is missing, unreadable or larger than `limit` bytes."""
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a file", "name a file in it")
        if not path.is_file() and path.exists():
            raise InputError(f"{path} is not a regular file", "copy its contents to a file first")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist", "check the path") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "check its permissions") from error
    if len(data) > limit:
        raise InputError(f"{path} is larger than {limit >> 20} MB, the limit", "make it smaller first")
    return data
