"""The base of an object from its silhouettes: exact for feet that are straight, flared or tapered, silent where a plate is
masked in."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.camera.orbit import look_at
from lift3d.geometry.camera.projection import project
from lift3d.geometry.fusion.base_level import BLIND, Silhouette, silhouette_drop
from lift3d.geometry.fusion.support_plane import resting_plane
from lift3d.types import F64

UP = np.array([0.0, 0.0, 1.0])


def surface(radius_at_base: float, radius: float, plate: float = 0.0) -> F64:
    """Points of a solid of revolution of height 1 on z = 0, of which the lowest tenth narrows or widens to its base."""
    z, a = np.meshgrid(np.linspace(0, 1, 260), np.linspace(0, 2 * np.pi, 240))
    r = radius + (radius_at_base - radius) * np.clip(1 - z / 0.1, 0, 1)
    wall = np.stack([r * np.cos(a), r * np.sin(a), z], -1).reshape(-1, 3)
    s, b = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 2 * np.pi, 240))
    discs = [(radius_at_base, 0.0), (radius, 1.0), *([(plate, 0.0)] if plate else [])]
    caps = [np.stack([q * s * np.cos(b), q * s * np.sin(b), 0 * s + h], -1).reshape(-1, 3) for q, h in discs]
    return np.concatenate([wall, *caps])


def silhouettes(xyz: F64, tilt: float = 30.0) -> list[Silhouette]:
    """Twelve masks from a ring of cameras."""
    from scipy import ndimage

    found = []
    for k in range(12):
        a, e = 2 * np.pi * k / 12, np.radians(tilt)
        eye = 4 * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]) + (0, 0, 0.5)
        camera = look_at(eye, np.array([0, 0, 0.5]), 400, 400, 800.0)
        mask = np.zeros((400, 400), bool)
        x, y = np.floor(project(camera, xyz)[0]).astype(int).T
        mask[y, x] = True
        found.append((camera, ndimage.binary_fill_holes(ndimage.binary_closing(mask, iterations=2))))
    return found


PIXEL = 0.04 / BLIND
"""Of depth maps that measure nothing in the lowest 0.04."""


@pytest.mark.parametrize("base", [0.25, 0.3])
@pytest.mark.parametrize("tilt", [15.0, 35.0, 50.0])
def test_the_base_is_found_below_the_lowest_measured_points(base: float, tilt: float) -> None:
    whole = surface(base, 0.25)
    seen = whole[(whole[:, 2] > 0.04) & (np.hypot(*whole[:, :2].T) > 0.1)]
    drop = silhouette_drop(seen, UP, 0.04, silhouettes(whole, tilt), PIXEL)
    assert drop == pytest.approx(0.04, abs=0.005)
    plane = resting_plane(seen, UP, np.array([[3.0, 0, 2], [0, 3, 2]]), silhouettes(whole, tilt), PIXEL)
    assert plane is not None and plane.offset == pytest.approx(0.0, abs=0.02)


def test_a_foot_that_narrows_is_never_made_too_long() -> None:
    whole = surface(0.2, 0.25)
    seen = whole[(whole[:, 2] > 0.04) & (np.hypot(*whole[:, :2].T) > 0.1)]
    assert 0 < silhouette_drop(seen, UP, 0.04, silhouettes(whole), PIXEL) <= 0.04 + 1e-9
    assert silhouette_drop(whole, UP, 0.0, silhouettes(whole), 2 * PIXEL) < 0.05


def test_a_plate_in_the_masks_says_nothing() -> None:
    whole = surface(0.25, 0.25)
    seen = whole[whole[:, 2] > 0.04]
    assert silhouette_drop(seen, UP, 0.04, silhouettes(surface(0.25, 0.25, plate=0.6)), PIXEL) == 0.0


def test_no_silhouettes_and_few_points_say_nothing() -> None:
    whole = surface(0.25, 0.25)
    assert silhouette_drop(whole, UP, 0.0, [], PIXEL) == 0.0
    assert silhouette_drop(whole[:10], UP, 0.0, silhouettes(whole), PIXEL) == 0.0
