"""Animals with four legs."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.outfit import face
from lift3d.corpus.procedural.parts import ball, cone
from lift3d.corpus.procedural.primitives import Primitive
from lift3d.corpus.procedural.random_choices import colour_of


def animal(rng: np.random.Generator) -> list[Primitive]:
    """An animal with four legs that faces -y."""
    coat = colour_of(rng, "fur")
    pattern = str(rng.choice(["", "shade", "stripes", "spots"], p=[0.4, 0.2, 0.2, 0.2]))
    leg, long, fat = rng.uniform(0.12, 0.45), rng.uniform(0.3, 0.65), rng.uniform(0.07, 0.2)
    limb = rng.uniform(0.025, 0.06)
    back = leg + fat
    chest, rump = np.array([0, -0.5 * long, back]), np.array([0, 0.5 * long, back + rng.normal(0, 0.03)])
    out = [
        cone(chest, rump, fat * rng.uniform(0.8, 1.2), fat * rng.uniform(0.75, 1.1), coat, pattern=pattern)
    ]
    stride = rng.uniform(0, 0.1)
    for x in (-1, 1):
        for y, at in ((-1, chest), (1, rump)):
            swing = stride * x * y
            top = at + [x * 0.55 * fat, 0, -0.3 * fat]
            knee = np.array([x * 0.65 * fat, at[1] + 0.5 * swing + 0.02 * y, 0.5 * leg])
            foot = np.array([x * 0.65 * fat, at[1] + swing, limb])
            out += [
                cone(top, knee, limb * 1.5, limb * 1.1, coat, pattern=pattern),
                cone(knee, foot, limb * 1.1, limb, coat),
            ]
    rise = rng.uniform(0.0, 0.5)
    head_at = chest + np.array([rng.normal(0, 0.03), -rng.uniform(0.1, 0.22), rise * rng.uniform(0.5, 1)])
    head = rng.uniform(0.07, 0.15)
    out.append(
        cone(chest + [0, -0.2 * fat, 0.2 * fat], head_at, fat * 0.55, head * 0.7, coat, pattern=pattern)
    )
    size = head * np.array([rng.uniform(0.8, 1.1), rng.uniform(0.9, 1.2), rng.uniform(0.8, 1.1)])
    out.append(ball(head_at, size, coat, pattern=pattern))
    snout = head_at + np.array([0, -head * rng.uniform(0.9, 1.8), -0.25 * head])
    out.append(
        cone(
            head_at + [0, -0.4 * head, -0.2 * head],
            snout,
            0.6 * head,
            0.35 * head,
            np.minimum(coat + 20, 255),
        )
    )
    out += face(rng, head_at, size, coat)[:4]
    tall = rng.uniform(0.3, 1.6)
    for side in (-1, 1):
        foot = head_at + size * np.array([side * 0.55, 0.1, 0.7])
        out.append(
            cone(
                foot,
                foot + head * np.array([side * rng.uniform(0.1, 0.6), 0.1, tall * 0.6]),
                0.25 * head,
                0.08 * head,
                coat,
                7,
            )
        )
        if rng.random() < 0.15:
            out.append(
                cone(
                    foot,
                    foot + head * np.array([side * 0.5, -0.2, 1.4]),
                    0.12 * head,
                    0.03 * head,
                    np.array([225.0, 215, 190]),
                    8,
                )
            )
    tail = rump + np.array([0, 0.8 * fat, 0.3 * fat])
    out.append(
        cone(
            tail,
            tail + np.array([rng.normal(0, 0.08), rng.uniform(0.03, 0.3), rng.normal(0.05, 0.15)]),
            0.3 * fat,
            rng.uniform(0.1, 0.4) * fat,
            coat,
        )
    )
    return out
