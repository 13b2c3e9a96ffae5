"""Every mapping keeps its guarantees on a small real input, repeats to the byte, and refuses bad input with one sentence."""

from __future__ import annotations

import itertools
from functools import cache
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from mapping_inputs import BAD, CASES  # noqa: E402

from lift3d.errors import Lift3dError, MissingExtra  # noqa: E402
from lift3d.geometry.guarantees.fingerprint import SAME_BYTES, fingerprint  # noqa: E402
from lift3d.mapping import Card, Guarantee, Mapping  # noqa: E402
from lift3d.maps import graph, registry  # noqa: E402
from lift3d.types import Label, Voxels  # noqa: E402

MAPPINGS = registry()
SLOW = {"images_to_cameras", "images_to_depths", "depths_to_mesh", "images_to_texture", "rgbd_to_mesh"}
"""Mappings of whole photo sets; even small sets take seconds."""
STATED = [
    pytest.param(name, guarantee.name, marks=[pytest.mark.slow] if name in SLOW else [])
    for name, mapping in MAPPINGS.items()
    for guarantee in mapping.card.guarantees
]


@cache
def outcome(name: str) -> tuple[Mapping[Any, Any], Any, Any]:
    """(mapping, input, result), computed once; the test is skipped where an extra that the mapping needs is not installed."""
    mapping, source = CASES[name]()
    try:
        return mapping, source, mapping(source)
    except MissingExtra as missing:
        pytest.skip(str(missing))


def test_every_mapping_has_inputs() -> None:
    assert set(CASES) == set(BAD) == set(MAPPINGS)


@pytest.mark.parametrize("name", MAPPINGS)
def test_guarantees_can_be_checked(name: str) -> None:
    guarantees = MAPPINGS[name].card.guarantees
    assert guarantees and all(isinstance(g, Guarantee) and callable(g.check) for g in guarantees)
    assert len({g.name for g in guarantees}) == len(guarantees)
    assert SAME_BYTES in guarantees
    for g in guarantees:
        assert str(g) == g.sentence == g.sentence.strip() and not g.sentence.endswith(".")


@pytest.mark.parametrize(("name", "guarantee"), STATED)
def test_guarantee_holds(name: str, guarantee: str) -> None:
    mapping, source, result = outcome(name)
    (stated,) = (g for g in mapping.card.guarantees if g.name == guarantee)
    assert stated.check(mapping, source, result) is None


@pytest.mark.parametrize("name", [n for n in BAD if n != "words_to_embedding"])
def test_bad_input_gives_one_sentence(name: str) -> None:
    mapping, source = CASES[name]() if name == "embedding_to_neighbours" else (MAPPINGS[name](), None)
    with pytest.raises(Lift3dError) as caught:
        mapping(BAD[name]())
    text = str(caught.value)
    assert text.endswith((".", "?")) and "\n" not in text and caught.value.cause


@pytest.mark.parametrize(("first", "then"), list(itertools.product(MAPPINGS, repeat=2)))
def test_composition_refuses_other_types(first: str, then: str) -> None:
    a, b = (object.__new__(MAPPINGS[n]) for n in (first, then))
    if a.card.target == b.card.source:
        assert (a >> b).card == Card(
            f"{first} >> {then}", a.card.source, b.card.target, b.card.guarantees,
            "learned" if "learned" in (a.card.method, b.card.method) else "exact",
        )  # fmt: skip
    else:
        with pytest.raises(TypeError, match=f"cannot compose {first}"):
            a >> b  # noqa: B018


def test_the_graph_lists_every_card_once() -> None:
    edges = [card for targets in graph().values() for cards in targets.values() for card in cards]
    assert sorted(card.name for card in edges) == sorted(MAPPINGS)
    assert all(
        source == card.source for source, t in graph().items() for cards in t.values() for card in cards
    )


def test_a_violated_guarantee_is_reported() -> None:
    """The checks can fail: each is given a result that violates it."""
    mapping, source, result = outcome("voxels_to_mesh")
    checks = {g.name: g.check for g in mapping.card.guarantees}
    torn = result.copy()
    torn.faces = torn.faces[3:]
    assert "open edges" in (checks["closed"](mapping, source, torn) or "")
    assert checks["same_bytes"](mapping, source, torn) == "a second run gives other bytes"
    assert "faces" in (checks["face_budget"](MAPPINGS["voxels_to_mesh"](faces=10), source, result) or "")


def test_fingerprints_differ_for_every_field() -> None:
    a = Voxels(np.zeros((2, 2, 2), np.float32), quantity="occupancy")
    others = [
        Voxels(np.zeros((2, 2, 2), np.float32), quantity="signed_distance", iso_level=0.5),
        Voxels(np.zeros((2, 2, 2), np.float32), quantity="occupancy", iso_level=0.4),
        Voxels(np.zeros((2, 2, 2), np.float32), 2 * np.eye(4), "occupancy"),
        Voxels(np.zeros((1, 2, 4), np.float32), quantity="occupancy"),
        Label.certain("a"),
    ]
    marks = [fingerprint(x) for x in [a, *others]]
    assert len(set(marks)) == len(marks)
    assert fingerprint(Voxels(a.values.copy(), quantity="occupancy")) == marks[0]
