"""Which category a thing of a source belongs to, and whether it is a thing at all: by the words its authors gave it.

A small taxonomy with WordNet's names (Miller 1995; the offsets of version 3.0, by which ShapeNet names its folders, Chang
et al. 2015, arXiv:1512.03012). Categories and rules are data, in taxonomy.toml beside this file; nothing looks at the
shape. What no rule knows is "unknown". benchmarks/labels.py measures how often that is wrong.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lift3d.corpus.entry import Entry

UNKNOWN = "unknown"
_FILE = Path(__file__).with_name("taxonomy.toml")
Rules = dict[str, tuple[tuple[str, "re.Pattern[str]"], ...]]


@dataclass(frozen=True)
class Category:
    """synset: offset of a noun in WordNet 3.0 as eight digits, or None; has_up: things of it have a way to stand;
    about: a definition in one line."""

    name: str
    synset: str | None
    has_up: bool
    about: str


def text(entry: Entry) -> str:
    """What the rules look at: "name ; tags ; shelf" where a catalogue gives tags, the path within the source elsewhere
    (with " ; " and the path of the actor that shows a bare mesh; without the name of the race track or landscape a
    thing stands in); lower case, words apart, " / " between folders."""
    path = entry.key.partition("/")[2]
    if entry.key.startswith("sweethome3d-furniture/"):
        path = " ; ".join(entry.words)
    elif len(entry.words) == 3 and path.startswith("meshes/"):
        path = f"{path} ; {entry.words[2]}"
    path = re.sub(r"^(tracks|tilesets)/[^/]*/(?:models/)?", r"\1/", path)
    path = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", " ", path)
    path = re.sub(r"([/;,])", r" \1 ", re.sub(r"[_\-.:'()]", " ", path))
    return " ".join(path.lower().split())


def category(entry: Entry) -> str:
    """The name of the entry's category, a key of `CATEGORIES`; "unknown" if no rule knows it."""
    words = text(entry)
    for name, pattern in _rules().get(entry.key.partition("/")[0], ()):
        if pattern.search(words):
            return name
    return UNKNOWN


def meant(words: str) -> list[str]:
    """The categories that the rules of any source see in words that nobody sorted, the most agreed upon first."""
    said = " ".join(words.lower().replace("_", " ").replace("-", " ").split())
    count: Counter[str] = Counter()
    for rules in _rules().values():
        count.update({name for name, pattern in rules if pattern.search(said)})
    return [name for name, _ in count.most_common()]


def is_object(entry: Entry) -> bool:
    """False for what is no thing by itself: bodies for collisions, effects, ground, parts laid out for another whole."""
    words = text(entry)
    return not any(p.search(words) for _, p in _drops().get(entry.key.partition("/")[0], ()))


def _data() -> dict[str, dict[str, list[list[str]]]]:
    data: dict[str, dict[str, list[list[str]]]] = tomllib.loads(_FILE.read_text("utf-8"))
    return data


def _categories() -> dict[str, Category]:
    rows = _data()["categories"]
    found = {
        name: Category(name, str(row[0]) or None, bool(row[1]), str(row[2])) for name, row in rows.items()
    }
    found[UNKNOWN] = Category(UNKNOWN, None, False, "nothing that a rule knows")
    return found


CATEGORIES: dict[str, Category] = _categories()


@cache
def _rules() -> Rules:
    return {source: tuple((name, _whole(p)) for name, p in rows) for source, rows in _data()["rules"].items()}


@cache
def _drops() -> Rules:
    return {source: tuple((why, _whole(p)) for why, p in rows) for source, rows in _data()["drop"].items()}


def _whole(pattern: str) -> re.Pattern[str]:
    """The pattern between word boundaries, with a plural s allowed; one that ends in a space needs no boundary."""
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?:(?<= )|(?:e?s)?(?![a-z0-9]))")
