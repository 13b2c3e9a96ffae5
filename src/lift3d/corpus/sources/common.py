"""What sources share: files, words and families of paths, terms of a package, and axes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from lift3d.corpus.packages.licences import MAX_TEXT, Copyright
from lift3d.types import Part

VARIANT = (
    r"[a-z]|[0-9]+|open|closed|destroyed|broken|damaged|new|old|main|on|off|left|right|small|large|low|high"
)
_ENDING = re.compile(rf"(?:[_.\- ]+(?:{VARIANT})|[0-9]+)+$", re.I)


def files_below(root: Path, endings: str | tuple[str, ...] = "") -> list[Path]:
    """All regular files with these endings, sorted; links are left out, since what they lead to is there already."""
    found = (
        f for f in root.rglob("*") if f.name.lower().endswith(endings) and f.is_file() and not f.is_symlink()
    )
    return sorted(found)


def paths_without_suffix(files: Iterable[Path], root: Path) -> list[tuple[str, Path]]:
    """(path below root without ending, file) of each file."""
    return [(file.relative_to(root).with_suffix("").as_posix(), file) for file in files]


def split_words(path: str) -> str:
    """ "Town Hall b 2" of "TownHall_b-2"; folders are words too."""
    return re.sub(r"[/_\-.]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path))


def family_stem(path: str) -> str:
    """The path without numbers, single letters and words of state at its end: "a/door_02_open" and "a/door_b" are kin."""
    return (_ENDING.sub("", path) or path).lower()


def read_copyright(root: Path, package: str) -> Copyright:
    """What the package says of its files' licences; nothing where its copyright file is missing."""
    file = root / "usr/share/doc" / package / "copyright"
    text = file.read_bytes()[:MAX_TEXT].decode("utf-8", "replace") if file.is_file() else ""
    return Copyright(text)


def from_left_handed(parts: list[Part], clockwise: bool) -> list[Part]:
    """Parts of an engine with x right, y up and z forward, in memory's right-handed frame with Z up: y and z change places.

    clockwise: the file's faces are clockwise seen from outside (in its own frame), so that the reflection leaves them
    counter-clockwise; otherwise they are turned round."""
    out = []
    for part in parts:
        faces = part.faces if clockwise else part.faces[:, ::-1]
        out.append(replace(part, vertices=part.vertices[:, [0, 2, 1]], faces=faces))
    return out


def parse_xml(data: bytes) -> ET.Element | None:
    """The root of a small XML file without entities; None if it is none."""
    if len(data) > 1 << 20 or b"<!ENTITY" in data or b"\0" in data:
        return None
    try:
        return ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):  # LookupError: an encoding that nobody knows
        return None
