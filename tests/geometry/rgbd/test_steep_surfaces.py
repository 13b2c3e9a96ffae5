"""Steep surfaces: a side between two walls is true, depth steps and holes in a wall stay, the kernels equal a readable twin."""

import numpy as np
import pytest

from lift3d.geometry.rgbd import steep_surfaces
from lift3d.geometry.rgbd.depth_noise import CONSTANT, QUADRATIC, without_edges
from lift3d.geometry.rgbd.steep_surfaces import AROUND, COSINES, NARROWEST, RESIDUAL, bridge_steep

K = np.array([525, 525, 320, 240], np.float32)


def side(offset: float, measured: bool, axis: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(depth (480, 640), bool pixels of the side): walls at 1.5 m and 2.5 m, joined by a side at the distance `offset` from the
    axis of the camera, along which the ray is steep; 0 on it unless `measured`."""
    rows, columns = np.mgrid[:480, :640]
    ray = ((columns + 0.5 - K[2]) / K[0]) if axis == 1 else (rows + 0.5 - K[3]) / K[1]
    on_side = (ray < offset / 1.5) & (ray > offset / 2.5)
    z = np.where(ray >= offset / 1.5, 1.5, 2.5)
    z[on_side] = offset / ray[on_side] if measured else 0
    return z.astype(np.float32), on_side


@pytest.mark.parametrize("axis", [0, 1])
def test_a_side_between_two_walls_is_bridged(axis: int) -> None:
    z, band = side(0.2, False, axis)
    true = side(0.2, True, axis)[0]
    found, normals = bridge_steep(z, without_edges(z), K)
    inner = band.copy()
    for shift in (-3, 3):
        inner &= np.roll(band, shift, axis)
    assert (found[inner] > 0).mean() > 0.95 and not (found > 0)[z > 0].any()
    at = found > 0
    assert np.abs(found[at] - true[at]).max() < 0.1 and np.abs(found[at] - true[at]).mean() < 0.02
    expected = np.array([-1.0, 0, 0]) if axis == 1 else np.array([0, -1.0, 0])
    assert (np.abs(normals[at] @ expected) > 0.99).all() and not normals[~at].any()
    rows, columns = np.nonzero(at)
    rays = np.column_stack([(columns + 0.5 - K[2]) / K[0], (rows + 0.5 - K[3]) / K[1], np.ones(len(rows))])
    assert ((normals[at] * rays).sum(1) < 0).all()  # they face the camera


def test_a_depth_step_is_not_bridged() -> None:
    z, _ = side(0.0, False)
    z[:, 319:321] = 0
    z[::3, 318] = 0
    assert not bridge_steep(z, without_edges(z), K)[0].any()


def test_a_hole_of_a_wall_stays() -> None:
    z = np.full((480, 640), 2.0, np.float32)
    z[200:220, 300:330] = 0
    assert not bridge_steep(z, without_edges(z), K)[0].any()


def test_nothing_gives_nothing() -> None:
    z = np.zeros((12, 16), np.float32)
    found, normals = bridge_steep(z, z, K)
    assert not found.any() and not normals.any()


def readable(
    measured: np.ndarray, z: np.ndarray, k: np.ndarray, widest: float
) -> tuple[np.ndarray, np.ndarray]:
    """`bridge_steep`, slow and plain."""
    h, w = z.shape

    def ending(i: int, j: int) -> float:
        around = z[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3].astype(np.float64)
        step = 3 * (CONSTANT + QUADRATIC * z[i, j] ** 2) + 0.003 * z[i, j]
        return float(around[(around > 0) & (np.abs(around - z[i, j]) < step)].mean())

    inverse, length = np.zeros(z.shape), np.full(z.shape, np.inf)
    least, most = max(3, round(NARROWEST * w / 640)), int(widest * w)
    for axis in (0, 1):
        for line in range(z.shape[1 - axis]):
            where = [(line, s) if axis == 1 else (s, line) for s in range(z.shape[axis])]
            known = [s for s, at in enumerate(where) if z[at] > 0]
            for a, b in zip(known, known[1:]):
                unknown = sum(measured[at] <= 0 for at in where[a + 1 : b])
                if unknown < 3 or not least <= b - a <= most:
                    continue
                values = np.interp(
                    np.arange(a, b + 1), [a, b], [1 / ending(*where[a]), 1 / ending(*where[b])]
                )
                for s in range(a + 1, b):
                    if b - a < length[where[s]]:
                        length[where[s]], inverse[where[s]] = b - a, values[s - a]
    out, normals = np.zeros(z.shape), np.zeros((*z.shape, 3))
    for i, j in np.argwhere(inverse > 0):
        rows, columns = np.mgrid[
            max(i - AROUND, 0) : min(i + AROUND + 1, h), max(j - AROUND, 0) : min(j + AROUND + 1, w)
        ]
        use = inverse[rows, columns] > 0
        y, x = rows[use] - i, columns[use] - j
        spread = np.cov(np.stack([x, y]), bias=True) * len(x)
        if len(x) < 8 or np.linalg.det(spread) < 1e-3 * np.trace(spread) ** 2:
            continue
        matrix = np.column_stack([x, y, np.ones(len(x))])
        plane = np.linalg.lstsq(matrix, inverse[rows, columns][use], rcond=None)[0]
        residual = matrix @ plane - inverse[rows, columns][use]
        if plane[2] <= 0 or (residual**2).mean() > (RESIDUAL * plane[2]) ** 2:
            continue
        ray = np.array([(j + 0.5 - k[2]) / k[0], (i + 0.5 - k[3]) / k[1], 1])
        normal = np.array([plane[0] * k[0], plane[1] * k[1], 0])
        normal[2] = plane[2] - normal @ ray
        normal /= -np.linalg.norm(normal)
        if COSINES[0] <= -normal @ ray / np.linalg.norm(ray) <= COSINES[1]:
            out[i, j], normals[i, j] = 1 / plane[2], normal
    return out, normals


def test_the_kernels_equal_their_readable_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    z = side(0.2, False)[0][200:260, 300:420]
    z = np.where(z > 0, z * (1 + 0.002 * rng.normal(size=z.shape)), 0).astype(np.float32)
    z[rng.random(z.shape) < 0.02] = 0
    k = K - np.array([0, 0, 300, 200], np.float32)
    clean = without_edges(z)
    monkeypatch.setattr(steep_surfaces, "WIDEST", 0.4)
    found, normals = bridge_steep(z, clean, k)
    expected, expected_normals = readable(z, clean, k, 0.4)
    at = (found > 0) & (expected > 0)
    assert at.sum() > 300 and ((found > 0) != (expected > 0)).sum() <= 3  # rounding at the limits
    assert np.allclose(found[at], expected[at], rtol=2e-4)
    assert np.allclose(normals[at], expected_normals[at], atol=2e-3)
