"""`read_volume`: a volume from a DICOM folder, a file or a zip archive, by content and not by the ending of a name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lift3d.errors import InputError
from lift3d.io.volume import archive, metaimage, nifti, nrrd
from lift3d.io.volume.dicom import collection
from lift3d.io.volume.dicom.headers import files_below, is_dicom, read_head
from lift3d.io.volume.dicom.series import Series
from lift3d.io.volume.limits import printable
from lift3d.types.volumes import Volume

Notes = Callable[[str], None]
READERS = {"NIfTI": nifti.read, "NRRD": nrrd.read, "MetaImage": metaimage.read}
READABLE = "a DICOM series, NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd), or a zip archive of one"
IGNORED = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Found:
    """What a source holds: the format ("DICOM" or a key of `READERS`) and its files; name: to show; others: files left out."""

    format: str
    files: tuple[Path, ...]
    name: str
    others: int = 0


def read_volume(
    source: Path,
    *,
    series: str | None = None,
    time: int | None = None,
    close_gap: bool = False,
    spacing: Sequence[float] | None = None,
    notes: Notes,
) -> Volume:
    """The volume of a folder, file, DICOMDIR or zip archive.

    series: which DICOM series, by a name of `list_series` or by UID; time: which picture of several at each place, or volume of
    four dimensions, from 0; close_gap: interpolate missing and uneven slices linearly; spacing: millimetres along the three axes,
    for a file that states none or no unit; notes: receives one sentence for each decision and for what was left out.
    Raises InputError for whatever is not one volume, MissingExtra without the optional decoder of DICOM."""
    if spacing is not None and not (len(spacing) == 3 and all(math.isfinite(s) and s > 0 for s in spacing)):
        raise InputError("a spacing is three positive numbers in millimetres", "give it as 0.5,0.5,1.0")
    with opened(Path(source), notes) as found:
        if found.format == "DICOM":
            if spacing is not None:
                raise InputError(
                    f"{found.name} is DICOM, which states its own spacing", "leave out --spacing"
                )
            return collection.read(
                found.files, found.name, wanted=series, time=time, close_gap=close_gap, notes=notes
            )
        if series is not None:
            raise InputError(f"{found.name} is {found.format} and has no series", "leave out --series")
        return READERS[found.format](found.files[0], time=time, spacing=spacing, notes=notes)


def list_series(source: Path) -> list[Series]:
    """The stacks of slices that a DICOM source holds, the largest first; their names are the values of `series`."""
    with opened(Path(source), _discard) as found:
        if found.format != "DICOM":
            raise InputError(f"{found.name} is {found.format} and has no series", "leave out --series")
        return collection.find_series(found.files, found.name, _discard)


@contextmanager
def opened(source: Path, notes: Notes) -> Iterator[Found]:
    """What a source holds; an archive is unpacked to a temporary folder while the block runs. Raises InputError."""
    if source.is_dir():
        yield _folder(source, source.name or str(source), notes)
        return
    head = read_head(source)
    if archive.is_zip(head):
        with archive.unpacked(source) as folder:
            yield _folder(folder, printable(source.name), notes)
        return
    found = detect(source, head)
    if found is None:
        raise InputError(f"{printable(source.name)} {_what_else(head)}", f"give {READABLE}")
    yield Found(found, (source,), printable(source.name))


def detect(path: Path, head: bytes) -> str | None:
    """The format of a file from its first bytes: "DICOM" or a key of `READERS`; None for anything else."""
    if is_dicom(head):
        return "DICOM"
    if nrrd.is_nrrd(head):
        return "NRRD"
    if nifti.is_nifti(head):
        return "NIfTI"
    return "MetaImage" if metaimage.is_metaimage(head) else None


def _folder(folder: Path, name: str, notes: Notes) -> Found:
    """What a folder holds: its DICOM files, or else the only volume of another format."""
    dicom: list[Path] = []
    volumes: list[tuple[str, Path]] = []
    others = 0
    for path in files_below(folder):
        if path.name in IGNORED or path.name.startswith("._"):
            continue
        kind = detect(path, read_head(path))
        if kind == "DICOM":
            dicom.append(path)
        elif kind is not None:
            volumes.append((kind, path))
        else:
            others += 1
    if dicom:
        if others + len(volumes):
            notes(f"left out {others + len(volumes)} files that are not DICOM")
        return Found("DICOM", tuple(dicom), name, others)
    if len(volumes) == 1:
        notes(f"{printable(volumes[0][1].name)} was read, the only volume in {name}")
        return Found(volumes[0][0], (volumes[0][1],), printable(volumes[0][1].name), others)
    if volumes:
        names = ", ".join(printable(path.name, 40) for _, path in volumes[:5])
        raise InputError(
            f"{name} holds {len(volumes)} volumes ({names}{', ...' if len(volumes) > 5 else ''})",
            "name one of them",
        )
    what = "is empty" if not others else f"holds {others} files, none of which is a volume"
    raise InputError(f"{name} {what}", f"give {READABLE}")


def _what_else(head: bytes) -> str:
    """What a file is that is no volume, as far as its first bytes show."""
    if not head:
        return "is an empty file"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")):
        return "is a picture, not a volume"
    if nifti.is_pair(head):
        return "is the header of a NIfTI or ANALYZE pair (.hdr and .img), which is not read"
    return "is not a volume in any format that is read"


def _discard(note: str) -> None:
    """Takes notes where none are wanted."""
