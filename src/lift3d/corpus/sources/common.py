"""Functions that the sources share: files, words and families of paths, licences of a package, axes."""

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
    """All regular files with these suffixes, sorted; links are left out, because their targets are listed already."""
    found = (
        f for f in root.rglob("*") if f.name.lower().endswith(endings) and f.is_file() and not f.is_symlink()
    )
    return sorted(found)


def paths_without_suffix(files: Iterable[Path], root: Path) -> list[tuple[str, Path]]:
    """(path below root without suffix, file) of each file."""
    return [(file.relative_to(root).with_suffix("").as_posix(), file) for file in files]


def split_words(path: str) -> str:
    """The words of a path, folders included: "Town Hall b 2" for "TownHall_b-2"."""
    return re.sub(r"[/_\-.]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path))


def family_stem(path: str) -> str:
    """The path in lower case without numbers, single letters and words of state at its end, equal for related models:
    "a/door" for "a/door_02_open" and "a/door_b"."""
    return (_ENDING.sub("", path) or path).lower()


def read_copyright(root: Path, package: str) -> Copyright:
    """The debian/copyright of an unpacked package; an empty one where the file is missing."""
    file = root / "usr/share/doc" / package / "copyright"
    text = file.read_bytes()[:MAX_TEXT].decode("utf-8", "replace") if file.is_file() else ""
    return Copyright(text)


def from_left_handed(parts: list[Part], clockwise: bool) -> list[Part]:
    """Parts of an engine with x right, y up and z forward in the right-handed frame with Z up, by exchanging y and z.

    clockwise: the faces are clockwise seen from outside in the engine's frame, so the reflection makes them
    counter-clockwise; otherwise their orientation is reversed.
    """
    out = []
    for part in parts:
        faces = part.faces if clockwise else part.faces[:, ::-1]
        out.append(replace(part, vertices=part.vertices[:, [0, 2, 1]], faces=faces))
    return out


def parse_xml(data: bytes) -> ET.Element | None:
    """The root of an XML file of at most 1 MB without entities; None where it cannot be parsed."""
    if len(data) > 1 << 20 or b"<!ENTITY" in data or b"\0" in data:
        return None
    try:
        return ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError):  # LookupError: an unknown encoding
        return None
