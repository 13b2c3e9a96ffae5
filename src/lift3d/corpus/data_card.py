"""The data card of a corpus for people (README.md) and programs (corpus.json), the attribution of every shape, and contact
sheets."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from lift3d.corpus.dataset import CARD, CELLS, INDEX, MESHES, SURFACE, VERSION, Corpus
from lift3d.corpus.descriptor import describe
from lift3d.corpus.duplicates import Cloud, surface_difference
from lift3d.corpus.entry import Source
from lift3d.corpus.packages.obtain import Package
from lift3d.corpus.pictures.backgrounds import BACKGROUNDS, LISTING
from lift3d.corpus.splits import SPLIT_BOUNDS
from lift3d.geometry.parts.clean import FEWEST
from lift3d.io.files.atomic import write_bytes
from lift3d.io.files.checksum import file_sha256
from lift3d.io.image.contact_sheet import evenly_spaced, render_tile, write_contact_sheet

ATTRIBUTION, README, SHEETS = "ATTRIBUTION.csv", "README.md", "sheets"
TILES_PER_SHEET = 72
NEIGHBOURS_COMPARED = 8
"""Number of training shapes, nearest by descriptor, that a test shape is compared with."""
HISTOGRAM_EDGES = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.04, np.inf)
REASONS = {
    "no faces": "it has no visible faces with an area",
    "few faces": f"it has fewer than {FEWEST} faces",
    "flat": "it is flat, like a sign or a decal",
}
"""Why a readable model was left out, by its state."""
Rows = Sequence[dict[str, Any]]


def write_card(
    folder: Path, plan: dict[str, Any], origin: Sequence[tuple[Source, Sequence[Package]]], tried: Rows, rows: Rows,
    backgrounds: dict[str, Any] | None = None, progress: Callable[[float], None] = lambda fraction: None,
) -> None:  # fmt: skip
    """Write the attribution, the contact sheets, README.md and last corpus.json, which marks the corpus as complete.

    origin: the sources with their packages; tried: a row per model read; rows: those that became shapes, repeats included;
    backgrounds: the summary of the backgrounds. Raises InputError when a file cannot be written.
    """
    names = (INDEX, CELLS, SURFACE, MESHES) + ((BACKGROUNDS, LISTING) if backgrounds else ())
    files = {name: file_sha256(folder / name) for name in names}
    card: dict[str, Any] = {
        "version": VERSION, "plan": plan, "files": files, **counts(tried, rows),
        "sources": [_source(source, packages, tried, rows) for source, packages in origin],
        "unusable": [{"key": r["key"], "why": r["reason"]} for r in tried if r["state"] in ("refused", "failed")],
        "left_out": [{"key": r["key"], "why": REASONS[r["state"]]} for r in tried if r["state"] in REASONS],
        "backgrounds": backgrounds or {},
    }  # fmt: skip
    write_bytes(folder / ATTRIBUTION, attribution(rows))
    corpus = Corpus(folder, card)
    card["neighbours"] = neighbours(corpus, lambda done: progress(done / 2))
    write_sheets(corpus, folder / SHEETS, lambda done: progress((1 + done) / 2))
    write_bytes(folder / README, readme(card).encode())
    write_bytes(folder / CARD, json.dumps(card, indent=1).encode())


def counts(tried: Rows, rows: Rows) -> dict[str, Any]:
    """Counts by state, category, licence and split, and fractions of all shapes."""
    shapes = [row for row in rows if not row["same"]]
    total = max(len(shapes), 1)
    return {
        "tried": len(tried),
        "states": dict(Counter(row["state"] for row in tried).most_common()),
        "shapes": len(shapes),
        "repeats": len(rows) - len(shapes),
        "families": len({row["family"] for row in shapes}),
        "solid_share": round(1 - sum(row["thin"] for row in shapes) / total, 4),
        "closed_share": round(sum(row["closed"] for row in shapes) / total, 4),
        "textured_share": round(sum(row["textured"] for row in shapes) / total, 4),
        "categories": dict(Counter(row["category"] for row in shapes).most_common()),
        "licences": dict(Counter(row["licence"] for row in shapes).most_common()),
        "splits": {name: sum(row["split"] == name for row in shapes) for name, _ in SPLIT_BOUNDS},
    }


def _source(source: Source, packages: Sequence[Package], tried: Rows, rows: Rows) -> dict[str, Any]:
    own = [row for row in tried if row["source"] == source.name]
    shapes = [row for row in rows if row["source"] == source.name and not row["same"]]
    bad = sum(row["state"] in ("refused", "failed") for row in own)
    return {
        "name": source.name, "about": source.about, "tried": len(own), "shapes": len(shapes),
        "readable_share": round(1 - bad / max(len(own), 1), 4),
        "packages": [{"package": p.name, "version": p.version, "sha256": p.sha256} for p in packages],
    }  # fmt: skip


def attribution(rows: Rows) -> bytes:
    """A CSV table of every shape's key, name, author, licence and source file."""
    out = io.StringIO(newline="")
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["key", "name", "author", "licence", "source", "sha256 of the file"])
    for row in rows:
        if not row["same"]:
            table.writerow([row[k] for k in ("key", "name", "author", "licence", "source", "sha256")])
    return out.getvalue().encode()


def neighbours(corpus: Corpus, progress: Callable[[float], None] = lambda fraction: None) -> dict[str, Any]:
    """Statistics of the distance from test shapes to the nearest training shape, as the mean distance between the surfaces
    in longest sides; empty without test or training shapes."""
    test, train = corpus.where(split="test"), corpus.where(split="train")
    if not len(test) or not len(train):
        return {}
    table = np.array([_described(corpus, i) for i in range(len(corpus))])
    distance = cdist(table[test], table[train])
    least = []
    for k, (row, i) in enumerate(zip(distance, test)):
        progress(k / len(test))
        own = Cloud.from_rows(np.asarray(corpus.samples[i]))
        near = train[np.argsort(row, kind="stable")[:NEIGHBOURS_COMPARED]]
        least.append(
            min(surface_difference(own, Cloud.from_rows(np.asarray(corpus.samples[j])))[0] for j in near)
        )
    fractions = np.histogram(least, HISTOGRAM_EDGES)[0] / len(least)
    names = [
        f"{a:g} to {b:g}" if np.isfinite(b) else f"over {a:g}"
        for a, b in zip(HISTOGRAM_EDGES, HISTOGRAM_EDGES[1:])
    ]
    return {
        "test_shapes": len(test),
        "median": round(float(np.median(least)), 4),
        "least": round(float(min(least)), 5),
        "histogram": {name: round(float(x), 4) for name, x in zip(names, fractions)},
    }


def _described(corpus: Corpus, i: int) -> NDArray[np.float32]:
    points = corpus.surface(i)
    assert points.normals is not None
    return describe(points.xyz, points.normals.astype(np.float64), corpus.surface_voxels(i))


def write_sheets(corpus: Corpus, folder: Path, progress: Callable[[float], None]) -> None:
    """Write one PNG for each category, with evenly spaced shapes of it."""
    column = np.array(corpus.column("category"))
    names = sorted(set(column.tolist()))
    for number, name in enumerate(names):
        progress(number / len(names))
        own = np.flatnonzero(column == name)
        own = own[evenly_spaced(len(own), TILES_PER_SHEET)]
        tiles = [render_tile(corpus.parts(int(i))) for i in own]
        write_contact_sheet(folder / f"{name}.png", tiles, [corpus.keys[i].rsplit("/", 1)[-1] for i in own])


def readme(card: dict[str, Any]) -> str:
    """The card as Markdown text."""

    def table(head: tuple[str, str], values: dict[str, Any]) -> list[str]:
        return [
            f"| {head[0]} | {head[1]} |",
            "|---|---:|",
            *(f"| {k} | {v} |" for k, v in values.items()),
            "",
        ]

    lines = [
        f"# A corpus of {card['shapes']} {'shape' if card['shapes'] == 1 else 'shapes'}",
        "",
        f"Built by `lift3d corpus build` (lift3d {card['plan']['lift3d']}) from {card['tried']} models; "
        f"{card['repeats']} repeat others and were left out (the column `same` of the index names them). "
        f"{100 * card['solid_share']:.1f} % have a solid interior, the others are marked `thin`; "
        f"{100 * card['closed_share']:.1f} % were closed in the source; {100 * card['textured_share']:.1f} % have textures. "
        f"Each of the {card['families']} families lies in one split.",
        "",
        "Each shape keeps its own licence and author, listed in ATTRIBUTION.csv; pass that file on with the shapes. "
        "docs/corpus.md of lift3d describes the files; sheets/ shows each category.",
        "",
        "## Sources",
        "",
        "| source | contents | packages | models | readable | shapes |",
        "|---|---|---|---:|---:|---:|",
    ]
    for s in card["sources"]:
        names = ", ".join(f"{p['package']} {p['version']}" for p in s["packages"]) or "files"
        lines.append(
            f"| {s['name']} | {s['about']} | {names} | {s['tried']} | {100 * s['readable_share']:.1f} % | {s['shapes']} |"
        )
    lines += [
        "",
        *table(("category", "shapes"), card["categories"]),
        *table(("licence", "shapes"), card["licences"]),
    ]
    lines += [
        *table(("split", "shapes"), card["splits"]),
        *table(("state of the models", "number"), card["states"]),
    ]
    if card["backgrounds"]:
        bank = card["backgrounds"]
        lines += [
            f"{bank['pictures']} backgrounds for pictures of the shapes ("
            + ", ".join(f"{n} of {kind}" for kind, n in bank["kind"].items())
            + f"); {LISTING} lists their authors and licences.",
            "",
        ]
    if card["neighbours"]:
        near = card["neighbours"]
        lines += [
            f"Mean surface distance of {near['test_shapes']} test shapes to the nearest training shape, in longest sides: "
            f"median {near['median']}, minimum {near['least']}.",
            "",
            *table(("distance", "fraction of test shapes"), near["histogram"]),
        ]
    for title, name in (
        ("Files that could not be read", "unusable"),
        ("Models that were left out", "left_out"),
    ):
        if card[name]:
            lines += [f"## {title}", ""]
            lines += [f"- `{_one_line(row['key'])}`: {_one_line(row['why'])}" for row in card[name]] + [""]
    return "\n".join(lines) + "\n"


def _one_line(text: str) -> str:
    """The text on one line of Markdown; file names may contain anything."""
    return " ".join(text.replace("`", "'").split())
