"""What is generated on the pages is current: the tables of the benchmarks and the diagram of the mappings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, text_of

import draw_mappings
import tables
from lift3d.mapping import Card
from lift3d.maps import registry

RESULTS = sorted((ROOT / "benchmarks/results").glob("*.json"))


def test_tables_are_those_of_the_benchmarks(capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.main(["--check"]) == 0, capsys.readouterr().out + "run `make tables`"


def test_the_diagram_is_that_of_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert draw_mappings.main(["--check"]) == 0, capsys.readouterr().out


def test_every_result_is_on_one_page() -> None:
    shown = re.findall(r"<!-- table: ([a-z_]+) -->", "\n".join(text_of(page) for page in PAGES))
    assert sorted(shown) == [path.stem for path in RESULTS]


@pytest.mark.parametrize("path", RESULTS, ids=lambda p: p.stem)
def test_rows_are_as_long_as_the_columns(path: Path) -> None:
    table = tables.table_of(json.loads(path.read_text(encoding="utf-8")))
    assert table["rows"] and all(len(row) == len(table["columns"]) for row in table["rows"])


def test_a_table_is_written_between_its_markers(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(
        '{"table": {"columns": ["a", "b|c"], "rows": [["t", 1.5], ["u", null]], "note": "n"}}'
    )
    page = "before\n<!-- table: x -->\nold\n<!-- end: x -->\n<!-- table: y -->\n<!-- end: y -->\nafter\n"
    once = tables.page_with_tables(page, tmp_path)
    assert "| t | 1.5 |\n| u |  |\n\nn\n<!-- end: x -->" in once and "old" not in once and "y.json" in once
    assert tables.page_with_tables(once, tmp_path) == once
    assert "|---|---:|" in tables.markdown({"columns": ["a", "b"], "rows": [["t", 1]]})


def test_the_diagram_tells_exact_from_learned() -> None:
    cards = [Card("b_to_c", "B", "C", ("g",), "learned"), Card("a_to_b", "A", "B", ("g",))]
    assert draw_mappings.diagram(cards).splitlines()[2:4] == ["  A -->|a_to_b| B", "  B -.->|b_to_c| C"]
    with pytest.raises(ValueError, match="markers"):
        draw_mappings.page_with_diagram("no markers", cards)


def test_the_page_names_every_representation() -> None:
    page = text_of(ROOT / "docs/how_it_works.md").split("## Compositions")[0]
    cards = [mapping.card for mapping in registry().values()]
    missing = {n for card in cards for n in (card.source, card.target)} - set(re.findall(r"`(\w+)`", page))
    assert not missing, missing
