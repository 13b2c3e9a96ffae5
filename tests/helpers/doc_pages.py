"""The Markdown pages of the project, their fenced blocks, commands and headings; shared by the tests of the documentation."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^(?:<!-- run: ([\w ]+) -->\n)?```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def text_of(page: Path) -> str:
    """The Markdown of a page."""
    return page.read_text(encoding="utf-8")


def fenced(page: Path) -> Iterator[tuple[str, str, str]]:
    """(name after `run:` or "", language or "", content) of every fenced block of a page."""
    yield from FENCE.findall(text_of(page))


def marked_block(name: str) -> str:
    """The content of the one block that is marked `<!-- run: NAME -->`, on any page."""
    found = [content for page in PAGES for mark, _, content in fenced(page) if mark == name]
    assert len(found) == 1, f"{len(found)} blocks are marked run: {name}"
    return found[0]


def commands_of(content: str) -> list[list[str]]:
    """The arguments of every `lift3d` or `python -m lift3d` command in a block without a language, as the shell splits them:
    without comments, up to the first pipe or redirection."""
    found = []
    for line in content.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for start in [
            k for k, word in enumerate(words) if word == "lift3d" and (k == 0 or words[k - 1] in ("-m", "&&"))
        ]:
            end = next((k for k in range(start, len(words)) if words[k] in ("|", ">", "&&", ";")), len(words))
            found.append(words[start + 1 : end])
    return found


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    plain = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", plain, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = sum(re.fullmatch(re.escape(slug) + r"(-\d+)?", a) is not None for a in found)
        found.add(slug if not count else f"{slug}-{count}")
    return found


def links(page: Path) -> list[str]:
    """Targets of the relative links and images of a page, with their anchors."""
    plain = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.DOTALL | re.MULTILINE)
    return [t for t in re.findall(r"\]\(([^)\s]+)\)", plain) if not re.match(r"[a-z]+:", t)]
