"""Cups, jugs, teapots, bottles and bowls with handles and spouts."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, cone
from lift3d.corpus.procedural.primitives import CYLINDER, TORUS, Primitive
from lift3d.corpus.procedural.random_choices import colour_of

X = np.array([1.0, 0, 0])


def vessel(rng: np.random.Generator) -> list[Primitive]:
    """A cup, jug, teapot, bottle or bowl: cones on one axis, with a handle and a spout."""
    clay, pattern = colour_of(rng, "any"), str(rng.choice(["", "", "stripes", "spots", "shade"]))
    out, z = [], 0.0
    radius = rng.uniform(0.1, 0.25)
    for _ in range(int(rng.integers(1, 4))):
        rise, wider = rng.uniform(0.08, 0.3), radius * rng.uniform(0.5, 1.6)
        out.append(
            cone(
                [0, 0, z + radius * 0.6],
                [0, 0, z + rise + 0.6 * wider],
                radius,
                wider,
                clay,
                0,
                0.05,
                pattern,
            )
        )
        z, radius = z + rise, wider
    middle = np.array([0, 0, 0.5 * z + 0.15])
    widest = max(float(p.size.max()) for p in out)
    if rng.random() < 0.6:
        axes = np.stack([np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), np.array([0, -1.0, 0])])
        ring = rng.uniform(0.08, 0.14)
        out.append(
            Primitive(
                TORUS, middle + X * (widest + 0.4 * ring), np.array([ring, 0.025]), clay, axes=axes, group=1
            )
        )
    if rng.random() < 0.4:
        tip = middle + np.array([-widest - rng.uniform(0.12, 0.25), 0, rng.uniform(0.05, 0.2)])
        out.append(cone(middle - X * 0.7 * widest, tip, 0.05, 0.025, clay, 0, 0.05))
    if rng.random() < 0.5:
        top = np.array([0, 0, z + 1.1 * radius])
        out += [
            ball(top, [0.8 * radius, 0.8 * radius, 0.3 * radius], colour_of(rng, "any"), 2, 0),
            ball(top + [0, 0, 0.35 * radius], [0.03, 0.03, 0.03], clay, 3, 0),
        ]
    else:
        inner = 0.82 * radius
        out.append(
            Primitive(
                CYLINDER,
                np.array([0, 0, z + 1.2 * radius]),
                np.array([inner, 0.9 * radius + 0.3 * z]),
                clay,
                cut=True,
            )
        )
    return out
