"""Shapes for the last look only: nothing is tuned on them, and no other group of sets shows them. Written as `made_shapes`."""

from __future__ import annotations

import math

import numpy as np

from implicit import (
    above,
    ball,
    box,
    cut,
    ellipsoid,
    limb,
    revolved,
    smooth_curve,
    torus,
    tube,
    turned,
    union,
)  # fmt: skip
from made_shapes import Shape


def lamp() -> Shape:
    """A table lamp: a heavy foot, a bent stem, a hollow shade open below."""
    foot = revolved(smooth_curve([(0, 0.1), (0.1, 0.1), (0.22, 0.07), (0.26, 0.03), (0.25, 0)]) + [(0, 0)])
    t = np.linspace(0, 1, 300)
    stem = tube(np.stack([0.05 * np.sin(2 * np.pi * t), 0 * t, 0.05 + 0.75 * t], 1), 0.045)
    shade = revolved([(0, 1.0), (0.2, 1.0), (0.38, 0.62), (0.34, 0.6), (0.17, 0.94), (0, 0.94)])
    bulb = ellipsoid((0, 0, 0.85), (0.08, 0.08, 0.12))
    return above(union(foot, stem, shade, bulb, smooth=0.02)), (-0.4, -0.4, 0), (0.4, 0.4, 1.02)


def duck() -> Shape:
    """A toy duck: a keel that curves in below, a head before the chest, a beak."""
    body = union(
        ellipsoid((0, 0, 0.27), (0.4, 0.26, 0.24)),
        ellipsoid((-0.34, 0, 0.4), (0.16, 0.12, 0.12)),
        smooth=0.15,
    )
    head = union(ball((0.27, 0, 0.68), 0.19), limb((0.2, 0, 0.35), (0.26, 0, 0.6), 0.15, 0.12), smooth=0.06)
    beak = ellipsoid((0.5, 0, 0.64), (0.13, 0.09, 0.035))
    wings = [turned(ellipsoid((-0.02, y, 0.34), (0.24, 0.07, 0.13)), 10, 1) for y in (-0.24, 0.24)]
    return (
        above(union(union(body, head, smooth=0.05), beak, *wings, smooth=0.03), 0.06),
        (-0.52, -0.34, 0.05),
        (0.66, 0.34, 0.9),
    )


def chair() -> Shape:
    """A seat on four legs with a slatted back."""
    seat = box((-0.28, -0.28, 0.42), (0.28, 0.28, 0.49), 0.02)
    legs = [
        limb((x, y, 0.45), (1.08 * x, 1.08 * y, 0.03), 0.04, 0.034)
        for x in (-0.23, 0.23)
        for y in (-0.23, 0.23)
    ]
    posts = [limb((x, 0.24, 0.45), (x, 0.32, 1.0), 0.04) for x in (-0.23, 0.23)]
    slats = [
        box((-0.24, 0.245 + s, z), (0.24, 0.295 + s, z + 0.09), 0.015)
        for z, s in ((0.62, 0.0), (0.76, 0.02), (0.9, 0.04))
    ]
    bars = [limb((-0.24, y, 0.2), (0.24, y, 0.2), 0.025) for y in (-0.24, 0.24)]
    return (
        above(union(seat, *legs, *posts, *slats, *bars, smooth=0.015), 0.02),
        (-0.32, -0.32, 0),
        (0.32, 0.4, 1.06),
    )


def elbow() -> Shape:
    """A bent pipe between two flanges with bores."""
    a = np.linspace(0, np.pi / 2, 400)
    path = np.stack([0.4 - 0.4 * np.cos(a), 0 * a, 0.08 + 0.4 * np.sin(a)], 1)
    low = revolved([(0, 0), (0.3, 0), (0.3, 0.08), (0, 0.08)])
    high = turned(revolved([(0, 0.4), (0.3, 0.4), (0.3, 0.48), (0, 0.48)]), 90, 1, (0, 0, 0))
    high_at = lambda p: high(p - [0.0, 0, 0.48])  # noqa: E731
    angles = np.arange(4) * np.pi / 2 + np.pi / 4
    circle = [(0.23 * math.cos(t), 0.23 * math.sin(t)) for t in angles]
    bores = [limb((x, y, -0.2), (x, y, 0.2), 0.035) for x, y in circle]
    bores += [limb((0.3, y, 0.48 + z), (0.7, y, 0.48 + z), 0.035) for y, z in circle]
    ends = [[[0.4 + 0.02 * k, 0, 0.48] for k in range(8)], [[0, 0, 0.08 - 0.02 * k] for k in range(8)]]
    bore = tube(np.concatenate([path, *ends]), 0.11)
    pipe = union(tube(path, 0.17), low, high_at, smooth=0.02)
    beyond = box((0.48, -1, -1), (2, 1, 2))
    return above(cut(pipe, bore, beyond, *bores)), (-0.32, -0.32, 0), (0.5, 0.32, 0.8)


def robot() -> Shape:
    """A toy figure of blocks: arms held out, two legs, an antenna."""
    body = box((-0.17, -0.12, 0.36), (0.17, 0.12, 0.68), 0.03)
    head = box((-0.12, -0.11, 0.72), (0.12, 0.11, 0.92), 0.03)
    neck = limb((0, 0, 0.6), (0, 0, 0.8), 0.05)
    legs = [box((x - 0.06, -0.07, 0.03), (x + 0.06, 0.07, 0.4), 0.02) for x in (-0.1, 0.1)]
    feet = [box((x - 0.08, -0.17, 0.0), (x + 0.08, 0.09, 0.07), 0.02) for x in (-0.1, 0.1)]
    arms = [limb((0.9 * x, 0, 0.62), (2 * x, -0.05, 0.48), 0.05) for x in (-0.2, 0.2)]
    hands = [limb((2 * x, -0.05, 0.48), (2 * x, -0.24, 0.52), 0.045, 0.06) for x in (-0.2, 0.2)]
    mast = [limb((0, 0, 0.9), (0, 0, 1.0), 0.025), ball((0, 0, 1.03), 0.045)]
    eyes = [ball((x, -0.11, 0.83), 0.03) for x in (-0.05, 0.05)]
    return (
        above(union(body, head, neck, *legs, *feet, *arms, *hands, *mast, *eyes, smooth=0.01), 0.005),
        (-0.5, -0.32, 0),
        (0.5, 0.15, 1.1),
    )


def tree() -> Shape:
    """A small tree: a thick bent trunk under clouds of leaves."""
    t = np.linspace(0, 1, 300)
    trunk = tube(np.stack([0.12 * np.sin(3 * t), 0.05 * np.sin(5 * t), 0.7 * t], 1), 0.11 - 0.05 * t)
    branch = limb((0.1, 0.02, 0.4), (0.34, -0.05, 0.62), 0.05, 0.04)
    spots = [
        (0, 0, 0.82, 0.22), (0.34, -0.08, 0.7, 0.16), (-0.22, 0.06, 0.72, 0.17), (0.1, 0.2, 0.74, 0.15), (0.05, -0.2, 0.76, 0.15),
    ]  # fmt: skip
    leaves = union(*(ellipsoid((x, y, z), (r, r, 0.72 * r)) for x, y, z, r in spots), smooth=0.03)
    pot = revolved([(0, 0), (0.2, 0), (0.26, 0.14), (0.24, 0.14), (0.22, 0.11), (0, 0.11)])
    return above(union(trunk, branch, leaves, pot, smooth=0.03)), (-0.42, -0.37, 0), (0.54, 0.37, 1.02)


def bell() -> Shape:
    """A hollow bell that stands on its rim on three feet, with a loop at the top."""
    outer = smooth_curve([(0, 0.75), (0.14, 0.73), (0.22, 0.6), (0.26, 0.36), (0.33, 0.18), (0.4, 0.1)])
    inner = smooth_curve([(0.36, 0.1), (0.29, 0.2), (0.21, 0.36), (0.17, 0.56), (0.1, 0.66), (0, 0.67)])
    feet = [ball((0.37 * math.cos(a), 0.37 * math.sin(a), 0.075), 0.075) for a in (0.5, 2.6, 4.7)]
    loop = torus((0, 0, 0.83), 0.09, 0.035, 1)
    return (
        above(union(revolved([*outer, *inner]), *feet, loop, smooth=0.02), 0.005),
        (-0.48, -0.48, 0),
        (0.48, 0.48, 0.97),
    )


def hourglass() -> Shape:
    """Two bulbs between two discs with three columns."""
    glass = smooth_curve(
        [(0.2, 0.05), (0.22, 0.2), (0.16, 0.38), (0.05, 0.5), (0.16, 0.62), (0.22, 0.8), (0.2, 0.95)]
    )
    discs = [revolved([(0, z), (0.36, z), (0.36, z + 0.07), (0, z + 0.07)]) for z in (0.0, 0.93)]
    columns = [limb((0.29 * math.cos(a), 0.29 * math.sin(a), 0.03), (0.29 * math.cos(a), 0.29 * math.sin(a), 0.97), 0.035)
               for a in (0.2, 2.3, 4.4)]  # fmt: skip
    return (
        union(revolved([(0, 0.05), *glass, (0, 0.95)]), *discs, *columns, smooth=0.015),
        (-0.38, -0.38, 0),
        (0.38, 0.38, 1.02),
    )


def helmet() -> Shape:
    """A dome with a brim, open in front, with a crest."""
    dome = cut(ellipsoid((0, 0, 0.3), (0.36, 0.42, 0.42)), ellipsoid((0, 0, 0.28), (0.31, 0.37, 0.37)))
    face = box((-0.2, -0.6, -0.1), (0.2, -0.1, 0.34))
    brim = revolved([(0.3, 0.24), (0.5, 0.2), (0.52, 0.23), (0.3, 0.3)])
    crest = cut(ellipsoid((0, 0.04, 0.44), (0.05, 0.46, 0.42)), ellipsoid((0, 0, 0.28), (0.31, 0.37, 0.37)))
    shell = cut(union(dome, cut(brim, ellipsoid((0, 0, 0.28), (0.31, 0.37, 0.37))), crest, smooth=0.02), face)
    return above(shell, 0.02), (-0.54, -0.54, 0), (0.54, 0.54, 0.9)


def basket() -> Shape:
    """A bowl with a rim and an arched handle from side to side."""
    wall = smooth_curve([(0.24, 0), (0.36, 0.14), (0.44, 0.34)])
    inner = smooth_curve([(0.38, 0.34), (0.3, 0.15), (0.18, 0.06), (0, 0.05)])
    a = np.linspace(0, np.pi, 400)
    handle = tube(np.stack([0.42 * np.cos(a), 0 * a, 0.32 + 0.52 * np.sin(a)], 1), 0.045)
    rim = torus((0, 0, 0.34), 0.41, 0.05)
    return (
        union(revolved([(0, 0), *wall, *inner]), rim, handle, smooth=0.02),
        (-0.48, -0.48, 0),
        (0.48, 0.48, 0.9),
    )


HELD = {
    shape.__name__: shape
    for shape in (lamp, duck, chair, elbow, robot, tree, bell, hourglass, helmet, basket)
}
