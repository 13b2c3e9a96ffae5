"""Error rate of the categories: the taxonomy's rules against labels by visual inspection.

    python benchmarks/labels.py [--debs FOLDER] [--cache FOLDER]

labels_by_hand.csv contains a random sample of the entries of all sources, in proportion to their sizes: of the entries that the
rules accept as objects and that can be loaded and cleaned, the first 260 in the order of the hash of SALT and key. Each was
labelled from two images and its name after the rules were final, with "unknown" where no category fits. An earlier sample of the
same size was used to improve the rules and is not counted. The interval is that of Wilson (1927). Writes results/labels.json and,
with the number of entries of each category, results/categories.json.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from lift3d.corpus.categorize import category_of, is_object
from lift3d.corpus.entry import Entry
from lift3d.corpus.packages.obtain import obtain
from lift3d.corpus.sources import sources
from lift3d.taxonomy.categories import CATEGORIES, UNKNOWN

HERE = Path(__file__).resolve().parent
SALT = "labels 2 "


def listed(cache: Path, debs: Path | None) -> list[Entry]:
    """All entries of all sources, by key."""
    found: list[Entry] = []
    for source in sources().values():
        roots = [obtain(name, cache, debs, wanted=source.needs).root for name in source.packages]
        found += source.entries(roots)
    return found


def rank(key: str) -> str:
    """The hash by which the sample is ordered."""
    return hashlib.sha256((SALT + key).encode()).hexdigest()


def wilson(wrong: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a proportion: (p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)."""
    if n == 0:
        return 0.0, 1.0
    p = wrong / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, (middle - half) / (1 + z * z / n)), min(1.0, (middle + half) / (1 + z * z / n))


def row(name: str, pairs: list[tuple[str, str]]) -> list[Any]:
    """The row of pairs (category by rule, label by inspection): name, number of pairs, unknown in %, wrong among the others in %,
    and the interval of the latter."""
    known = [(rule, eye) for rule, eye in pairs if rule != UNKNOWN]
    wrong = sum(rule != eye for rule, eye in known)
    low, high = wilson(wrong, len(known))
    share = 100 * wrong / max(len(known), 1)
    unknown = 100 * (len(pairs) - len(known)) / max(len(pairs), 1)
    return [name, len(pairs), round(unknown, 1), round(share, 1), f"{100 * low:.1f} to {100 * high:.1f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debs", type=Path, help="a folder of .deb files; else apt-get download")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/lift3d")
    options = parser.parse_args()
    things = {e.key: e for e in listed(options.cache, options.debs)}
    with (HERE / "labels_by_hand.csv").open(newline="", encoding="utf-8") as file:
        labels = {line["key"]: line["label"] for line in csv.DictReader(file)}
    keys = list(labels)
    assert keys == sorted(keys, key=rank), "the labels are not in the order of the sample"
    assert set(labels.values()) <= set(CATEGORIES), "a label is no category"
    gone = [key for key in keys if key not in things]
    between = [k for k, e in things.items() if k not in labels and rank(k) < rank(keys[-1]) and is_object(e)]
    pairs = {key: (category_of(things[key]), labels[key]) for key in keys if key in things}
    names = sorted({key.partition("/")[0] for key in keys})
    rows = [row(n, [p for k, p in pairs.items() if k.startswith(f"{n}/")]) for n in names]
    rows.append(row("all", list(pairs.values())))
    for line in rows:
        print(*line)
    errors = [[k, rule, eye] for k, (rule, eye) in pairs.items() if rule not in (UNKNOWN, eye)]
    for line in errors:
        print("wrong:", *line)
    missed = sum(rule == UNKNOWN and eye != UNKNOWN for rule, eye in pairs.values())
    print(f"{missed} unknown by rule have a category by eye; {len(gone)} labelled entries are no longer listed; "
          f"{len(between)} entries in the sample's range have no label (they do not load, or are flat)")  # fmt: skip
    note = "Wrong: fraction of the shapes with a category whose label by eye differs; 95 % interval."
    columns = ["source", "labelled", "unknown, %", "wrong, %", "interval, %"]
    out = {"table": {"columns": columns, "rows": rows, "note": note}, "errors": errors, "missed": missed}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "labels.json").write_text(json.dumps(out, indent=1) + "\n")

    objects = [e for e in things.values() if is_object(e)]
    count = Counter(category_of(e) for e in objects)
    kin = Counter(
        kind for kind, _, _ in {(category_of(e), e.key.partition("/")[0], e.family) for e in objects}
    )
    table = [
        [c.name, c.synset or "", c.has_up, count[c.name], kin[c.name], c.about] for c in CATEGORIES.values()
    ]
    columns = ["category", "WordNet 3.0", "upright", "shapes", "families", "contents"]
    note = f"{len(things)} entries listed, {len(things) - len(objects)} of them not objects; before loading and deduplication."
    out = {"table": {"columns": columns, "rows": table, "note": note}}
    (HERE / "results" / "categories.json").write_text(json.dumps(out, indent=1) + "\n")
    print(note)


if __name__ == "__main__":
    main()
