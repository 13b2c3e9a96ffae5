"""Object categories, and the rules that find a category in free text.

A small taxonomy with WordNet's names (Miller 1995; offsets of version 3.0, by which ShapeNet names its folders, Chang et
al. 2015, arXiv:1512.03012). Categories and rules are data, in taxonomy.toml beside this file; the rules do not examine shapes.
Text that no rule matches has the category "unknown". benchmarks/labels.py measures the error rate.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

UNKNOWN = "unknown"
_FILE = Path(__file__).with_name("taxonomy.toml")
Rules = dict[str, tuple[tuple[str, "re.Pattern[str]"], ...]]


@dataclass(frozen=True)
class Category:
    """synset: offset of a noun in WordNet 3.0 as eight digits, or None; has_up: whether objects have an upright pose;
    about: a definition in one line."""

    name: str
    synset: str | None
    has_up: bool
    about: str


def categories_in_text(words: str) -> list[str]:
    """The categories that the rules of all sources match in free text, those matched by most sources first."""
    text = " ".join(words.lower().replace("_", " ").replace("-", " ").split())
    count: Counter[str] = Counter()
    for rules in _rules().values():
        count.update({name for name, pattern in rules if pattern.search(text)})
    return [name for name, _ in count.most_common()]


def _data() -> dict[str, dict[str, list[list[str]]]]:
    data: dict[str, dict[str, list[list[str]]]] = tomllib.loads(_FILE.read_text("utf-8"))
    return data


def _categories() -> dict[str, Category]:
    rows = _data()["categories"]
    found = {
        name: Category(name, str(row[0]) or None, bool(row[1]), str(row[2])) for name, row in rows.items()
    }
    found[UNKNOWN] = Category(UNKNOWN, None, False, "nothing that a rule matches")
    return found


CATEGORIES: dict[str, Category] = _categories()


@cache
def _rules() -> Rules:
    return {source: tuple((name, _whole(p)) for name, p in rows) for source, rows in _data()["rules"].items()}


def _whole(pattern: str) -> re.Pattern[str]:
    """The pattern between word boundaries, with an optional plural ending; a pattern that ends in a space needs no boundary."""
    return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?:(?<= )|(?:e?s)?(?![a-z0-9]))")
