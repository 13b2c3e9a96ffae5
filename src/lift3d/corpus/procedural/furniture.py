"""Chairs, tables, cupboards, lamps and chests."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, box, cone, rod
from lift3d.corpus.procedural.primitives import BOX, Primitive
from lift3d.corpus.procedural.random_choices import axes_along, colour_of

X = np.array([1.0, 0, 0])


def furniture(rng: np.random.Generator) -> list[Primitive]:
    """A chair, table, cupboard, bed, lamp or chest."""
    wood, cloth = colour_of(rng, "wood" if rng.random() < 0.6 else "any"), colour_of(rng, "any")
    kind = rng.random()
    wide, deep, tall = rng.uniform(0.18, 0.5), rng.uniform(0.18, 0.35), rng.uniform(0.25, 0.5)
    thin = rng.uniform(0.012, 0.035)
    if kind < 0.3:  # a cupboard or chest
        out = [box([0, 0, tall], [wide, deep, tall], wood, 0.01, pattern="shade")]
        rows = int(rng.integers(1, 5))
        for i in range(rows):
            z = 2 * tall * (i + 0.5) / rows
            out.append(
                box(
                    [0, -deep, z],
                    [0.9 * wide, 0.015, 0.85 * tall / rows],
                    np.clip(wood * rng.uniform(0.8, 1.2), 0, 255),
                    0.004,
                    1,
                )
            )
            out.append(
                ball(
                    [rng.choice([-0.6, 0, 0.6]) * wide, -deep - 0.02, z],
                    [0.02, 0.02, 0.02],
                    colour_of(rng, "metal"),
                    2,
                    0,
                )
            )
        if rng.random() < 0.4:
            out.append(rod([0, 0, 2 * tall], deep, wide, wood, X, 3))
        return out
    if kind < 0.4:  # a lamp or lantern
        shade = rng.uniform(0.12, 0.25)
        out = [
            rod([0, 0, 0.02], rng.uniform(0.1, 0.2), 0.02, wood),
            rod([0, 0, tall], thin, tall, wood, group=1),
        ]
        return [
            *out,
            cone([0, 0, 2 * tall - 0.05], [0, 0, 2 * tall + shade], shade, 0.4 * shade, cloth, 2, 0),
        ]
    seat = rng.uniform(0.2, 0.45)
    out = [
        box(
            [0, 0, seat],
            [wide, deep, thin * (1 if rng.random() < 0.6 else 3)],
            cloth if rng.random() < 0.4 else wood,
            0.015,
            pattern="shade",
        )
    ]
    for x in (-1, 1):
        for y in (-1, 1):
            foot, top = (
                np.array([x * wide * rng.uniform(0.8, 1), y * deep * 0.9, thin]),
                np.array([x * wide * 0.85, y * deep * 0.85, seat]),
            )
            out.append(cone(foot, top, thin, thin, wood, 1, 0))
    if kind < 0.8:
        lean = rng.uniform(0, 0.12)
        high = rng.uniform(0.2, 0.45)
        axes = axes_along(np.array([0, lean, 1.0]))
        if rng.random() < 0.5:
            out.append(
                Primitive(
                    BOX,
                    np.array([0, 0.9 * deep, seat + high]),
                    np.array([wide, thin, high]),
                    cloth,
                    axes=axes,
                    round=0.01,
                    group=2,
                )
            )
        else:
            for u in np.linspace(-0.9, 0.9, int(rng.integers(2, 7))) * wide:
                out.append(
                    cone(
                        [u, 0.9 * deep, seat],
                        [u, 0.9 * deep + lean * high, seat + 2 * high],
                        thin * 0.8,
                        thin * 0.8,
                        wood,
                        2,
                        0,
                    )
                )
            out.append(
                box([0, 0.9 * deep + lean * high, seat + 2 * high], [wide, thin, 2 * thin], wood, 0.01, 3)
            )
        if rng.random() < 0.4:
            for x in (-1, 1):
                out.append(box([x * wide, 0, seat + 0.16], [thin, deep, thin], wood, 0.008, 4))
                out.append(
                    cone(
                        [x * wide, -0.9 * deep, seat],
                        [x * wide, -0.9 * deep, seat + 0.16],
                        thin,
                        thin,
                        wood,
                        4,
                        0,
                    )
                )
    return out
