"""Trees, mushrooms and plants in pots."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, cone
from lift3d.corpus.procedural.primitives import CYLINDER, ELLIPSOID, Primitive
from lift3d.corpus.procedural.random_choices import colour_of, turned_axes


def plant(rng: np.random.Generator) -> list[Primitive]:
    """A tree, mushroom, cactus, or a plant in a pot."""
    green, wood = colour_of(rng, "green"), colour_of(rng, "wood")
    kind = rng.random()
    if kind < 0.3:  # a mushroom
        cap, tall = rng.uniform(0.2, 0.45), rng.uniform(0.2, 0.5)
        stem = rng.uniform(0.06, 0.16)
        out = [
            cone([0, 0, stem], [rng.normal(0, 0.03), 0, tall], stem, 0.8 * stem, np.array([235.0, 225, 205]))
        ]
        out.append(
            ball(
                [0, 0, tall + 0.05],
                [cap, cap, cap * rng.uniform(0.35, 0.8)],
                colour_of(rng, "any"),
                1,
                0,
                "spots",
            )
        )
        out.append(
            Primitive(
                CYLINDER,
                np.array([0, 0, tall - cap + 0.02]),
                np.array([2 * cap, cap]),
                wood,
                cut=True,
                axes=np.eye(3),
            )
        )
        return (
            out[:2]
            if rng.random() < 0.5
            else [out[0], out[1], ball([0, 0, tall + 0.02], [0.7 * cap, 0.7 * cap, 0.3 * cap], wood, 1, 0.02)]
        )
    if kind < 0.65:  # a tree
        tall = rng.uniform(0.45, 0.8)
        out = [
            cone(
                [0, 0, 0],
                [rng.normal(0, 0.05), rng.normal(0, 0.05), tall],
                rng.uniform(0.04, 0.08),
                0.035,
                wood,
            )
        ]
        if rng.random() < 0.4:
            for k in range(int(rng.integers(2, 5))):
                z, r = tall * 0.6 + 0.17 * k, 0.32 * 0.8**k
                out.append(cone([0, 0, z], [0, 0, z + 0.25], r, 0.02, green, 1 + k, 0))
            return out
        for _ in range(int(rng.integers(2, 8))):
            at = np.array([*rng.normal(0, 0.15, 2), tall + abs(rng.normal(0.1, 0.12))])
            out.append(
                ball(
                    at,
                    rng.uniform(0.12, 0.25, 3),
                    np.clip(green * rng.uniform(0.8, 1.2), 0, 255),
                    1,
                    0.05,
                    "shade",
                )
            )
        return out
    pot = rng.uniform(0.1, 0.2)
    out = [cone([0, 0, 0.1], [0, 0, 0.3], pot, 1.2 * pot, colour_of(rng, "any"), 0, 0)]
    for _ in range(int(rng.integers(3, 12))):
        way = np.array([*rng.normal(0, 0.25, 2), rng.uniform(0.2, 0.6)])
        tip = np.array([0, 0, 0.32]) + way
        out.append(cone([0, 0, 0.3], tip, 0.02, 0.015, green, 1, 0.01))
        leaf = Primitive(
            ELLIPSOID,
            tip,
            np.array([0.05, 0.1, 0.02]) * rng.uniform(0.8, 1.8),
            green,
            axes=turned_axes(rng, 0.6),
            group=2,
        )
        out.append(leaf)
    return out
