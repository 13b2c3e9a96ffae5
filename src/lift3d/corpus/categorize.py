"""The category of a corpus entry, by rules on its name, tags and path."""

from __future__ import annotations

import re
from functools import cache

from lift3d.corpus.entry import Entry
from lift3d.taxonomy.categories import UNKNOWN, Rules, _data, _rules, _whole


def rule_text(entry: Entry) -> str:
    """The text that the rules match: lower case, words separated by spaces, folders by " / ".

    It is "name ; tags ; category" where a catalogue provides tags, and otherwise the path within the source without the
    race track or landscape; for a bare mesh the path of the actor that uses it follows after " ; ".
    """
    path = entry.key.partition("/")[2]
    if entry.key.startswith("sweethome3d-furniture/"):
        path = " ; ".join(entry.words)
    elif len(entry.words) == 3 and path.startswith("meshes/"):
        path = f"{path} ; {entry.words[2]}"
    path = re.sub(r"^(tracks|tilesets)/[^/]*/(?:models/)?", r"\1/", path)
    path = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])", " ", path)
    path = re.sub(r"([/;,])", r" \1 ", re.sub(r"[_\-.:'()]", " ", path))
    return " ".join(path.lower().split())


def category_of(entry: Entry) -> str:
    """The entry's category, a key of `CATEGORIES`; "unknown" where no rule matches."""
    words = rule_text(entry)
    for name, pattern in _rules().get(entry.key.partition("/")[0], ()):
        if pattern.search(words):
            return name
    return UNKNOWN


def is_object(entry: Entry) -> bool:
    """False for models that are not objects: collision bodies, effects, terrain, parts of a larger model."""
    words = rule_text(entry)
    return not any(p.search(words) for _, p in _drops().get(entry.key.partition("/")[0], ()))


@cache
def _drops() -> Rules:
    """The patterns of models that are not objects, by source."""
    return {source: tuple((why, _whole(p)) for why, p in rows) for source, rows in _data()["drop"].items()}
