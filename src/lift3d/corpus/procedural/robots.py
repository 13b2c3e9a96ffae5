"""Robots of boxes, cylinders and balls."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.parts import ball, box, cone, rod
from lift3d.corpus.procedural.primitives import Primitive
from lift3d.corpus.procedural.random_choices import colour_of


def robot(rng: np.random.Generator) -> list[Primitive]:
    """A robot of boxes, cylinders and balls that faces -y."""
    shell, joint, eye = colour_of(rng, "any"), colour_of(rng, "dark"), colour_of(rng, "any")
    wide, tall, leg = rng.uniform(0.1, 0.2), rng.uniform(0.12, 0.22), rng.uniform(0.1, 0.3)
    head = rng.uniform(0.07, 0.14)
    hip, top = leg + 0.05, leg + 0.05 + 2 * tall
    body = box([0, 0, hip + tall], [wide, 0.7 * wide, tall], shell, rng.uniform(0.01, 0.07), pattern="shade")
    if rng.random() < 0.3:
        body = ball([0, 0, hip + tall], [1.1 * wide, wide, tall], shell)
    out = [body, rod([0, 0, top + 0.02], 0.04, 0.04, joint, group=1)]
    face = [0, 0, top + 0.05 + head]
    out.append(
        box(face, [head * rng.uniform(0.9, 1.4), 0.9 * head, 0.85 * head], shell, rng.uniform(0.01, 0.06), 2)
        if rng.random() < 0.7
        else ball(face, [head] * 3, shell, 2, 0)
    )
    for side in (-1, 1):
        out.append(
            ball(
                [0.45 * side * head, -0.9 * head, face[2] + 0.1 * head],
                [0.22 * head, 0.15 * head, 0.22 * head],
                eye,
                3,
                0,
            )
        )
        out.append(ball([side * (wide + 0.03), 0, top - 0.05], [0.05, 0.05, 0.05], joint, 4, 0))
        elbow = np.array(
            [side * (wide + rng.uniform(0.05, 0.15)), -rng.uniform(0, 0.1), top - rng.uniform(0.1, 0.25)]
        )
        hand = elbow + np.array([side * rng.normal(0, 0.05), -rng.uniform(0.02, 0.15), rng.normal(-0.1, 0.1)])
        out += [
            cone([side * (wide + 0.03), 0, top - 0.05], elbow, 0.035, 0.03, shell, 5, 0),
            cone(elbow, hand, 0.035, 0.045, shell, 6, 0),
            ball(hand, [0.05, 0.05, 0.05], joint, 7, 0),
        ]
        foot = [side * 0.6 * wide, -0.03, 0.03]
        out += [
            rod([side * 0.6 * wide, 0, 0.5 * hip], 0.04, 0.5 * hip, joint, group=8),
            box(foot, [0.06, 0.09, 0.03], shell, 0.015, 9),
        ]
    if rng.random() < 0.5:
        out += [
            rod([0, 0, face[2] + head + 0.05], 0.008, 0.07, joint, group=10),
            ball([0, 0, face[2] + head + 0.12], [0.025] * 3, eye, 11, 0),
        ]
    return out
