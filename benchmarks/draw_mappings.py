"""Write the registry of mappings as a Mermaid diagram to docs/how_it_works.md.

    python benchmarks/draw_mappings.py [--check]

The page contains the markers `<!-- mappings -->` and `<!-- end: mappings -->`; the diagram between them is generated: one node
per representation, one arrow per mapping, solid for exact mappings and dashed for learned mappings. `--check` changes nothing
and exits with 1 if the page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from lift3d.mapping import Card
from lift3d.maps import registry

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how_it_works.md"
MARKED = re.compile(r"(<!-- mappings -->\n).*?(<!-- end: mappings -->)", re.DOTALL)


def diagram(cards: Iterable[Card]) -> str:
    """The cards as a Mermaid flowchart, in the order of their names."""
    lines = ["```mermaid", "flowchart LR"]
    for card in sorted(cards, key=lambda card: card.name):
        arrow = "-.->" if card.method == "learned" else "-->"
        lines.append(f"  {card.source} {arrow}|{card.name}| {card.target}")
    return "\n".join([*lines, "```"]) + "\n"


def page_with_diagram(text: str, cards: Iterable[Card]) -> str:
    """The page with the diagram between its markers replaced; ValueError if it has no markers."""
    if not MARKED.search(text):
        raise ValueError("the page has no markers <!-- mappings --> and <!-- end: mappings -->")
    return MARKED.sub(lambda match: match[1] + diagram(cards) + match[2], text)


def main(arguments: list[str]) -> int:
    """Write the page, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    current = page_with_diagram(text, [mapping.card for mapping in registry().values()])
    if current == text:
        print("up to date: docs/how_it_works.md")
        return 0
    if "--check" in arguments:
        print("out of date: docs/how_it_works.md; run `make tables`")
        return 1
    PAGE.write_text(current, encoding="utf-8")
    print("written: docs/how_it_works.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
