"""Trees, mushrooms, plants in pots, and vessels with handles and spouts."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, cone
from lift3d.corpus.procedural.primitives import CYLINDER, ELLIPSOID, TORUS, Primitive
from lift3d.corpus.procedural.random_choices import colour_of, turned_axes

X = np.array([1.0, 0, 0])


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
