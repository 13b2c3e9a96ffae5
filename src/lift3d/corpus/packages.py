"""Debian packages as sources: downloaded by apt as an ordinary user, unpacked here, never installed.

A .deb is an `ar` archive with control and data tar files (deb(5)). Only regular files are unpacked, below the cache, and
a package's folder appears when it is whole.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from lift3d.errors import InputError

MAX_UNPACKED = 20 << 30
"""Bytes that one package may unpack to."""


@dataclass(frozen=True)
class Package:
    """An unpacked package: where, and what it was."""

    name: str
    version: str
    sha256: str
    root: Path

    @property
    def copyright(self) -> Path:
        return self.root / "usr/share/doc" / self.name / "copyright"


def obtain(name: str, cache: Path, debs: Path | None = None, say: Callable[[str], None] = print) -> Package:
    """The package, from a folder of .deb files if given, else by `apt-get download` into the cache."""
    found = (
        _find(name, debs)
        if debs is not None
        else (_find(name, cache / "debs") or _download(name, cache / "debs", say))
    )
    if found is None:
        raise InputError(
            f"{debs} holds no {name}_*.deb",
            f"run `apt-get download {name}` on a Debian machine and copy it there",
        )
    version = found.stem.split("_")[1].replace("%3a", ":")
    digest = hashlib.sha256()
    with open(found, "rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    root = cache / "unpacked" / f"{name}_{found.stem.split('_')[1]}_{digest.hexdigest()[:12]}"
    if not root.exists():
        say(f"unpacking {found.name}")
        _unpack(found, root)
    return Package(name, version, digest.hexdigest(), root)


def _find(name: str, folder: Path) -> Path | None:
    """The .deb of this name with the latest version by name order, if any."""
    fitting = sorted(folder.glob(f"{name}_*.deb")) if folder.is_dir() else []
    return fitting[-1] if fitting else None


def _download(name: str, folder: Path, say: Callable[[str], None]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("apt-get") is None:
        raise InputError(
            "apt-get is not on this machine, and the corpus is made of Debian packages",
            f"run `apt-get download {name}` on a Debian machine and give the folder with --debs",
        )
    say(f"downloading {name}")
    part = folder / "part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    done = subprocess.run(
        ["apt-get", "-o", "APT::Sandbox::User=", "download", name],
        cwd=part,
        capture_output=True,
        text=True,
        check=False,
    )
    found = _find(name, part)
    if done.returncode or found is None:
        reason = next((x for x in done.stderr.splitlines() if x.startswith("E:")), "it gave no file")
        raise InputError(
            f"apt-get could not download {name} ({reason.removeprefix('E: ')})",
            "run `sudo apt-get update`, use Debian 12 (bookworm) or its sources, or give a folder with --debs",
        )
    os.replace(found, folder / found.name)
    shutil.rmtree(part, ignore_errors=True)
    return folder / found.name


class _Member(io.RawIOBase):
    """A stretch of an open file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self.file.read(min(len(buffer), self.left))
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


def _members(deb: Path) -> Iterator[tuple[str, _Member]]:
    """Names and contents of the `ar` archive."""
    with open(deb, "rb") as file:
        if file.read(8) != b"!<arch>\n":
            raise InputError(f"{deb.name} is not a Debian package", "download it again")
        while len(header := file.read(60)) == 60:
            size, start = int(header[48:58]), file.tell()
            yield header[:16].decode("ascii", "replace").strip().rstrip("/"), _Member(file, size)
            file.seek(start + size + size % 2)


def _unpack(deb: Path, root: Path) -> None:
    part = root.with_name(f"{root.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        for name, member in _members(deb):
            match = re.fullmatch(r"data\.tar(\.xz|\.gz|\.bz2)?", name)
            if match:
                stream: IO[bytes] = io.BufferedReader(member, 1 << 20)
                if match[1] == ".xz":
                    stream = lzma.open(stream)  # noqa: SIM115 (closed with the archive)
                mode = "r|gz" if match[1] == ".gz" else "r|bz2" if match[1] == ".bz2" else "r|"
                with tarfile.open(fileobj=stream, mode=mode) as tar:  # type: ignore[call-overload]
                    _extract(tar, part)
                break
        else:
            raise InputError(f"{deb.name} holds no data that can be unpacked", "download it again")
        os.replace(part, root)
    except (tarfile.TarError, lzma.LZMAError, EOFError, ValueError) as error:
        raise InputError(f"{deb.name} is damaged ({error})", "download it again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(tar: tarfile.TarFile, root: Path) -> None:
    """Regular files; links are copied as links when they stay inside."""
    total = 0
    for entry in tar:
        path = PurePosixPath(entry.name)
        if path.is_absolute() or ".." in path.parts or not (entry.isreg() or entry.issym()):
            continue
        total += entry.size
        if total > MAX_UNPACKED:
            raise InputError(
                "the package unpacks to more than 20 GB", "it is not one of the corpus' packages"
            )
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.issym():
            inside = PurePosixPath(os.path.normpath(path.parent / entry.linkname))
            if not PurePosixPath(entry.linkname).is_absolute() and ".." not in inside.parts:
                target.symlink_to(entry.linkname)
            continue
        source = tar.extractfile(entry)
        if source is not None:
            with open(target, "wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
