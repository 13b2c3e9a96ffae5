"""Cars, lorries and tractors."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, box, rod
from lift3d.corpus.procedural.primitives import Primitive
from lift3d.corpus.procedural.random_choices import colour_of

X = np.array([1.0, 0, 0])


def vehicle(rng: np.random.Generator) -> list[Primitive]:
    """A car, lorry or tractor that faces -y."""
    paint, glass, dark = colour_of(rng, "any"), np.array([60.0, 80, 100]), colour_of(rng, "dark")
    long, wide, tall = rng.uniform(0.35, 0.6), rng.uniform(0.14, 0.25), rng.uniform(0.06, 0.14)
    wheel = rng.uniform(0.05, 0.12)
    floor = wheel * rng.uniform(0.8, 1.3)
    out = [box([0, 0, floor + tall], [wide, long, tall], paint, 0.04)]
    cab, back = rng.uniform(0.25, 0.6) * long, rng.uniform(-0.5, 0.4) * long
    roof = rng.uniform(0.06, 0.14)
    out.append(box([0, back, floor + 2 * tall + roof], [0.9 * wide, cab, roof], paint, 0.05, 1))
    out.append(box([0, back, floor + 2 * tall + roof], [0.93 * wide, 0.85 * cab, 0.6 * roof], glass, 0.02, 2))
    out.append(box([0, back, floor + 2 * tall + roof], [0.7 * wide, cab * 1.03, 0.6 * roof], glass, 0.02, 2))
    if rng.random() < 0.3:
        load = rng.uniform(0.1, 0.25)
        out.append(
            box(
                [0, 0.55 * long, floor + 2 * tall + load],
                [0.95 * wide, 0.4 * long, load],
                colour_of(rng, "any"),
                0.01,
                3,
            )
        )
    count = int(rng.choice([2, 2, 3]))
    for y in np.linspace(-0.7, 0.7, count) * long:
        for side in (-1, 1):
            out.append(rod([side * wide * 0.95, y, wheel], wheel, 0.045, dark, X, 4))
            out.append(rod([side * wide * 1.02, y, wheel], 0.5 * wheel, 0.04, colour_of(rng, "metal"), X, 5))
    for side in (-1, 1):
        out.append(
            ball(
                [side * 0.7 * wide, -long, floor + 1.1 * tall],
                [0.035, 0.02, 0.03],
                np.array([250.0, 245, 200]),
                6,
                0,
            )
        )
    if rng.random() < 0.4:
        out.append(
            box(
                [0, -long - 0.02, floor + 0.4 * tall],
                [wide, 0.03, 0.3 * tall],
                colour_of(rng, "metal"),
                0.01,
                7,
            )
        )
    return out
