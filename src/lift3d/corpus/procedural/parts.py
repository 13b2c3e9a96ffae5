"""Primitives with fewer arguments, as the grammars use them."""

from __future__ import annotations

import numpy as np

from lift3d.corpus.procedural.primitives import BOX, CONE, CYLINDER, ELLIPSOID, Primitive, Vector
from lift3d.corpus.procedural.random_choices import axes_along
from lift3d.types import F64

BODY = 0
"""The group that is joined smoothly."""


def cone(
    a: Vector,
    b: Vector,
    r1: float,
    r2: float,
    colour: F64,
    group: int = BODY,
    blend: float = 0.03,
    pattern: str = "",
) -> Primitive:
    """A rounded cone between two points."""
    return Primitive(
        CONE,
        np.asarray(a, float),
        np.array([r1, r2]),
        colour,
        np.asarray(b, float),
        group=group,
        blend=blend,
        pattern=pattern,
    )


def ball(
    at: Vector, size: Vector, colour: F64, group: int = BODY, blend: float = 0.03, pattern: str = ""
) -> Primitive:
    """An ellipsoid with upright axes."""
    return Primitive(
        ELLIPSOID,
        np.asarray(at, float),
        np.asarray(size, float),
        colour,
        group=group,
        blend=blend,
        pattern=pattern,
    )


def box(
    at: list[float],
    half: list[float],
    colour: np.ndarray,
    round_: float = 0.01,
    group: int = 0,
    pattern: str = "",
) -> Primitive:
    """A box with upright axes."""
    return Primitive(
        BOX,
        np.array(at),
        np.array(half),
        colour,
        round=min(round_, 0.9 * min(half)),
        group=group,
        pattern=pattern,
    )


def rod(
    at: list[float],
    radius: float,
    half: float,
    colour: np.ndarray,
    along: np.ndarray | None = None,
    group: int = 0,
) -> Primitive:
    """A cylinder along a direction, upright by default."""
    axes = np.eye(3) if along is None else axes_along(along)
    return Primitive(
        CYLINDER,
        np.array(at),
        np.array([radius, half]),
        colour,
        axes=axes,
        group=group,
        round=0.1 * min(radius, half),
    )
