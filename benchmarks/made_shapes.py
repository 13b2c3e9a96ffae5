"""Shapes made by formulas, watertight, for the photo sets: with overhangs that no camera sees, handles, legs and bores.

TUNING may be looked at by whoever improves the reconstruction. The shapes of `held_shapes` are for the last look only.
Lengths are arbitrary (subjects are scaled to a diagonal of 1); the base is near z = 0.
"""

from __future__ import annotations

import math

import numpy as np

from implicit import (
    Field,
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
    union,
)  # fmt: skip

Shape = tuple[Field, tuple[float, float, float], tuple[float, float, float]]
"""The field with the low and the high corner of a box around the body."""


def mushroom() -> Shape:
    """A cap with a deep hollow underside on a thick stem."""
    dome = smooth_curve([(0, 0.98), (0.2, 0.95), (0.38, 0.83), (0.48, 0.66), (0.5, 0.52), (0.46, 0.46)])
    under = smooth_curve([(0.46, 0.46), (0.4, 0.55), (0.28, 0.64), (0.1, 0.68), (0, 0.68)])
    cap = revolved(dome + under[1:])
    stem = limb((0, 0, 0.02), (0.03, 0.02, 0.7), 0.15, 0.1)
    warts = [ball((0.36 * math.cos(a), 0.36 * math.sin(a), 0.86), 0.06) for a in (0.3, 1.9, 3.1, 4.4, 5.4)]
    return (
        above(union(union(cap, stem, smooth=0.05), *warts, smooth=0.04)),
        (-0.52, -0.52, 0),
        (0.52, 0.52, 1),
    )


def bust() -> Shape:
    """A head with chin, nose and hair over a thin neck and shoulders."""
    head = union(
        ellipsoid((0, 0.02, 0.82), (0.19, 0.22, 0.24)),
        ellipsoid((0, -0.13, 0.67), (0.11, 0.11, 0.08)),
        smooth=0.1,
    )
    nose = limb((0, -0.19, 0.86), (0, -0.27, 0.77), 0.025, 0.04)
    hair = union(
        ellipsoid((0, 0.1, 0.88), (0.22, 0.2, 0.22)),
        ellipsoid((0, 0.24, 0.72), (0.12, 0.1, 0.13)),
        smooth=0.08,
    )
    ears = [ellipsoid((x, 0.02, 0.79), (0.035, 0.05, 0.07)) for x in (-0.2, 0.2)]
    neck = limb((0, 0.06, 0.3), (0, 0.06, 0.7), 0.11, 0.09)
    chest = union(
        ellipsoid((0, 0.03, 0.3), (0.4, 0.19, 0.16)), ellipsoid((0, 0, 0.2), (0.25, 0.18, 0.2)), smooth=0.1
    )
    foot = revolved([(0, 0), (0.2, 0), (0.2, 0.05), (0.13, 0.09), (0.12, 0.16), (0, 0.16)])
    body = union(union(head, nose, smooth=0.04), hair, *ears, smooth=0.03)
    return (
        above(union(union(body, neck, chest, smooth=0.06), foot, smooth=0.03)),
        (-0.44, -0.32, 0),
        (0.44, 0.38, 1.12),
    )


def beast() -> Shape:
    """A standing animal: a belly over four legs, a neck, a head that hangs forward, a tail."""
    body = union(
        ellipsoid((0, 0, 0.5), (0.42, 0.19, 0.18)), ellipsoid((0.26, 0, 0.56), (0.2, 0.17, 0.18)), smooth=0.1
    )
    legs = [
        limb((x, y, 0.45), (x + 0.02, 1.15 * y, 0.04), 0.085, 0.055)
        for x in (-0.29, 0.28)
        for y in (-0.11, 0.11)
    ]
    neck, head = (
        limb((0.34, 0, 0.6), (0.5, 0, 0.82), 0.13, 0.1),
        limb((0.5, 0, 0.86), (0.7, 0, 0.76), 0.115, 0.07),
    )
    horns = [limb((0.47, y, 0.93), (0.44, 1.9 * y, 1.08), 0.035, 0.02) for y in (-0.08, 0.08)]
    tail = limb((-0.4, 0, 0.55), (-0.56, 0.05, 0.28), 0.035, 0.045)
    whole = union(union(body, neck, head, *legs, smooth=0.07), *horns, tail, smooth=0.03)
    return above(whole, 0.01), (-0.64, -0.27, 0), (0.8, 0.27, 1.12)


def stool() -> Shape:
    """A round seat on four splayed legs with a ring between them."""
    seat = revolved([(0, 0.72), (0.4, 0.72), (0.43, 0.75), (0.43, 0.79), (0.4, 0.82), (0.1, 0.8), (0, 0.8)])
    legs = [
        limb(
            (0.25 * math.cos(a), 0.25 * math.sin(a), 0.76),
            (0.4 * math.cos(a), 0.4 * math.sin(a), 0.03),
            0.05,
            0.042,
        )
        for a in np.radians([45, 135, 225, 315])
    ]
    ring = torus((0, 0, 0.3), 0.345, 0.03)
    return above(union(seat, *legs, ring, smooth=0.02), 0.02), (-0.48, -0.48, 0), (0.48, 0.48, 0.85)


def mug() -> Shape:
    """A hollow cup with a handle."""
    wall = [
        (0, 0),
        (0.28, 0),
        (0.31, 0.03),
        (0.32, 0.4),
        (0.33, 0.78),
        (0.31, 0.8),
        (0.285, 0.78),
        (0.27, 0.4),
        (0.26, 0.08),
    ]
    cup = revolved([*wall, (0.22, 0.06), (0, 0.06)])
    a = np.linspace(-0.56 * np.pi, 0.56 * np.pi, 400)
    handle = tube(np.stack([0.3 + 0.22 * np.cos(a), 0 * a, 0.4 + 0.25 * np.sin(a)], 1), 0.045)
    hollow = revolved([(0, 0.06), (0.22, 0.06), (0.26, 0.08), (0.27, 0.4), (0.285, 0.9), (0, 0.9)])
    return cut(union(cup, handle, smooth=0.03), hollow), (-0.36, -0.36, 0), (0.6, 0.36, 0.82)


def urn() -> Shape:
    """A hollow vase from the lathe: a foot, a round belly, a thin neck and a wide lip."""
    outer = smooth_curve(
        [
            (0.2, 0),
            (0.21, 0.03),
            (0.13, 0.1),
            (0.2, 0.22),
            (0.33, 0.42),
            (0.3, 0.62),
            (0.16, 0.76),
            (0.13, 0.84),
            (0.23, 0.97),
        ]
    )
    inner = smooth_curve(
        [(0.2, 0.97), (0.1, 0.84), (0.13, 0.74), (0.26, 0.6), (0.28, 0.42), (0.14, 0.24), (0, 0.2)]
    )
    return revolved([(0, 0), *outer, *inner]), (-0.36, -0.36, 0), (0.36, 0.36, 1.0)


def gear() -> Shape:
    """A toothed wheel with six bores on a foot narrower than it, with a hub that has a bore."""

    def wheel(p: np.ndarray) -> np.ndarray:
        r, a = np.hypot(p[:, 0], p[:, 1]), np.arctan2(p[:, 1], p[:, 0])
        tooth = 0.055 * np.clip(2.2 * np.sin(14 * a), -1, 1)
        return np.maximum(0.8 * (r - 0.46 - tooth), np.abs(p[:, 2] - 0.3) - 0.07)

    hub = revolved([(0, 0.02), (0.2, 0.02), (0.22, 0.06), (0.17, 0.2), (0.17, 0.46), (0.15, 0.5), (0, 0.5)])
    bores = [revolved([(0, 0.1), (0.065, 0.1), (0.065, 0.6), (0, 0.6)], (0.31 * math.cos(a), 0.31 * math.sin(a)))
             for a in np.arange(6) * math.pi / 3]  # fmt: skip
    bore = revolved([(0, 0.16), (0.085, 0.16), (0.085, 0.6), (0, 0.6)])
    return cut(union(wheel, hub, smooth=0.02), bore, *bores), (-0.53, -0.53, 0.02), (0.53, 0.53, 0.52)


def knot() -> Shape:
    """A trefoil knot: a tube that crosses over itself."""
    t = np.linspace(0, 2 * np.pi, 1500, endpoint=False)
    curve = np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -1.25 * np.sin(3 * t)], 1)
    curve = 0.16 * curve + [0, 0, 0.3]
    return above(tube(curve, 0.1), 0.02), (-0.62, -0.62, 0), (0.62, 0.62, 0.62)


def crown() -> Shape:
    """A band that leans outward, with points, balls at their ends, and a ledge around it."""

    def band(p: np.ndarray) -> np.ndarray:
        r, a = np.hypot(p[:, 0], p[:, 1]), np.arctan2(p[:, 1], p[:, 0])
        wave = np.abs((a / (2 * np.pi) * 8) % 1 - 0.5) * 2
        return np.maximum(np.abs(r - 0.34 - 0.28 * p[:, 2]) - 0.03, 0.55 * (p[:, 2] - 0.3 - 0.28 * wave))

    tips = np.arange(8) * math.pi / 4
    balls = [ball((0.5 * math.cos(a), 0.5 * math.sin(a), 0.57), 0.055) for a in tips]
    stones = [ball((0.42 * math.cos(a), 0.42 * math.sin(a), 0.19), 0.05) for a in tips + math.pi / 8]
    ledge = torus((0, 0, 0.05), 0.37, 0.055)
    return (
        above(union(band, ledge, *balls, *stones, smooth=0.02), 0.01),
        (-0.58, -0.58, 0),
        (0.58, 0.58, 0.66),
    )


def teapot() -> Shape:
    """A pot with a spout, a handle and a lid."""
    body = ellipsoid((0, 0, 0.34), (0.38, 0.38, 0.3))
    foot = revolved([(0, 0), (0.2, 0), (0.22, 0.03), (0.18, 0.1), (0, 0.1)])
    lid = revolved([(0, 0.5), (0.22, 0.56), (0.24, 0.6), (0.2, 0.65), (0.05, 0.69), (0.04, 0.73), (0, 0.73)])
    t = np.linspace(0, 1, 300)
    curve = np.stack([0.3 + 0.34 * t, 0 * t, 0.26 + 0.1 * t + 0.26 * t**3], 1)
    spout = tube(curve, 0.09 - 0.045 * t)
    a = np.linspace(0.5 * np.pi, 1.5 * np.pi, 400)
    handle = tube(np.stack([-0.3 + 0.27 * np.cos(a), 0 * a, 0.37 + 0.2 * np.sin(a)], 1), 0.04)
    knob = ball((0, 0, 0.77), 0.06)
    return (
        above(union(body, foot, lid, spout, handle, knob, smooth=0.025)),
        (-0.64, -0.4, 0),
        (0.72, 0.4, 0.86),
    )


def pawn() -> Shape:
    """A chess piece from the lathe with two collars."""
    line = [(0.3, 0), (0.31, 0.06), (0.26, 0.12), (0.28, 0.16), (0.2, 0.22), (0.13, 0.4), (0.11, 0.55)]
    collar = [(0.22, 0.58), (0.22, 0.62), (0.12, 0.65), (0.18, 0.7), (0.1, 0.74)]
    body = revolved([(0, 0), *line, *collar, (0, 0.74)])
    return union(body, ball((0, 0, 0.85), 0.17), smooth=0.02), (-0.33, -0.33, 0), (0.33, 0.33, 1.03)


def jug() -> Shape:
    """A hollow jug with a handle and a lip drawn out."""
    outer = smooth_curve(
        [(0.2, 0), (0.28, 0.12), (0.3, 0.3), (0.24, 0.5), (0.17, 0.64), (0.19, 0.78), (0.23, 0.86)]
    )
    inner = smooth_curve(
        [(0.2, 0.86), (0.16, 0.78), (0.135, 0.64), (0.2, 0.5), (0.25, 0.3), (0.2, 0.1), (0, 0.07)]
    )
    pot = revolved([(0, 0), *outer, *inner])
    t = np.linspace(0, 1, 400)
    path = np.stack([-0.2 - 0.28 * np.sin(np.pi * t), 0 * t, 0.3 + 0.46 * t], 1)
    handle = cut(tube(path, 0.042), revolved([*inner, (0, 0.9), (0.2, 0.9)]))
    lip = cut(ellipsoid((0.2, 0, 0.82), (0.13, 0.08, 0.05)), ellipsoid((0.18, 0, 0.87), (0.12, 0.06, 0.05)))
    return union(pot, handle, lip, smooth=0.02), (-0.56, -0.34, 0), (0.38, 0.34, 0.92)


def facade() -> Shape:
    """The front of a house: windows set back, a door, balconies, sills and a cornice. A scene, photographed from one side."""
    wall = box((-0.8, 0, 0), (0.8, 0.16, 1.0))
    holes, parts = [], []
    for i, x in enumerate((-0.55, 0.0, 0.55)):
        for j, z in enumerate((0.08, 0.42, 0.72)):
            if i == 1 and j == 0:
                holes.append(box((x - 0.13, -0.1, -0.1), (x + 0.13, 0.08, 0.27)))
                continue
            holes.append(box((x - 0.12, -0.1, z), (x + 0.12, 0.05, z + 0.2)))
            parts.append(box((x - 0.15, -0.05, z - 0.035), (x + 0.15, 0.03, z - 0.005), 0.008))
            parts.append(box((x - 0.012, 0.02, z), (x + 0.012, 0.08, z + 0.2)))
    parts.append(box((-0.25, -0.13, 0.34), (0.25, 0.03, 0.38), 0.01))
    parts.append(box((-0.84, -0.07, 0.95), (0.84, 0.03, 1.02), 0.015))
    parts += [limb((x, -0.04, 0.0), (x, -0.04, 0.95), 0.035) for x in (-0.3, 0.3)]
    return above(union(cut(wall, *holes), *parts, smooth=0.01)), (-0.86, -0.15, 0), (0.86, 0.18, 1.04)


def sphere() -> Shape:
    """A ball on a small foot."""
    return (
        above(union(ball((0, 0, 0.5), 0.45), revolved([(0, 0), (0.2, 0), (0.2, 0.08), (0, 0.08)]))),
        (-0.5, -0.5, 0),
        (0.5, 0.5, 1),
    )


TUNING = {
    shape.__name__: shape
    for shape in (mushroom, bust, beast, stool, mug, urn, gear, knot, crown, teapot, pawn, jug, facade)
}
BAD_SUBJECTS = {shape.__name__: shape for shape in (sphere,)}
