"""Links between the pages resolve, files and anchors, and every page is reachable from the README."""

from __future__ import annotations

from pathlib import Path

import pytest
from doc_pages import PAGES, ROOT, anchors, links, text_of


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken, broken


def test_every_page_is_reachable_from_the_readme() -> None:
    reached, todo = {ROOT / "README.md"}, [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve() if link.partition("#")[0] else page
            if target.suffix == ".md" and target.exists() and target not in reached:
                reached.add(target)
                todo.append(target)
    assert set(PAGES) <= reached, [p.name for p in set(PAGES) - reached]


def test_every_image_is_shown_and_small() -> None:
    shown = {(page.parent / link).resolve() for page in PAGES for link in links(page)}
    for image in [*(ROOT / "docs/images").glob("*.jpg"), *(ROOT / "docs/images").glob("*.png")]:
        assert image in shown, f"{image.name} is on no page"
        assert image.stat().st_size < 150_000, image.name


def test_the_readme_fits_on_130_lines() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 130


def test_anchors_are_those_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `photo`, more\n```\n# no heading\n```\n## A b\n### A b\n## [x](y.md) z\n", encoding="utf-8"
    )
    assert anchors(page) == {"one-photo-more", "a-b", "a-b-1", "x-z"}
    page.write_text("[a](b.md#c) ![d](e.jpg) [f](https://g) `[h](i)`\n```\n[j](k)\n```\n", encoding="utf-8")
    assert links(page) == ["b.md#c", "e.jpg", "i"]
