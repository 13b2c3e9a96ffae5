"""Authors and licences of files: machine-readable debian/copyright files, and licence texts beside models.

The format is DEP-5 (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/): paragraphs with the fields Files
(patterns in which * and ? also match slashes), Copyright and License; the last paragraph that matches a file applies.
Licences are given by their SPDX name, or by the package's name where there is none.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

UNCLEAR = "see debian/copyright"
MAX_TEXT = 16 << 20
MAX_HOLDERS = 4
"""Longer lists of holders, of paragraphs that cover hundreds of files, are not attributed to a single file."""

_SPDX = {
    "CC0": "CC0-1.0", "CC-BY-3.0-USA": "CC-BY-3.0-US", "Expat": "MIT", "zlib": "Zlib", "Artistic": "Artistic-1.0",
    "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause", "Boost": "BSL-1.0", "SIL-1.1": "OFL-1.1",
}  # fmt: skip
_GNU = re.compile(r"([AL]?GPL)-(\d+(?:\.\d+)?)(\+?)")
_YEARS = re.compile(r"^(?:copyright\b|\(c\)|©|[?\d]+(?:[\s,–-]|$)|[\s,–-])*(?:by\s+)?", re.I)
_CREATIVE = re.compile(
    r"creative\s+commons\s+(?:license\s+)?(?:(zero)|attribution(?:[- ]*(non-?commercial))?(?:[- ]*(no-?derivs|no-?derivatives))?"
    r"(?:[- ]*(share-?alike))?\s+(\d\.\d)(\s+united\s+states)?)",
    re.I,
)


@dataclass(frozen=True)
class Terms:
    """licence: an SPDX expression or the package's own name; holders: people named in the copyright lines."""

    licence: str = UNCLEAR
    holders: tuple[str, ...] = ()

    def author(self, otherwise: str) -> str:
        """The holders in one line; for a long list, `otherwise` and a reference to the list."""
        if len(self.holders) > MAX_HOLDERS:
            return f"{otherwise} ({len(self.holders)} people in debian/copyright)"
        return "; ".join(self.holders) or otherwise


class Copyright:
    """The parsed debian/copyright file of a package, `text`."""

    def __init__(self, text: str) -> None:
        self._exact: dict[str, int] = {}
        self._patterns: list[tuple[int, re.Pattern[str]]] = []
        self._terms: list[Terms] = []
        for fields in _paragraphs(text[:MAX_TEXT]):
            if "files" not in fields:
                continue
            number, names = len(self._terms), fields.get("license", "").split("\n")[0].strip()
            self._terms.append(Terms(spdx(names) or UNCLEAR, _holders(fields.get("copyright", ""))))
            for glob in fields["files"].split():
                if "*" in glob or "?" in glob:
                    self._patterns.append((number, re.compile(fnmatch.translate(glob.replace("[", "[[]")))))
                else:
                    self._exact[glob] = number

    def terms_of(self, path: str) -> Terms:
        """Terms of a file by its path in the source package; `UNCLEAR` where no paragraph matches."""
        found = self._exact.get(path, -1)
        for number, pattern in reversed(self._patterns):
            if number <= found:
                break
            if pattern.match(path):
                return self._terms[number]
        return self._terms[found] if found >= 0 else Terms()


def licence_of(copyright: Copyright, path: str) -> tuple[str, tuple[str, ...]]:
    """Licence and holders of a file by its path in the source package."""
    terms = copyright.terms_of(path)
    return terms.licence, terms.holders


def spdx(names: str) -> str:
    """The SPDX expression ("GPL-2.0-or-later AND CC0-1.0") for Debian's short names ("GPL-2+ and CC0")."""

    def gnu(match: re.Match[str]) -> str:
        number = match[2] if "." in match[2] else f"{match[2]}.0"
        return f"{match[1]}-{number}-{'or-later' if match[3] else 'only'}"

    words = [word.strip(",") for word in names.split()]
    joined = {"and": "AND", "or": "OR", "and/or": "OR"}
    return " ".join(
        joined.get(w) or _SPDX.get(w) or (_GNU.sub(gnu, w) if _GNU.fullmatch(w) else w) for w in words
    )


def licence_in_text(text: str) -> str | None:
    """The Creative Commons licence that a text names; None where it names none or several."""
    found = set()
    for zero, commercial, derivatives, alike, version, american in _CREATIVE.findall(text[:MAX_TEXT]):
        if zero:
            found.add("CC0-1.0")
            continue
        kinds = ["BY"] + ["NC"] * bool(commercial) + ["ND"] * bool(derivatives) + ["SA"] * bool(alike)
        found.add(f"CC-{'-'.join(kinds)}-{version}" + ("-US" if american else ""))
    return found.pop() if len(found) == 1 else None


def _paragraphs(text: str) -> list[dict[str, str]]:
    """The fields of each paragraph by lower-case name, lines joined by newlines."""
    found: list[dict[str, str]] = [{}]
    key = ""
    for line in text.splitlines():
        if not line.strip():
            found.append({})
            key = ""
        elif line[0] in " \t":
            if key:
                found[-1][key] += "\n" + line.strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            found[-1][key] = value.strip()
    return [fields for fields in found if fields]


def _holders(text: str) -> tuple[str, ...]:
    """Distinct names in order, without years and addresses."""
    names = []
    for line in re.split(r"[\n;]", re.sub(r"\n\s*(?=and )", " ", text)):
        name = re.sub(r"\s*\(?<[^>]*>\)?", "", _YEARS.sub("", line.strip()))
        names.append(re.sub(r"\s+", " ", name).strip(" ,"))
    return tuple(dict.fromkeys(name for name in names if name))
