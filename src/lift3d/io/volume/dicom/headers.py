"""Files found to be DICOM by their content, and their headers read without pixels.

Files are untrusted: pydicom raises errors of many classes on damaged ones, and each becomes one InputError.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lift3d.errors import InputError, Lift3dError, MissingExtra, damaged_file
from lift3d.io.volume.data_bytes import open_file
from lift3d.io.volume.dicom import streams
from lift3d.io.volume.limits import printable

MAX_FILES = 100_000
HEAD = 4096
DEFLATED = b"1.2.840.10008.1.2.1.99"
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"
PIXEL_GROUP = 0x7FE0
UNDEFINED = b"\xff" * 4
"""The length of an element whose end is marked: compressed pixels."""
_FIRST_GROUPS = (0x0002, 0x0008)


def library() -> Any:
    """The module pydicom, without its messages. Raises MissingExtra where it is not installed."""
    try:
        import pydicom
    except ImportError as error:
        raise MissingExtra("reading DICOM", "medical") from error
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    return pydicom


@contextmanager
def guarded(name: str, what: str = "cannot be read as DICOM") -> Iterator[None]:
    """Turns whatever pydicom and its decoders raise on a damaged file into the InputError that `name` `what`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Lift3dError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{name} needs more memory than there is", "close other programs or crop the series"
        ) from error
    except Exception as error:  # pydicom and gdcm raise anything on damaged files
        raise damaged_file(name, what) from error


def read_head(path: Path) -> bytes:
    """The first bytes of a file. Raises InputError when it cannot be read."""
    with open_file(path) as file:
        return file.read(HEAD)


def is_dicom(head: bytes) -> bool:
    """Whether the first bytes of a file are those of DICOM, with or without its preamble."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 8:
        return False
    little = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    big = int.from_bytes(head[:2], "big"), int.from_bytes(head[2:4], "big")
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    if little[0] in _FIRST_GROUPS and little[1] <= 0x0FFF:
        return explicit or int.from_bytes(head[4:8], "little") <= 1024
    return big[0] in _FIRST_GROUPS and big[1] <= 0x0FFF and explicit


def read_header(path: Path, head: bytes) -> tuple[Any, int]:
    """(data set of a file without its pixels (pydicom.Dataset), bytes from the beginning of the pixels to the end of the file, 0
    where it has none). Raises InputError for damaged and deflated files."""
    pydicom = library()
    refuse_deflated(path, head)
    with open_file(path) as file, guarded(path.name):
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
        rest = os.fstat(file.fileno()).st_size - file.tell()
        tag = file.read(4)
        implicit, little = dataset.original_encoding
        if int.from_bytes(tag[:2], "little" if little else "big") != PIXEL_GROUP:
            return dataset, 0
        length = file.read(4 if implicit else 8)[-4:]
        if length == UNDEFINED:
            streams.check_items(file, path.name)
        return dataset, max(rest - (8 if implicit else 12), 0)


def refuse_deflated(path: Path, head: bytes) -> None:
    """Raise InputError for the transfer syntax whose whole data set is deflated: it would be unpacked without a bound."""
    if DEFLATED in head:
        raise InputError(
            f"{path.name} is stored as Deflated Explicit VR Little Endian, which is not read",
            "convert it to Explicit VR Little Endian, for example with dcmconv",
        )


def files_below(folder: Path) -> list[Path]:
    """All regular files below a folder, in the order of their paths; links to folders are not followed."""
    found: list[Path] = []

    def unreadable(error: OSError) -> None:
        raise InputError(
            f"{printable(error.filename)} cannot be read ({error.strerror})", "check its permissions"
        ) from error

    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        found += [Path(here) / name for name in sorted(names)]
        if len(found) > MAX_FILES:
            raise InputError(
                f"{folder} holds more than {MAX_FILES} files", "give the folder of one examination or series"
            )
    for path in found:
        if path.is_symlink() and not path.exists():
            raise InputError(
                f"{printable(path.name)} is a link to a file that is missing", "copy the whole series"
            )
    return [path for path in found if path.is_file()]


def directory_files(path: Path) -> list[Path]:
    """The files that a DICOMDIR lists. Raises InputError where one lies outside its folder, or is missing."""
    with guarded(path.name):
        records = library().dcmread(path, force=True).get("DirectoryRecordSequence") or []
        stated = [record.get("ReferencedFileID") for record in records]
        parts = [[one] if isinstance(one, str) else [str(p) for p in one] for one in stated if one]
    found, missing = [], []
    for names in parts:
        if any(n in ("", ".", "..") or set(n) & set("/\\:\0") for n in names):
            raise InputError(
                f"{path.name} lists a file outside its own folder ({'/'.join(names)[:80]!r})",
                "do not trust this file",
            )
        file = _case_insensitive(path.parent, names)
        if file is None:
            missing.append("/".join(names))
        else:
            found.append(file)
    if missing:
        raise InputError(
            f"{path.name} lists {len(missing)} files that are missing, {missing[0][:80]!r} first",
            "copy the whole disc, or give the folder of the series",
        )
    if not found:
        raise InputError(f"{path.name} lists no files", "give the folder of the series")
    return found


def _case_insensitive(folder: Path, names: list[str]) -> Path | None:
    """The file of a path below `folder` whose letters may be of the other case, or None; links out of it do not count."""
    here = folder
    for name in names:
        exact = here / name
        if not exact.exists():
            try:
                same = [p for p in here.iterdir() if p.name.lower().partition(";")[0] == name.lower()]
            except OSError:
                return None
            if len(same) != 1:
                return None
            exact = same[0]
        here = exact
    inside = Path(os.path.realpath(here)).is_relative_to(os.path.realpath(folder))
    return here if inside and here.is_file() else None
