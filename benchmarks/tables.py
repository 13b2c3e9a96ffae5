"""Write the tables of docs/ from benchmarks/results/*.json, so that no number is typed by hand.

A page has, for each table, the markers `<!-- table: NAME -->` and `<!-- end: NAME -->`. The text between them is generated from
benchmarks/results/NAME.json, whose key "table" contains

    {"columns": ["set", "F at 1 %"], "rows": [["spot", 0.97]], "note": "one sentence on how it was measured"}

or, without this key, from the key "summary" (measure to value) or from the entries (name to measures). Numbers are shown as
stored; the benchmark that writes them rounds them. For a missing JSON the page names the command that writes it. `--check`
changes nothing and exits with 1 if a page is out of date.
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
    """A table as Markdown, with text left-aligned and numbers right-aligned."""
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


def table_of(result: dict[str, Any]) -> dict[str, Any]:
    """The table of a benchmark's JSON: the stored table, or one built from the summary or the entries."""
    if "table" in result:
        return result["table"]
    if "summary" in result:
        rows = [[_words(name), value] for name, value in _flat(result["summary"])]
        return {"columns": ["measure", "value"], "rows": rows}
    entries = {name: dict(_flat(entry)) for name, entry in result.items() if isinstance(entry, dict)}
    measures = list(dict.fromkeys(m for entry in entries.values() for m in entry))
    rows = [[_words(m), *(entry.get(m) for entry in entries.values())] for m in measures]
    return {"columns": ["measure", *entries], "rows": rows}


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Names and plain values; a list of a few plain values counts as one."""
    pairs: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{name}: ")
        elif not isinstance(value, list):
            pairs.append((prefix + name, value))
        elif value and all(isinstance(v, dict) and "name" in v for v in value):
            pairs.append((prefix + name, "; ".join(f"{v['name']} ({v.get('reason', '')})" for v in value)))
        elif len(value) <= 4 and not any(isinstance(v, list | dict) for v in value):
            pairs.append((prefix + name, " x ".join(map(str, value)) or "none"))
    return pairs


def _words(name: str) -> str:
    return name.replace("_", " ")


def page_with_tables(text: str, results: Path = RESULTS) -> str:
    """The page with each marked table regenerated."""

    def fill(match: re.Match[str]) -> str:
        file = results / f"{match[2]}.json"
        if not file.exists():
            return f"{match[1]}*Not measured yet: `make bench` writes {file.name}.*\n{match[3]}"
        return match[1] + markdown(table_of(json.loads(file.read_text(encoding="utf-8")))) + match[3]

    return MARKED.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Write the pages, or check them."""
    outdated = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        current = page_with_tables(text)
        if current != text:
            outdated.append(page.relative_to(ROOT).as_posix())
            if "--check" not in arguments:
                page.write_text(current, encoding="utf-8")
    print(("out of date: " if "--check" in arguments else "written: ") + (", ".join(outdated) or "nothing"))
    return 1 if outdated and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
