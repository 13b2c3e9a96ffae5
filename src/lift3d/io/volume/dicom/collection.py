"""The slices of a file, a folder, a DICOMDIR or an unpacked archive, and a note of everything that was left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.volume.dicom import series, stack, volume
from lift3d.io.volume.dicom.headers import directory_files, is_dicom, library, read_head
from lift3d.io.volume.dicom.objects import Reason
from lift3d.io.volume.dicom.series import Series
from lift3d.io.volume.dicom.slices import Slice, slices_of
from lift3d.io.volume.limits import printable
from lift3d.types.volumes import Volume

DIRECTORY = b"1.2.840.10008.1.3.10\0"
NAMED = 3


def is_directory(head: bytes) -> bool:
    """Whether the first bytes of a DICOM file are those of a DICOMDIR."""
    return DIRECTORY in head or DIRECTORY[:-1] + b"\x02\x00" in head


def read(
    files: Sequence[Path],
    name: str,
    *,
    wanted: str | None,
    time: int | None,
    close_gap: bool,
    notes: Callable[[str], None],
) -> Volume:
    """The volume of one series among DICOM files; see `reading.read_volume`."""
    stacks = find_series(files, name, notes)
    chosen = series.choose(stacks, wanted, name, notes)
    if wanted is None and len(stacks) == 1 and chosen.description:
        name_of_series = printable(chosen.description, 40)
        notes(f'series {chosen.name} "{name_of_series}" was read: {chosen.slices} pictures')
    elif len(stacks) > 1:
        notes(f"series {chosen} was read")
    ordered = stack.ordered(chosen.pictures, name, time=time, close_gap=close_gap, notes=notes)
    return volume.assemble(ordered, name, notes)


def find_series(files: Sequence[Path], name: str, notes: Callable[[str], None]) -> list[Series]:
    """All stacks of slices among DICOM files, the largest first. Raises InputError where there are none."""
    library()
    slices: list[Slice] = []
    left: dict[Reason, list[str]] = {}
    for path in expanded(files):
        shown = printable(path.name)
        found = slices_of(path, shown, read_head(path))
        if isinstance(found, Reason):
            left.setdefault(found, []).append(shown)
        else:
            slices += found
    if not slices:
        raise _nothing(left, name)
    for reason, names in left.items():
        notes(f"left out {_several(names)}: {reason.what}")
    return series.split(slices)


def expanded(files: Sequence[Path]) -> list[Path]:
    """The files, a single DICOMDIR replaced by the files that it lists, others dropped."""
    directories = [path for path in files if is_directory(read_head(path))]
    if directories and len(directories) == len(files):
        listed = [file for path in directories for file in directory_files(path)]
        return [file for file in dict.fromkeys(listed) if is_dicom(read_head(file))]
    return [path for path in files if path not in set(directories)]


def _nothing(left: dict[Reason, list[str]], name: str) -> InputError:
    """The error of files without slices, for the commonest reason."""
    if not left:
        return InputError(f"{name} holds no DICOM pictures", "give the folder of a CT or MR series")
    reason, names = max(left.items(), key=lambda pair: len(pair[1]))
    if len(names) == 1:
        return InputError(f"{names[0]} is {reason.what}", reason.advice)
    others = sum(len(n) for n in left.values()) - len(names)
    more = f", and {others} other files without slices" if others else ""
    return InputError(
        f"{name} holds no slices of measured values, and each of {_several(names)} is {reason.what}{more}",
        reason.advice,
    )


def _several(names: Sequence[str]) -> str:
    """Names for a message, the first few of many."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        (f"{len(names)} files (" if len(names) > 1 else "")
        + ", ".join(names[:NAMED])
        + more
        + (")" if len(names) > 1 else "")
    )
