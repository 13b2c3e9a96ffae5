"""Lights: suns, point lights and an environment. Worlds have z up; colours are linear and may exceed 1.

Strengths are the colour that a white matt surface shows: a sun of colour 1 makes a white surface that faces it white
(irradiance / pi = 1). The environment's light on a matt surface needs nine numbers per channel (Ramamoorthi & Hanrahan, "An
efficient representation for irradiance environment maps", 2001): with the spherical harmonics coefficients L_lm of its radiance,
E(n) / pi = sum A_l / pi L_lm Y_lm(n) with A_l / pi = 1, 2/3, 1/4.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lift3d.types import F64

Vec3 = tuple[float, float, float]
WHITE: Vec3 = (1.0, 1.0, 1.0)
_BAND = np.array([1.0] + [2 / 3] * 3 + [1 / 4] * 5)


@dataclass(frozen=True)
class Sun:
    """Parallel light from `direction` (towards the sun, any length). shadow: objects cast shadows."""

    direction: Vec3
    colour: Vec3 = WHITE
    shadow: bool = True


@dataclass(frozen=True)
class PointLight:
    """A small lamp: at distance d a white surface that faces it shows intensity / d^2, with d in the unit of the world."""

    position: Vec3
    intensity: Vec3 = WHITE
    shadow: bool = True


@dataclass(frozen=True, eq=False)
class Environment:
    """irradiance: (9, 3) coefficients of E / pi in the order of `harmonics`. shadow: ambient occlusion."""

    irradiance: F64
    shadow: bool = False

    def __post_init__(self) -> None:
        if self.irradiance.shape != (9, 3) or not np.isfinite(self.irradiance).all():
            raise ValueError("Environment.irradiance must be finite (9, 3)")

    @staticmethod
    def from_colours(sky: ArrayLike, ground: ArrayLike, shadow: bool = False) -> Environment:
        """One colour (3,) above the horizon and one below: E(n) / pi = (sky + ground) / 2 + (sky - ground) / 2 n_z."""
        above, below = np.asarray(sky, np.float64), np.asarray(ground, np.float64)
        out = np.zeros((9, 3))
        out[0] = (above + below) / 2 * np.sqrt(4 * np.pi)
        out[2] = (above - below) / 2 * np.sqrt(4 * np.pi / 3)
        return Environment(out, shadow)

    @staticmethod
    def from_panorama(radiance: NDArray[np.floating], shadow: bool = False) -> Environment:
        """From an equirectangular image (H, W, 3) of linear light, seen from inside.

        The zenith is at the top, +x in the horizontal centre, +y a quarter of the width to its left.
        """
        height, width = radiance.shape[:2]
        edges = np.cos(np.pi * np.arange(height + 1) / height)
        solid_angle = (edges[:-1] - edges[1:]) * 2 * np.pi / width  # of each pixel of a row
        polar = np.pi * (np.arange(height) + 0.5) / height
        azimuth = np.pi - 2 * np.pi * (np.arange(width) + 0.5) / width
        out = np.zeros((9, 3))
        for row in range(height):
            sine = np.sin(polar[row])
            up = np.full(width, np.cos(polar[row]))
            basis = harmonics(np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), up], 1))
            out += solid_angle[row] * basis.T @ np.asarray(radiance[row], np.float64)
        return Environment(out * _BAND[:, None], shadow)

    @property
    def polynomial(self) -> F64:
        """(3, 10) E / pi per channel as factors of 1, x, y, z, xy, yz, xz, xx, yy, zz of the normal."""
        e, root = self.irradiance, np.sqrt(1 / (4 * np.pi))
        first, second, third = np.sqrt(3) * root, np.sqrt(15) * root, np.sqrt(5) / 2 * root
        rows = [root * e[0] - third * e[6], first * e[3], first * e[1], first * e[2]]
        rows += [second * e[4], second * e[5], second * e[7], second / 2 * e[8], -second / 2 * e[8]]
        return np.stack([*rows, 3 * third * e[6]], 1)

    def diffuse(self, n: F64) -> F64:
        """(N, 3) E(n) / pi, the colour of white surfaces with unit normals n (N, 3), at least 0."""
        return np.maximum(harmonics(n) @ self.irradiance, 0)

    def radiance(self, directions: F64) -> F64:
        """(N, 3) radiance from unit directions (N, 3) as far as the nine coefficients describe it, at least 0."""
        return np.maximum(harmonics(directions) @ (self.irradiance / _BAND[:, None]), 0)


@dataclass(frozen=True, eq=False)
class Lighting:
    """Suns, point lights and an environment, all multiplied by `exposure`."""

    suns: tuple[Sun, ...] = ()
    points: tuple[PointLight, ...] = ()
    environment: Environment | None = field(default=None)
    exposure: float = 1.0

    def without_shadows(self) -> Lighting:
        """The same lights without shadows."""
        around = None if self.environment is None else replace(self.environment, shadow=False)
        suns = tuple(replace(sun, shadow=False) for sun in self.suns)
        points = tuple(replace(point, shadow=False) for point in self.points)
        return Lighting(suns, points, around, self.exposure)


def harmonics(n: F64) -> F64:
    """(N, 9) real spherical harmonics up to order 2 at unit vectors n (N, 3).

    Y00; Y1 of y, z, x; Y2 of xy, yz, 3 z^2 - 1, xz, x^2 - y^2.
    """
    x, y, z = np.asarray(n, np.float64).T
    first, second = np.sqrt(3 / (4 * np.pi)), np.sqrt(15 / (4 * np.pi))
    return np.stack(
        [
            np.full(len(x), np.sqrt(1 / (4 * np.pi))), first * y, first * z, first * x, second * x * y,
            second * y * z, np.sqrt(5 / (16 * np.pi)) * (3 * z * z - 1), second * x * z,
            second / 2 * (x * x - y * y),
        ],
        axis=1,
    )  # fmt: skip


def studio(shadow: bool = True) -> Lighting:
    """A softbox at the front left of the object, a weaker light on the right, a bright room."""
    key = Sun((-0.55, -0.75, 0.85), (0.62, 0.61, 0.59), shadow)
    fill = Sun((0.9, -0.25, 0.35), (0.16, 0.17, 0.19), False)
    return Lighting((key, fill), (), Environment.from_colours((0.50, 0.50, 0.52), (0.22, 0.21, 0.20), shadow))


def sunlight(shadow: bool = True) -> Lighting:
    """A clear day: a warm sun, a blue sky, brown light from the ground."""
    sun = Sun((-0.5, -0.6, 0.9), (0.95, 0.89, 0.78), shadow)
    return Lighting((sun,), (), Environment.from_colours((0.30, 0.36, 0.46), (0.13, 0.12, 0.10), shadow))


def flat() -> Lighting:
    """Nearly uniform light: colours as they are, a little darker on undersides and in hollows."""
    return Lighting((), (), Environment.from_colours((0.95, 0.95, 0.95), (0.75, 0.75, 0.75), True))
