"""The taxonomy is well formed, and its rules match their examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.corpus import categorize
from lift3d.corpus.categorize import category_of, is_object, rule_text
from lift3d.corpus.entry import Entry
from lift3d.taxonomy import categories as taxonomy
from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN

SOURCES = sorted(taxonomy._rules())


def entry(key: str, *words: str) -> Entry:
    return Entry(key, Path("x"), key.rsplit("/", 1)[-1], words or (key,), "kin", "CC0-1.0", "someone")


def test_categories_are_well_formed() -> None:
    synsets = [c.synset for c in CATEGORIES.values() if c.synset]
    assert len(set(synsets)) == len(synsets)
    assert all(re.fullmatch(r"\d{8}", s) for s in synsets)
    for name, c in CATEGORIES.items():
        assert c.name == name and re.fullmatch(r"[a-z][a-z_]*", name) and len(c.about) >= 5
    assert not CATEGORIES[UNKNOWN].has_up


def test_rules_name_categories_and_each_category_has_a_rule() -> None:
    named = {name for rows in taxonomy._rules().values() for name, _ in rows}
    assert named <= set(CATEGORIES)
    assert named | {UNKNOWN} == set(CATEGORIES)
    assert set(categorize._drops()) <= set(SOURCES)
    assert len(SOURCES) == 8


def test_text_is_split_into_words() -> None:
    assert (
        rule_text(entry("supertuxkart-data/library/stklib_autumnTree_b/x"))
        == "library / stklib autumn tree b / x"
    )
    assert rule_text(entry("flightgear-data/Scenery/Models/Airport/Hangar_16x22m")) == (
        "scenery / models / airport / hangar 16 x 22 m"
    )
    words = ("Glass door cabinet", "Cupboard, Kitchen", "Kitchen")
    assert rule_text(entry("sweethome3d-furniture/Scopia/a", *words)) == (
        "glass door cabinet ; cupboard , kitchen ; kitchen"
    )


KNOWN = [
    ("kicad-packages3d/Package_QFP/LQFP-48_7x7mm_P0.5mm", "integrated_circuit"),
    ("kicad-packages3d/Connector_JST/JST_EH_B10B", "connector"),
    ("kicad-packages3d/OptoDevice/R_LDR_11x9.4mm", "resistor"),
    ("kicad-packages3d/RF_Module/ESP-12E", UNKNOWN),
    ("minetest-mod-homedecor/homedecor_seating/homedecor_kitchen_chair", "chair"),
    ("ufoai-data/weapons/pistol/pistol", "firearm"),
    ("ufoai-data/weapons/pistol/pistol_clip", "ammunition"),
    ("ufoai-data/soldiers/femalelight/head03", "head"),
    ("ufoai-data/soldiers/femalelight/body", "person"),
    ("megaglest-data/techs/megapack/factions/tech/units/pig/models/pig_walking", "animal"),
    ("megaglest-data/techs/megapack/factions/tech/units/archer/models/archer_standing", "person"),
    ("megaglest-data/tilesets/forest/models/tree3", "tree"),
    ("supertuxkart-data/karts/tux/tux", "car"),
    ("supertuxkart-data/karts/tux/wheel-front-left", "wheel"),
    ("flightgear-data/Scenery/Models/Airport/Hangar_16_22", "hangar"),
    ("flightgear-data/AI/Aircraft/747/Models/744", "airplane"),
    ("flightgear-data/Scenery/Models/Aircraft/EC-135_Douane", "helicopter"),
    ("flightgear-data/Scenery/Models/Fauna/cow", "animal"),
]


@pytest.mark.parametrize(("key", "name"), KNOWN)
def test_categories_of_known_names(key: str, name: str) -> None:
    assert category_of(entry(key)) == name
    assert is_object(entry(key))


def test_categories_of_known_names_with_words() -> None:
    sofa = ("Corner sofa", "Blend Swap, Couch, Seat", "Living room")
    assert category_of(entry("sweethome3d-furniture/BlendSwap-CC-0/cornerSofa", *sofa)) == "sofa"
    helmet = ("celt agris", "props/helmet/celt_agris", "props units heads helmet")
    assert category_of(entry("0ad-data/meshes/props/helmet/celt_agris", *helmet)) == "helmet"
    house = ("house", "structural/brit_house", "structures britons house")
    assert category_of(entry("0ad-data/structures/britons/house", *house)) == "building"


NOTHING = [
    "supertuxkart-data/library/stklib_palm_a/stklib_palm_a_physics",
    "supertuxkart-data/tracks/mines/waterfalls",
    "megaglest-data/techs/megapack/factions/tech/units/castle/models/castle_construction",
    "flightgear-data/Models/Geometry/contrail_simple",
]


@pytest.mark.parametrize("key", NOTHING)
def test_non_objects_are_recognised(key: str) -> None:
    assert not is_object(entry(key))


@given(st.sampled_from(SOURCES), st.text(max_size=60), st.tuples(st.text(max_size=20), st.text(max_size=20)))
def test_every_text_has_a_category_that_depends_on_the_text_alone(
    source: str, path: str, words: tuple[str, str]
) -> None:
    thing = entry(f"{source}/{path}", *words)
    assert category_of(thing) in CATEGORIES
    assert category_of(thing) == category_of(entry(f"{source}/{path}", *words))
    assert is_object(thing) in (True, False)


def test_unknown_source_is_unknown() -> None:
    assert category_of(entry("my_models/chair/a")) == UNKNOWN
    assert is_object(entry("my_models/chair/a"))
