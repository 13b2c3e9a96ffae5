"""Figures with two legs: rounded limbs around a posed skeleton, with hair, hats, clothes and gear."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.outfit import clothes, face, on_head
from lift3d.corpus.procedural.parts import ball, cone
from lift3d.corpus.procedural.primitives import BOX, CYLINDER, Primitive
from lift3d.corpus.procedural.random_choices import axes_along, colour_of, turned_axes
from lift3d.types import F64


def figure(rng: np.random.Generator) -> list[Primitive]:
    """A person, toy, robot or fantastic figure that faces -y; about 1 high."""
    big = rng.random() < 0.5  # cartoon proportions
    head = rng.uniform(0.14, 0.22) if big else rng.uniform(0.075, 0.11)
    wide = rng.uniform(0.7, 1.8)
    leg = rng.uniform(0.16, 0.34) if big else rng.uniform(0.4, 0.5)
    torso = rng.uniform(0.2, 0.32)
    limb = rng.uniform(0.028, 0.05) * (1.3 if big else 1.0)
    skin, top, trousers, shoes, hair = (
        colour_of(rng, kind) for kind in ("skin", "any", "any", "dark", "hair")
    )
    sleeve = top if rng.random() < 0.6 else skin
    pattern = str(rng.choice(["", "", "shade", "stripes", "spots"]))
    hip, shoulder = leg, leg + torso
    spread, across = 0.05 * wide + rng.uniform(0, 0.05), rng.uniform(0.09, 0.14) * wide
    lean = rng.normal(0, 0.03)
    neck = np.array([0, lean - 0.01, shoulder + 0.015])
    out = [
        cone(
            [-0.04 * wide, 0, hip],
            [-0.02 * wide, lean, shoulder - 0.05],
            0.05 * wide,
            0.06 * wide,
            top,
            pattern=pattern,
        ),
        cone(
            [0.04 * wide, 0, hip],
            [0.02 * wide, lean, shoulder - 0.05],
            0.05 * wide,
            0.06 * wide,
            top,
            pattern=pattern,
        ),
        cone(neck, neck + [0, -0.01, 0.05], limb, limb, skin),
    ]
    if rng.random() < 0.3:
        out.append(
            ball(
                [0, -0.03, hip + 0.35 * torso], [0.08 * wide, 0.09 * wide, 0.5 * torso], top, pattern=pattern
            )
        )
    out += _legs(rng, hip, spread, limb, trousers, shoes)
    for side in (-1, 1):
        out += _arm(
            rng,
            np.array([side * across, lean, shoulder - 0.03]),
            side,
            limb,
            0.5 * (hip + torso) * rng.uniform(0.75, 1),
            sleeve,
            skin,
        )
    middle = neck + np.array([rng.normal(0, 0.01), -0.02, head + 0.02])
    round_head = head * np.array([rng.uniform(0.85, 1.15), rng.uniform(0.85, 1.1), rng.uniform(0.9, 1.15)])
    if rng.random() < 0.12:
        out.append(Primitive(BOX, middle, round_head * 0.9, skin, round=0.2 * head, group=2))
    else:
        out.append(ball(middle, round_head, skin, blend=0.02))
    out += face(rng, middle, round_head, skin) + on_head(rng, middle, round_head, hair)
    return out + clothes(rng, hip, shoulder, wide, lean, top)


def _legs(
    rng: np.random.Generator, hip: float, spread: float, limb: float, trousers: F64, shoes: F64
) -> list[Primitive]:
    """Two legs that stand or walk, with shoes."""
    out = []
    step = rng.uniform(0, 0.12) if rng.random() < 0.4 else 0.0
    foot = rng.uniform(0.9, 1.6)
    for side in (-1, 1):
        forward = step * side
        ankle = np.array([side * spread * rng.uniform(0.9, 1.4), -forward, limb * 1.1])
        knee = np.array([side * spread * 1.05, -0.5 * forward - 0.02, 0.5 * hip])
        top = np.array([side * 0.045 * (spread / 0.06), 0, hip])
        out += [
            cone(top, knee, limb * 1.45, limb * 1.15, trousers),
            cone(knee, ankle, limb * 1.15, limb, trousers),
        ]
        out.append(
            cone(
                ankle,
                ankle + [0, -0.07 * foot, -0.2 * limb],
                limb * 1.15 * foot**0.5,
                limb * 0.9,
                shoes,
                blend=0.01,
            )
        )
    return out


def _arm(
    rng: np.random.Generator, shoulder: F64, side: int, limb: float, length: float, sleeve: F64, skin: F64
) -> list[Primitive]:
    """An arm that hangs, points or is raised, with a hand and now and then a tool."""
    drop, ahead = (
        rng.uniform(-0.9, 0.7) if rng.random() < 0.4 else rng.uniform(-1.4, -0.9),
        rng.normal(0.1, 0.35),
    )
    upper = np.array([side * np.cos(drop), -np.sin(ahead) * 0.6, np.sin(drop)])
    elbow = shoulder + 0.48 * length * upper / np.linalg.norm(upper)
    bend = rng.normal(0, 0.5)
    fore = upper + np.array([-side * abs(bend), -abs(rng.normal(0, 0.6)), bend])
    hand = elbow + 0.45 * length * fore / np.linalg.norm(fore)
    out = [
        cone(shoulder, elbow, limb * 1.15, limb * 0.9, sleeve),
        cone(elbow, hand, limb * 0.9, limb * 0.75, sleeve),
    ]
    out.append(ball(hand, limb * np.array([1.15, 1.25, 1.25]) * rng.uniform(0.9, 1.4), skin, blend=0.015))
    kind = rng.random()
    if kind < 0.12:  # a stick, sword or spear
        rod = turned_axes(rng, 0.5)[2]
        reach = rng.uniform(0.15, 0.4)
        if rng.random() < 0.5:
            out.append(
                cone(hand - 0.3 * reach * rod, hand + reach * rod, 0.012, 0.012, colour_of(rng, "wood"), 3)
            )
        else:
            size, metal = np.array([0.02, 0.006, 0.5 * reach]), colour_of(rng, "metal")
            blade = Primitive(BOX, hand + 0.55 * reach * rod, size, metal, axes=axes_along(rod), group=3)
            out += [
                blade,
                cone(hand - 0.06 * rod, hand + 0.05 * rod, 0.012, 0.012, colour_of(rng, "wood"), 4),
            ]
    elif kind < 0.18:  # a shield
        axes = axes_along(np.array([side * 0.8, -0.6, 0]))
        out.append(
            Primitive(
                CYLINDER,
                hand,
                np.array([rng.uniform(0.08, 0.16), 0.012]),
                colour_of(rng, "any"),
                axes=axes,
                group=3,
            )
        )
    return out
