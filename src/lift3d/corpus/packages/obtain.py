"""Debian packages as sources: downloaded by apt as an ordinary user, unpacked into a cache, never installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lift3d.corpus.packages.deb import PathFilter, list_files, unpack
from lift3d.errors import InputError
from lift3d.io.files.checksum import file_sha256

BOOKWORM = {
    "0ad-data": "0.0.26-1",
    "flightgear-data-ai": "1:2020.3.16+dfsg-1",
    "flightgear-data-base": "1:2020.3.16+dfsg-1",
    "flightgear-data-models": "1:2020.3.16+dfsg-1",
    "kicad-packages3d": "6.0.10-1",
    "megaglest-data": "3.13.0-3",
    "minetest-mod-homedecor": "20210327.1-2",
    "supertuxkart-data": "1.4+dfsg-2",
    "sweethome3d-furniture": "1.8-1",
    "ufoai-data": "2.5-2",
}
"""The versions of Debian 12, which the sources were written for."""


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


def obtain(
    name: str,
    cache: Path,
    debs: Path | None = None,
    say: Callable[[str], None] = print,
    wanted: PathFilter | None = None,
) -> Package:
    """The package, from a folder of .deb files if given, else by `apt-get download` into the cache.

    wanted: which paths ("usr/share/...") are unpacked beside its debian/copyright; all without it. The folder is named
    after the package and, where not all is wanted, after what is, so that two sources' wishes do not meet.
    """
    found = _find(name, debs if debs is not None else cache / "debs")
    if found is None and debs is None:
        found = _download(name, cache / "debs", say)
    if found is None:
        raise InputError(
            f"{debs} holds no {name}_*.deb",
            f"run `apt-get download {name}` on a Debian machine and copy it there",
        )
    version, digest = _version(found), file_sha256(found)
    folder = f"{name}_{found.stem.split('_')[1]}_{digest[:12]}"

    def chosen(path: str) -> bool:
        return wanted is None or wanted(path) or path == f"usr/share/doc/{name}/copyright"

    if wanted is not None:
        paths = list_files(found)
        if paths is not None:
            folder += "_" + hashlib.sha256("\n".join(filter(chosen, paths)).encode()).hexdigest()[:8]
        else:  # nobody knows what is in it before it is unpacked
            wanted = None
    root = cache / "unpacked" / folder
    if not root.exists():
        say(f"unpacking {found.name}")
        unpack(found, root, chosen)
    return Package(name, version, digest, root)


def _find(name: str, folder: Path) -> Path | None:
    """The .deb of this name with the latest version by name order, if any."""
    fitting = sorted(folder.glob(f"{name}_*.deb")) if folder.is_dir() else []
    return fitting[-1] if fitting else None


def _version(deb: Path) -> str:
    """ "1:2.0-1" of name_1%3a2.0-1_all.deb."""
    return deb.stem.split("_")[1].replace("%3a", ":")


def _download(name: str, folder: Path, say: Callable[[str], None]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("apt-get") is None:
        raise InputError(
            "apt-get is not on this machine, and the corpus is made of Debian packages",
            f"run `apt-get download {name}` on a Debian machine and give the folder with --debs",
        )
    say(f"downloading {name}")
    part = folder / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    command = ["apt-get", "-o", "APT::Sandbox::User=", "download", name]
    done = subprocess.run(command, cwd=part, capture_output=True, text=True, check=False)
    found = _find(name, part)
    if done.returncode or found is None:
        reason = next((x for x in done.stderr.splitlines() if x.startswith("E:")), "it gave no file")
        raise InputError(
            f"apt-get could not download {name} ({reason.removeprefix('E: ')})",
            "run `sudo apt-get update`, use Debian 12 (bookworm) or its sources, or give a folder with --debs",
        )
    if _version(found) != BOOKWORM.get(name, _version(found)):
        say(f"{name} is of version {_version(found)}; Debian 12 has {BOOKWORM[name]}")
    os.replace(found, folder / found.name)
    shutil.rmtree(part, ignore_errors=True)
    return folder / found.name
