"""Compositions printed with `>>`, on the pages and in docstrings, are ones that compose."""

from __future__ import annotations

import ast
import re

import pytest
from doc_pages import PAGES, ROOT, text_of

import lift3d
from lift3d.mapping import Card, Composition, Mapping
from lift3d.maps import registry
from lift3d.types import Points, Voxels

STEP = r"`?\w+(?:\([^()\n]*\))?`?"
CHAIN = re.compile(rf"{STEP}(?: >> {STEP})+")


class PointsToGrid(Mapping[Points, Voxels]):
    """The mapping of the example in CONTRIBUTING, of which only the card counts here."""

    card = Card("points_to_grid", "Points", "Voxels")

    def apply(self, source: Points, context: object) -> Voxels:
        raise NotImplementedError


def docstrings() -> dict[str, str]:
    """Module docstrings of the pipelines, by path."""
    files = sorted((ROOT / "src/lift3d/pipelines").rglob("*.py"))
    return {f.relative_to(ROOT).as_posix(): ast.get_docstring(ast.parse(text_of(f))) or "" for f in files}


TEXTS = {page.relative_to(ROOT).as_posix(): text_of(page) for page in PAGES} | docstrings()
CHAINS = [(name, chain) for name, text in TEXTS.items() for chain in CHAIN.findall(text)]


def compose(chain: str) -> Mapping[object, object]:
    """The composition of a chain whose steps are names, or calls of classes, of mappings."""
    classes = {cls.__name__: name for name, cls in registry().items()}
    names = [re.sub(r"\(.*\)", "", step.strip("`")) for step in chain.split(" >> ")]
    steps: list[Mapping[object, object]] = [
        PointsToGrid() if name == "PointsToGrid" else lift3d.create(classes.get(name, name)) for name in names
    ]
    whole = steps[0]
    for step in steps[1:]:
        whole = whole >> step
    return whole


@pytest.mark.parametrize(("name", "chain"), CHAINS)
def test_a_printed_composition_composes(name: str, chain: str) -> None:
    whole = compose(chain)
    assert isinstance(whole, Composition) and whole.card.name.count(" >> ") == chain.count(" >> ")


def test_every_printed_operator_belongs_to_a_tested_chain() -> None:
    printed = sum(len(re.findall(r">>", text.replace("`>>`", ""))) for text in TEXTS.values())
    assert printed == sum(chain.count(" >> ") for _, chain in CHAINS) > 6


def test_a_chain_that_does_not_compose_is_found() -> None:
    with pytest.raises(TypeError, match="gives SolidPrediction"):
        compose("`image_to_voxels` >> `voxels_to_mesh`")
    with pytest.raises(TypeError, match="gives Surface"):
        compose('`DepthsToMesh(kind="object")` >> mesh_to_solid')
