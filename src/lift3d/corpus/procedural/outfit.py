"""Faces, hair, hats and clothes of figures."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import BODY, ball, cone
from lift3d.corpus.procedural.primitives import BOX, CYLINDER, ELLIPSOID, TORUS, Primitive
from lift3d.corpus.procedural.random_choices import axes_along, colour_of
from lift3d.types import F64

GEAR = 1
"""The group of clothes."""


def face(rng: np.random.Generator, at: F64, size: F64, skin: F64) -> list[Primitive]:
    """Eyes, nose, muzzle."""
    out = []
    eye = float(size.mean()) * rng.uniform(0.08, 0.3)
    white, black = np.array([245.0, 245, 245]), np.array([20.0, 20, 30])
    for side in (-1, 1):
        place = at + size * np.array([side * 0.38, -0.86, 0.12])
        out.append(ball(place, eye * np.array([1, 0.5, 1.1]), white if rng.random() < 0.7 else black, 5, 0))
        out.append(ball(place + [0, -0.4 * eye, 0], eye * np.array([0.5, 0.3, 0.6]), black, 6, 0))
    if rng.random() < 0.7:
        out.append(
            ball(
                at + size * np.array([0, -1.0, -0.08]),
                float(size.mean()) * np.array([0.12, 0.16, 0.14]),
                skin,
                blend=0.01,
            )
        )
    if rng.random() < 0.2:
        out.append(
            ball(
                at + size * np.array([0, -0.95, -0.3]),
                size * np.array([0.5, 0.4, 0.35]),
                np.minimum(skin + 25, 255),
            )
        )
    return out


def on_head(rng: np.random.Generator, at: F64, size: F64, hair: F64) -> list[Primitive]:
    """Hair, ears, horns, a hat or a helmet."""
    out = []
    if rng.random() < 0.65:
        out.append(
            ball(at + size * np.array([0, 0.14, 0.18]), size * rng.uniform(1.0, 1.15, 3), hair, 7, 0.03)
        )
        if rng.random() < 0.5:
            out.append(
                cone(
                    at + size * [0, 0.6, 0.1],
                    at + size * np.array([0, 0.8, -rng.uniform(0.6, 2.2)]),
                    0.5 * size[0],
                    0.25 * size[0],
                    hair,
                    7,
                )
            )
        for _ in range(int(rng.integers(0, 5))):
            way = rng.normal(0, 0.5, 3) + [0, 0.2, 1]
            out.append(
                cone(
                    at + 0.6 * size * way,
                    at + size * way * rng.uniform(1.0, 1.5),
                    0.25 * size[0],
                    0.05 * size[0],
                    hair,
                    7,
                )
            )
    kind = rng.random()
    if kind < 0.25:
        ear, tall = colour_of(rng, "any") if rng.random() < 0.3 else hair, rng.uniform(0.3, 2.0)
        for side in (-1, 1):
            foot = at + size * np.array([side * 0.5, 0.05, 0.75])
            out.append(
                cone(
                    foot,
                    foot + size * np.array([side * 0.25, 0.1, tall]),
                    0.24 * size[0],
                    0.1 * size[0],
                    ear,
                    8,
                )
            )
    elif kind < 0.5:
        hat, brim = colour_of(rng, "any"), rng.uniform(1.0, 1.8)
        top = at + size * np.array([0, 0, 0.75])
        out.append(
            Primitive(CYLINDER, top, np.array([size[0] * brim, 0.06 * size[2]]), hat, group=8, round=0.005)
        )
        if rng.random() < 0.5:
            out.append(
                cone(
                    top,
                    top + [0, 0, size[2] * rng.uniform(0.8, 2.2)],
                    0.85 * size[0],
                    0.1 * size[0],
                    hat,
                    8,
                    0.02,
                )
            )
        else:
            out.append(
                Primitive(
                    CYLINDER,
                    top + [0, 0, 0.5 * size[2]],
                    np.array([0.75 * size[0], 0.5 * size[2]]),
                    hat,
                    group=9,
                    round=0.01,
                )
            )
    elif kind < 0.65:
        out.append(ball(at + size * np.array([0, 0.12, 0.2]), size * 1.18, colour_of(rng, "metal"), 8, 0))
    return out


def clothes(
    rng: np.random.Generator, hip: float, shoulder: float, wide: float, lean: float, top: F64
) -> list[Primitive]:
    """A skirt, a belt, a rucksack, a cape, shoulder pads, wings, a tail."""
    out = []
    if rng.random() < 0.2:
        low = rng.uniform(0.05, 0.7) * hip
        out.append(
            cone([0, 0, hip + 0.05], [0, 0, low + 0.1], 0.06 * wide, 0.1 * wide + 0.05, top, GEAR, 0.02)
        )
    if rng.random() < 0.4:
        out.append(
            Primitive(
                TORUS,
                np.array([0, 0, hip + 0.03]),
                np.array([0.075 * wide, 0.02]),
                colour_of(rng, "dark"),
                group=GEAR,
                blend=0.01,
            )
        )
    if rng.random() < 0.25:
        half = np.array([0.08 * wide, rng.uniform(0.03, 0.08), rng.uniform(0.07, 0.13)])
        out.append(
            Primitive(
                BOX,
                np.array([0, 0.075 * wide + half[1], shoulder - 0.12]),
                half,
                colour_of(rng, "any"),
                round=0.02,
                group=10,
            )
        )
    elif rng.random() < 0.15:
        half = np.array([0.12 * wide, 0.008, 0.45 * shoulder])
        tilt = axes_along(np.array([0, 0.15, 1.0]))
        out.append(
            Primitive(
                BOX,
                np.array([0, 0.08 * wide, shoulder - half[2]]),
                half,
                colour_of(rng, "any"),
                axes=tilt,
                round=0.006,
                group=10,
            )
        )
    elif rng.random() < 0.12:
        for side in (-1, 1):
            tip = np.array([side * rng.uniform(0.25, 0.45), 0.15, shoulder + rng.uniform(-0.1, 0.25)])
            middle = np.array([side * 0.12, 0.1, shoulder - 0.1])
            out.append(
                Primitive(
                    ELLIPSOID,
                    (tip + middle) / 2,
                    np.array([0.2, 0.012, 0.1]),
                    colour_of(rng, "any"),
                    axes=axes_along(np.array([0, 0, 1.0])),
                    group=10,
                )
            )
    if rng.random() < 0.2:
        for side in (-1, 1):
            out.append(
                ball(
                    [side * 0.13 * wide, lean, shoulder],
                    np.array([0.06, 0.055, 0.045]) * wide,
                    colour_of(rng, "metal"),
                    11,
                    0,
                )
            )
    if rng.random() < 0.15:
        out.append(
            cone(
                [0, 0.05, hip],
                [rng.normal(0, 0.1), 0.25, rng.uniform(0.1, 0.6)],
                0.035,
                0.015,
                top,
                BODY,
                0.03,
            )
        )
    return out
