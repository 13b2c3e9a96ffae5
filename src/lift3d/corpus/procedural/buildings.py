"""Houses, towers and castles."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import box, cone, rod
from lift3d.corpus.procedural.primitives import BOX, Primitive
from lift3d.corpus.procedural.random_choices import colour_of


def building(rng: np.random.Generator) -> list[Primitive]:
    """A house, tower or castle, with roofs, windows, doors and chimneys."""
    wall, roof, dark = (
        colour_of(rng, "stone" if rng.random() < 0.6 else "any"),
        colour_of(rng, "any"),
        colour_of(rng, "dark"),
    )
    out = []
    for k in range(int(rng.integers(1, 5))):
        at = rng.normal(0, 0.18, 2) if k else np.zeros(2)
        half = [rng.uniform(0.08, 0.26), rng.uniform(0.08, 0.26), rng.uniform(0.1, 0.35)]
        x, y = float(at[0]), float(at[1])
        if rng.random() < 0.3:
            r = half[0]
            out.append(rod([x, y, half[2]], r, half[2], wall, group=k))
            if rng.random() < 0.7:
                out.append(
                    cone(
                        [x, y, 2 * half[2]],
                        [x, y, 2 * half[2] + rng.uniform(0.1, 0.35)],
                        1.2 * r,
                        0.01,
                        roof,
                        20 + k,
                        0,
                    )
                )
            continue
        out.append(box([x, y, half[2]], half, wall, 0.005, k))
        kind = rng.random()
        if kind < 0.6:  # a gabled roof: a square bar on its edge, cut off below
            diagonal = 1.1 * half[0] / np.sqrt(2) * np.sqrt(2)
            axes = np.array([[np.sqrt(0.5), 0, np.sqrt(0.5)], [0, 1, 0], [-np.sqrt(0.5), 0, np.sqrt(0.5)]])
            size = np.array([diagonal * 0.75, half[1] * 1.1, diagonal * 0.75])
            out.append(Primitive(BOX, np.array([x, y, 2 * half[2]]), size, roof, axes=axes, group=20 + k))
        elif kind < 0.85:
            out.append(
                box([x, y, 2 * half[2] + 0.015], [half[0] * 1.12, half[1] * 1.12, 0.02], roof, 0.005, 20 + k)
            )
        if rng.random() < 0.4:
            out.append(
                box(
                    [x + 0.5 * half[0], y + 0.4 * half[1], 2 * half[2] + 0.1],
                    [0.03, 0.03, 0.14],
                    colour_of(rng, "stone"),
                    0.004,
                    30 + k,
                )
            )
        rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        for i in range(rows):
            for j in range(columns):
                z, u = 2 * half[2] * (i + 0.6) / (rows + 0.3), half[0] * (2 * (j + 0.5) / columns - 1)
                pane = [0.25 * half[0] / columns + 0.008, 0.02, 0.3 * half[2] / rows]
                for side in (-1, 1):
                    out.append(
                        box(
                            [x + u, y + side * half[1], z],
                            pane,
                            dark if rng.random() < 0.9 else np.array([250.0, 220, 120]),
                            0.002,
                            40,
                        )
                    )
        out.append(box([x, y - half[1], 0.06], [0.035, 0.02, 0.07], colour_of(rng, "wood"), 0.004, 41))
    if rng.random() < 0.4:
        plot = rng.uniform(0.35, 0.55)
        out.append(box([0, 0, -0.02], [plot, plot, 0.03], colour_of(rng, "green"), 0.01, 50))
    return out
