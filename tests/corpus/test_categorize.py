"""The text that the rules match, and the categories they find."""

from __future__ import annotations

from pathlib import Path

import pytest

from lift3d.corpus.categorize import category_of, is_object, rule_text
from lift3d.corpus.entry import Entry
from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN


def entry(key: str, *words: str) -> Entry:
    return Entry(key, Path("a"), "name", words, "family", "CC0-1.0", "author")


@pytest.mark.parametrize(
    ("key", "words", "text"),
    [
        ("kicad-packages3d/Resistor_SMD/R_0402", (), "resistor smd / r 0402"),
        ("supertuxkart-data/tracks/abyss/BigTree2", (), "tracks / big tree 2"),
        ("supertuxkart-data/library/stklib_Tree.a", (), "library / stklib tree a"),
        (
            "sweethome3d-furniture/Lib/bed1",
            ("Double bed", "bed, sleep", "Bedroom"),
            "double bed ; bed , sleep ; bedroom",
        ),
        (
            "0ad-data/meshes/gaia/fish",
            ("fish", "gaia fish", "actor/tuna"),
            "meshes / gaia / fish ; actor / tuna",
        ),
    ],
)
def test_paths_and_tags_become_words(key: str, words: tuple[str, ...], text: str) -> None:
    assert rule_text(entry(key, *words)) == text


def test_categories_are_known_ones() -> None:
    found = category_of(entry("sweethome3d-furniture/Lib/bed1", "Hospital bed", "bed", "Bedroom"))
    assert found in CATEGORIES and found == "bed"


def test_unknown_sources_and_words_are_unknown() -> None:
    assert category_of(entry("nowhere/chair")) == UNKNOWN
    assert category_of(entry("sweethome3d-furniture/Lib/x", "qwxyz", "", "")) == UNKNOWN


def test_models_of_other_sources_are_objects() -> None:
    assert is_object(entry("nowhere/collision_body"))
