"""Debian packages downloaded by apt without privileges and unpacked into a cache; nothing is installed."""

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
"""The package versions of Debian 12, for which the sources were written."""


@dataclass(frozen=True)
class Package:
    """An unpacked package: its name, version, checksum of the .deb, and root folder."""

    name: str
    version: str
    sha256: str
    root: Path

    @property
    def copyright(self) -> Path:
        """The path of its debian/copyright."""
        return self.root / "usr/share/doc" / self.name / "copyright"


def obtain(
    name: str,
    cache: Path,
    debs: Path | None = None,
    log: Callable[[str], None] = print,
    wanted: PathFilter | None = None,
) -> Package:
    """The unpacked package, from a folder of .deb files if given, else by `apt-get download` into the cache.

    wanted: selects the paths ("usr/share/...") that are unpacked besides debian/copyright; all without it. The name of the
    folder includes a hash of the selected paths, so that different selections do not collide. Raises InputError when the
    package is missing, cannot be downloaded or is damaged.
    """
    found = _find(name, debs if debs is not None else cache / "debs")
    if found is None and debs is None:
        found = _download(name, cache / "debs", log)
    if found is None:
        raise InputError(
            f"{debs} holds no {name}_*.deb",
            f"run `apt-get download {name}` on a Debian machine and copy the file there",
        )
    version, digest = _version(found), file_sha256(found)
    folder = f"{name}_{found.stem.split('_')[1]}_{digest[:12]}"

    def chosen(path: str) -> bool:
        return wanted is None or wanted(path) or path == f"usr/share/doc/{name}/copyright"

    if wanted is not None:
        paths = list_files(found)
        if paths is not None:
            folder += "_" + hashlib.sha256("\n".join(filter(chosen, paths)).encode()).hexdigest()[:8]
        else:  # without a list of files the selection cannot be hashed
            wanted = None
    root = cache / "unpacked" / folder
    if not root.exists():
        log(f"unpacking {found.name}")
        unpack(found, root, chosen)
    return Package(name, version, digest, root)


def _find(name: str, folder: Path) -> Path | None:
    """The .deb of this package that is last in name order, None without any."""
    fitting = sorted(folder.glob(f"{name}_*.deb")) if folder.is_dir() else []
    return fitting[-1] if fitting else None


def _version(deb: Path) -> str:
    """The version in a file name, such as "1:2.0-1" of name_1%3a2.0-1_all.deb."""
    return deb.stem.split("_")[1].replace("%3a", ":")


def _download(name: str, folder: Path, log: Callable[[str], None]) -> Path:
    """Download a package into the folder and return the path of its .deb."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("apt-get") is None:
        raise InputError(
            "apt-get is not installed, but the corpus is built from Debian packages",
            f"run `apt-get download {name}` on a Debian machine and give its folder with --debs",
        )
    log(f"downloading {name}")
    part = folder / f"{name}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    command = ["apt-get", "-o", "APT::Sandbox::User=", "download", name]
    done = subprocess.run(command, cwd=part, capture_output=True, text=True, check=False)
    found = _find(name, part)
    if done.returncode or found is None:
        reason = next((x for x in done.stderr.splitlines() if x.startswith("E:")), "it wrote no file")
        raise InputError(
            f"apt-get could not download {name} ({reason.removeprefix('E: ')})",
            "run `sudo apt-get update`, use the sources of Debian 12 (bookworm), or give a folder with --debs",
        )
    if _version(found) != BOOKWORM.get(name, _version(found)):
        log(f"{name} has version {_version(found)}; Debian 12 has {BOOKWORM[name]}")
    os.replace(found, folder / found.name)
    shutil.rmtree(part, ignore_errors=True)
    return folder / found.name
