"""Zip archives, the container of 3MF and USDZ: untrusted ones read within bounds, new ones written without dates."""

from __future__ import annotations

import io
import zipfile

from lift3d.errors import InputError, damaged_file

MAX_ENTRIES = 10_000
MAX_TOTAL = 1 << 30
LEVEL = 4
"""Level of compression. Triangles as text: 10.0 MB in 0.4 s; level 6 leaves 10.3 MB in 1.2 s, level 1 12.1 MB in 0.3 s."""
MAX_RATIO = 250
"""Triangles as text shrink 5 to 30 times; an archive above this ratio (and 16 MB) is refused as a zip bomb."""


class Archive:
    """The entries of an archive by name.

    folders: folders of the format, in lower case; an entry may begin with a slash before one of them, as names of parts do.
    Raises InputError for a damaged archive, zip bombs, encryption and paths that lead outside the archive.
    """

    def __init__(self, data: bytes, name: str, folders: tuple[str, ...] = ()) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, OSError, EOFError, IndexError) as error:
            raise damaged_file(name, "is cut short or not a zip archive") from error
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise damaged_file(name, f"holds {len(entries)} files; the limit is {MAX_ENTRIES}")
        total = sum(e.file_size for e in entries)
        self._refuse_bomb(total, len(data))
        self.entries: dict[str, zipfile.ZipInfo] = {}
        for entry in entries:
            clean = entry.filename.replace("\\", "/")
            if clean[1:].lower().startswith(folders or ("\0",)):
                clean = clean.removeprefix("/")
            if clean.startswith("/") or ":" in clean[:3] or ".." in clean.split("/") or "\0" in clean:
                raise InputError(
                    f"{name} holds a file whose path leads outside the archive ({clean[:80]!r})",
                    "do not trust this file",
                )
            if entry.flag_bits & 1:
                raise damaged_file(name, "is encrypted")
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise damaged_file(name, "uses a compression that no model format allows")
            self.entries[clean] = entry

    def _refuse_bomb(self, total: int, packed: int) -> None:
        if total > MAX_TOTAL or (total > 16 << 20 and total > MAX_RATIO * packed):
            raise InputError(
                f"{self.name} would unpack from {packed / 2**20:.1f} MB to {total >> 20} MB, like a zip bomb",
                "do not trust this file",
            )

    def names(self) -> list[str]:
        """Names of all entries, in the order of the archive."""
        return list(self.entries)

    def read(self, entry: str) -> bytes:
        """The unpacked bytes of an entry; zipfile verifies their checksum. Raises KeyError for an unknown name."""
        info = self.entries[entry]
        with self._zip.open(info) as file:
            data = file.read(info.file_size + 1)
        if len(data) != info.file_size:
            raise damaged_file(self.name, "has an entry whose size differs from the stated one")
        return data


def _info(name: str) -> zipfile.ZipInfo:
    """An entry's header with a fixed date and mode."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def pack(files: list[tuple[str, bytes]], *, align: int = 0) -> bytes:
    """A zip archive with fixed dates. align > 0: stored uncompressed, the data of each file at a multiple of it (USDZ: 64)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files:
            info = _info(name)
            if align:
                start = out.tell() + 30 + len(name.encode())
                gap = -start % align
                gap += align if 0 < gap < 4 else 0  # the header of an extra field takes four bytes
                if gap:
                    info.extra = b"\x86\x19" + (gap - 4).to_bytes(2, "little") + bytes(gap - 4)
            stored = align or name.endswith((".png", ".jpg"))
            archive.writestr(info, data, zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED, LEVEL)
    return out.getvalue()
