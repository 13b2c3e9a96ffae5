"""Write the tables of README.md and docs/ from benchmarks/results/*.json, so that no number is typed by hand.

A page holds, for each table, the markers `<!-- table: NAME -->` and `<!-- end: NAME -->`; what stands between
them is made from benchmarks/results/NAME.json, whose key "table" holds

    {"columns": ["set", "F at 1 %"], "rows": [["spot", 0.97]], "note": "one sentence about how it was measured"}

Numbers are shown as they are stored, so the benchmark that writes them rounds them. A missing JSON gives a
line that says which command makes it. `--check` changes nothing and exits with 1 if a page is out of date.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
MARKED = re.compile(r"(<!-- table: ([a-z0-9_]+) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)


def markdown(table: dict[str, Any]) -> str:
    """A table as Markdown: text to the left, numbers to the right."""
    columns, rows = table["columns"], table["rows"]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(columns))]
    lines = [
        "| " + " | ".join(str(c) for c in columns) + " |",
        "|" + "|".join("---:" if right else "---" for right in numeric) + "|",
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]
    if table.get("note"):
        lines += ["", table["note"]]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("|", "\\|")


def page_with_tables(text: str, results: Path = RESULTS) -> str:
    """The page with each marked table made anew."""

    def fill(match: re.Match[str]) -> str:
        file = results / f"{match[2]}.json"
        if not file.exists():
            return f"{match[1]}*Not measured yet: `make bench` writes {file.name}.*\n{match[3]}"
        return match[1] + markdown(json.loads(file.read_text(encoding="utf-8"))["table"]) + match[3]

    return MARKED.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    outdated = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        made = page_with_tables(text)
        if made != text:
            outdated.append(page.relative_to(ROOT).as_posix())
            if "--check" not in arguments:
                page.write_text(made, encoding="utf-8")
    print(("out of date: " if "--check" in arguments else "written: ") + (", ".join(outdated) or "nothing"))
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
