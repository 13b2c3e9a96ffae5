"""The pages use the words of the field (CONTRIBUTING, "Words"), and say nothing that the style forbids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, text_of

FORMER = re.compile(
    r"\b(guess(es|ed)?|surest|sureness|trunks?|spoilt|nobody|somebody|things?|made anew|told|is said|are said|"
    r"rests|drawers?|drawn|likeness|doubts?|shares of|turned in any way|families drawn again)\b",
    re.IGNORECASE,
)
AMERICAN = re.compile(r"\b(color|colors|center|centers|gray|meters?|neighbors?|license[ds]?)\b")


def prose(page: Path) -> str:
    """A page without code, generated tables and the list of former words."""
    text = text_of(page)
    for pattern in (
        r"```.*?```",
        r"<!-- table: \w+ -->.*?<!-- end: \w+ -->",
        r"## Words\n.*?(?=\n## )",
        r"`[^`\n]*`",
    ):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_no_former_word_and_british_spelling(page: Path) -> None:
    text = prose(page)
    found = [m[0] for pattern in (FORMER, AMERICAN) for m in pattern.finditer(text)]
    assert not found, found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_page_has_one_title_and_ends_with_a_newline(page: Path) -> None:
    text = re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1 and text.startswith("# ")
    assert text_of(page).endswith("\n") and not text_of(page).endswith("\n\n")


def test_tables_of_results_use_the_words_of_the_field() -> None:
    tables = "\n".join(
        re.findall(
            r"<!-- table: \w+ -->.*?<!-- end: \w+ -->", text_of(ROOT / "docs/benchmarks.md"), re.DOTALL
        )
    )
    assert not [m[0] for m in FORMER.finditer(tables)]


def test_former_words_are_found() -> None:
    assert (
        FORMER.search("the thing is drawn")
        and AMERICAN.search("the center")
        and not FORMER.search("something")
    )
