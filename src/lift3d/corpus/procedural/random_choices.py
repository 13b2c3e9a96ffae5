"""Random colours and axes of procedural shapes."""

from __future__ import annotations

import colorsys

import numpy as np

from lift3d.types import F64

RANGES = {
    "skin": ((0.02, 0.1), (0.2, 0.65), (0.35, 1.0)), "hair": ((0.0, 0.15), (0.1, 0.8), (0.05, 0.8)),
    "fur": ((0.02, 0.14), (0.05, 0.85), (0.1, 1.0)), "wood": ((0.05, 0.1), (0.3, 0.7), (0.25, 0.7)),
    "metal": ((0.5, 0.66), (0.0, 0.2), (0.3, 0.9)), "stone": ((0.05, 0.13), (0.0, 0.25), (0.4, 0.9)),
    "green": ((0.2, 0.38), (0.35, 0.9), (0.2, 0.75)), "dark": ((0.0, 1.0), (0.0, 0.6), (0.08, 0.4)),
    "any": ((0.0, 1.0), (0.05, 1.0), (0.15, 1.0)),
}  # fmt: skip
"""Ranges of hue, saturation and value, in [0, 1]."""


def colour_of(rng: np.random.Generator, kind: str) -> F64:
    """(3,) sRGB, 0 to 255, of a kind of material; now and then of any."""
    ranges = RANGES["any" if rng.random() < 0.1 else kind]
    return np.array(colorsys.hsv_to_rgb(*(float(rng.uniform(*r)) for r in ranges))) * 255


def axes_along(direction: F64) -> F64:
    """(3, 3) axes whose third row is the unit direction; the first is level where possible."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 0, 1], z) if abs(z[2]) < 0.99 else np.array([1.0, 0, 0])
    x = x / np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def turned_axes(rng: np.random.Generator, spread: float) -> F64:
    """(3, 3) axes whose third row leans from the vertical by about `spread` radians."""
    return axes_along(np.array([rng.normal(0, spread), rng.normal(0, spread), 1.0]))
