"""The whole corpus, built from packages: number of shapes, time, size, and the files that could not be read.

    python benchmarks/corpus.py FOLDER [--debs DIR] [--cache DIR] [--kill SECONDS ...]

Builds into FOLDER by the command line and writes results/corpus.json. An existing corpus is counted without its build time. With
--kill, the build is killed (SIGKILL) after the given numbers of seconds and restarted each time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lift3d.corpus.dataset import CARD, Corpus

HERE = Path(__file__).resolve().parent
ENOUGH = 50
"""Minimum number of shapes of a category that is counted."""


def run(words: list[str], kills: list[float]) -> float:
    """The sum of the seconds of the last, complete run and of the runs that were killed."""
    started = time.monotonic()
    for seconds in [*kills, None]:
        child = subprocess.Popen(words, start_new_session=True)
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            print(f"killed after {seconds} s")
            continue
        if code:
            sys.exit(code)
    return time.monotonic() - started


def table(corpus: Corpus, minutes: float | None, peak: float | None) -> dict[str, Any]:
    """The measured numbers and their targets."""
    card = corpus.card
    large = {k: n for k, n in card["categories"].items() if n >= ENOUGH and k != "unknown"}
    size = sum(file.stat().st_size for file in corpus.folder.rglob("*") if file.is_file())
    readable = 1 - len(card["unusable"]) / card["tried"]
    rows: list[list[Any]] = [
        ["distinct shapes", card["shapes"], ">= 7500"],
        ["objects tried", card["tried"], ""],
        ["duplicates removed", card["repeats"], ""],
        ["families", card["families"], ""],
        ["readable files", f"{100 * readable:.2f} %", ">= 99 %"],
        [f"categories with >= {ENOUGH} shapes", len(large), ">= 20"],
        ["without a category", f"{100 * card['categories'].get('unknown', 0) / card['shapes']:.1f} %", ""],
        ["with a solid interior", f"{100 * card['solid_share']:.1f} %", ">= 90 %"],
        ["closed in the source", f"{100 * card['closed_share']:.1f} %", ""],
        ["with image textures", f"{100 * card['textured_share']:.1f} %", ""],
        ["size on disk", f"{size / 2**30:.2f} GiB", "<= 4 GB"],
    ]
    if minutes is not None:
        rows.append(["build, after download", f"{minutes:.1f} min", "<= 60 min"])
        rows.append(["peak memory of a process", f"{peak:.2f} GiB", ""])
    near = card["neighbours"]
    rows.append(["median distance of a test shape to the nearest training shape", near["median"], ""])
    rows += [
        [f"test shapes at {name} of the longest side", f"{100 * x:.1f} %", ""]
        for name, x in near["histogram"].items()
    ]
    note = "Packages: " + ", ".join(
        f"{p['package']} {p['version']}" for s in card["sources"] for p in s["packages"]
    )
    return {
        "columns": ["measure", "measured", "goal"],
        "rows": rows,
        "note": note + ". `python benchmarks/corpus.py`",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--debs", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--kill", type=float, nargs="*", default=[])
    given = parser.parse_args()
    minutes = peak = None
    if not (given.folder / CARD).exists():
        words = [sys.executable, "-m", "lift3d", "corpus", "build", str(given.folder)]
        for name in ("debs", "cache"):
            if getattr(given, name):
                words += [f"--{name}", str(getattr(given, name))]
        minutes = run(words, given.kill) / 60
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    corpus = Corpus(given.folder)
    result = {
        "table": table(corpus, minutes, peak),
        "categories": corpus.card["categories"],
        "splits": corpus.card["splits"],
        "licences": corpus.card["licences"],
        "sources": corpus.card["sources"],
        "files": corpus.card["files"],
        "unusable": corpus.card["unusable"],
    }
    for row in result["table"]["rows"]:
        print(f"{row[0]:<62} {row[1]!s:>12}  {row[2]}")
    (HERE / "results" / "corpus.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
