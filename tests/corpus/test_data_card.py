"""The card, the attribution and the counts of a corpus."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from lift3d.corpus.assemble import COLUMNS, _index_row
from lift3d.corpus.data_card import REASONS, attribution, counts, readme


def row(key: str, **more: Any) -> dict[str, Any]:
    return {
        "key": key, "name": key, "author": "Ann", "licence": "CC0-1.0", "source": "mine", "sha256": "0" * 64, "same": "",
        "family": key, "thin": False, "closed": True, "textured": False, "category": "chair", "split": "train", "state": "kept",
        "reason": "", "words": ["a", "b"], "size": None, **more,
    }  # fmt: skip


ROWS = [
    row("a"),
    row("b", thin=True, split="test", category="table"),
    row("c", same="a"),
    row("d", family="a", textured=True),
]
TRIED = [*ROWS, row("e", state="flat"), row("f", state="refused", reason="damaged")]


def test_repeats_are_counted_but_are_no_shapes() -> None:
    found = counts(TRIED, ROWS)
    assert (found["tried"], found["shapes"], found["repeats"], found["families"]) == (6, 3, 1, 2)
    assert found["splits"] == {"train": 2, "val": 0, "test": 1} and found["categories"] == {
        "chair": 2,
        "table": 1,
    }
    assert found["solid_share"] == pytest.approx(2 / 3, abs=1e-4) and found[
        "textured_share"
    ] == pytest.approx(1 / 3, abs=1e-4)
    assert found["states"] == {"kept": 4, "flat": 1, "refused": 1}


def test_an_empty_corpus_has_no_division_by_zero() -> None:
    assert counts([], [])["shapes"] == 0 and counts([], [])["closed_share"] == 0


def test_the_attribution_lists_every_shape_once_and_escapes_commas() -> None:
    rows = [*ROWS, row("g", author='Ann, "Bob" and Eve')]
    table = list(csv.DictReader(io.StringIO(attribution(rows).decode())))
    assert [r["key"] for r in table] == ["a", "b", "d", "g"] and table[-1]["author"] == 'Ann, "Bob" and Eve'


def card(**more: Any) -> dict[str, Any]:
    source = {
        "name": "mine",
        "about": "models",
        "packages": [],
        "tried": 6,
        "readable_share": 0.8,
        "shapes": 3,
    }
    return {
        **counts(TRIED, ROWS), "plan": {"lift3d": "1.0"}, "sources": [source], "backgrounds": {}, "neighbours": {},
        "unusable": [], "left_out": [], **more,
    }  # fmt: skip


def test_the_readme_states_the_counts() -> None:
    text = readme(card())
    assert (
        text.startswith("# A corpus of 3 shapes\n")
        and "| chair | 2 |" in text
        and "66.7 % have a solid interior" in text
    )
    assert "| mine | models | files | 6 | 80.0 % | 3 |" in text


def test_names_of_files_cannot_break_the_markdown() -> None:
    text = readme(
        card(
            unusable=[{"key": "a`\n# title", "why": "it is\ndamaged"}],
            left_out=[{"key": "b", "why": REASONS["flat"]}],
        )
    )
    assert "- `a' # title`: it is damaged" in text and "\n# title" not in text and "- `b`: it is flat" in text


def test_backgrounds_and_neighbours_are_described() -> None:
    near = {"test_shapes": 5, "median": 0.1, "least": 0.01, "histogram": {"0 to 1": 1.0}}
    text = readme(card(backgrounds={"pictures": 7, "kind": {"ground": 7}}, neighbours=near))
    assert "7 backgrounds" in text and "7 of ground" in text and "median 0.1, minimum 0.01" in text


def test_a_row_of_the_index_has_all_columns_in_order() -> None:
    found = _index_row(row("a", size=[1.0, 2.0, 3.0]), ["c", "d"])
    assert list(found) == list(COLUMNS)
    assert (found["width"], found["depth"], found["height"]) == (1, 2, 3) and found["words"] == "a | b"
    assert found["same"] == '["c", "d"]' and found["synset"] == "03001627"
    assert _index_row(row("a", category="unheard of"), [])["synset"] == ""
