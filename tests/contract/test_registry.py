"""One contract for every mapping: whatever enters the registry is swept by these tests."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
import typing

import pytest

import lift3d.maps
from lift3d.errors import InputError
from lift3d.mapping import Card, Composition, Mapping
from lift3d.maps import registry

MAPPINGS = registry()
MODULES = [module.name for module in pkgutil.iter_modules(lift3d.maps.__path__)]


def test_all_mappings_are_one_graph() -> None:
    from lift3d.cli.info import components

    cards = [mapping.card for mapping in MAPPINGS.values()]
    assert len(components(cards)) == 1
    apart = [card for card in cards if card.source in ("DepthMaps", "Words")]
    assert len(components(apart)) == 2


def test_every_module_of_maps_is_one_mapping_of_its_name() -> None:
    assert sorted(MAPPINGS) == sorted(MODULES)
    for name, mapping in MAPPINGS.items():
        assert mapping.__module__ == f"lift3d.maps.{name}"


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_card(name: str) -> None:
    card = MAPPINGS[name].card
    assert isinstance(card, Card) and card.name == name
    assert card.source and card.target and card.method in ("exact", "learned")
    assert all(str(guarantee).strip() for guarantee in card.guarantees)
    assert "_to_" in name, "named source_to_target"


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_final_dataclass_with_documented_options(name: str) -> None:
    mapping = MAPPINGS[name]
    assert mapping.__bases__ == (Mapping,), "an interface and final classes, no towers of inheritance"
    assert dataclasses.is_dataclass(mapping)
    words = (mapping.__doc__ or "").replace("`", " ")
    assert words.strip() and not words.startswith(f"{mapping.__name__}("), "documented by hand"
    for option in dataclasses.fields(mapping):
        has_default = (
            option.default is not dataclasses.MISSING or option.default_factory is not dataclasses.MISSING
        )
        assert has_default or option.name in words, f"{option.name} needs a default or a description"


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_apply_is_annotated_as_the_card_says(name: str) -> None:
    mapping = MAPPINGS[name]
    signature = inspect.signature(mapping.apply)
    assert list(signature.parameters) == ["self", "source", "context"]
    parts = [signature.parameters[p].annotation for p in ("source", "context")] + [
        signature.return_annotation
    ]
    assert inspect.Parameter.empty not in parts
    source, context, target = (str(part).strip("'\"").split(".")[-1] for part in parts)
    assert (source, context, target) == (mapping.card.source, "Context", mapping.card.target)
    (base,) = (b for b in mapping.__orig_bases__ if typing.get_origin(b) is Mapping)  # type: ignore[attr-defined]
    assert len(typing.get_args(base)) == 2


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_module_says_how_it_works(name: str) -> None:
    module = importlib.import_module(f"lift3d.maps.{name}")
    assert module.__doc__ and len(module.__doc__.split()) >= 8
    reference = MAPPINGS[name].card.reference
    assert not reference or any(ch.isdigit() for ch in reference), "a reference names its year"


def test_composition_follows_the_cards() -> None:
    names = ["images_to_cameras", "images_to_depths", "depths_to_mesh", "images_to_texture"]
    assert set(names) <= set(MAPPINGS)
    first, second, third, last = (MAPPINGS[name]() for name in names)
    whole = first >> second >> third >> last
    assert isinstance(whole, Composition)
    assert (whole.card.source, whole.card.target) == ("Photos", "Mesh")
    assert whole.card.guarantees == last.card.guarantees
    with pytest.raises(TypeError, match="cannot compose"):
        third >> first  # noqa: B018


def test_no_face_below_the_command_line_and_no_file_in_a_mapping() -> None:
    for name in MODULES:
        module = importlib.import_module(f"lift3d.maps.{name}")
        source = inspect.getsource(module)
        assert not re.search(r"lift3d\.cli|\btyper\b|\bprint\(", source), name


@pytest.mark.parametrize("source", [None, 3, "chair.glb", [], b""])
@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_a_source_of_another_type_is_one_sentence(name: str, source: object) -> None:
    mapping = MAPPINGS[name]
    needed = {
        f.name: "x"
        for f in dataclasses.fields(mapping)
        if f.default is f.default_factory is dataclasses.MISSING
    }
    given = type(source).__name__
    with pytest.raises(
        InputError, match=f"{name} takes {mapping.card.source}, and was given an? {given}: give a "
    ):
        mapping(**needed)(source)
