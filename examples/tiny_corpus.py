"""Furniture of boxes and cylinders, for a first training run of a few minutes: python examples/tiny_corpus.py FOLDER

Writes 120 chairs, tables and lamps of random sizes as STL files, with one folder for each category, as
`lift3d corpus build --from FOLDER` reads them. `make train-tiny` runs all the steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import trimesh

EACH = 40


def box(size: tuple[float, float, float], at: tuple[float, float, float]) -> trimesh.Trimesh:
    """A box centred at `at`."""
    return trimesh.creation.box(size, trimesh.transformations.translation_matrix(at))


def pole(radius: float, low: float, high: float, x: float = 0.0, y: float = 0.0) -> trimesh.Trimesh:
    """An upright cylinder from z = low to z = high."""
    centre = trimesh.transformations.translation_matrix((x, y, (low + high) / 2))
    return trimesh.creation.cylinder(radius, high - low, sections=24, transform=centre)


def legs(width: float, depth: float, height: float, thick: float) -> list[trimesh.Trimesh]:
    """The four legs of a piece of furniture."""
    x, y = (width - thick) / 2, (depth - thick) / 2
    return [box((thick, thick, height), (a, b, height / 2)) for a in (-x, x) for b in (-y, y)]


def chair(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    w, d, h, back = rng.uniform([0.4, 0.4, 0.35, 0.35], [0.6, 0.6, 0.5, 0.7])
    seat = box((w, d, 0.16), (0, 0, h))
    return [
        *legs(w, d, h, rng.uniform(0.09, 0.15)),
        seat,
        box((w, 0.14, back), (0, d / 2 - 0.07, h + back / 2)),
    ]


def table(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    w, d, h = rng.uniform([0.7, 0.5, 0.4], [1.5, 1.0, 0.8])
    return [*legs(w, d, h, rng.uniform(0.12, 0.2)), box((w * 1.05, d * 1.05, 0.16), (0, 0, h))]


def lamp(rng: np.random.Generator) -> list[trimesh.Trimesh]:
    base, stand, shade, h = rng.uniform([0.2, 0.05, 0.2, 0.5], [0.3, 0.09, 0.35, 0.9])
    return [pole(base, 0, 0.12), pole(stand, 0, h), pole(shade, h, h + rng.uniform(0.2, 0.5))]


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for make in (chair, table, lamp):
        category = folder / make.__name__
        category.mkdir(parents=True, exist_ok=True)
        for number in range(EACH):
            trimesh.util.concatenate(make(rng)).export(category / f"{make.__name__}{number:02d}.stl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
