"""The frame contains the missing part, and the voxels encode the samples: kernels against slow twins."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lift3d.geometry.completion.partial_frame import (
    FRAME_RESOLUTION,
    SPREAD,
    PartialFrame,
    fit_partial_frame,
    missing_side,
    partial_voxels,
    resample_rotated,
)
from lift3d.geometry.mesh.distances import sample_surface


def samples(mesh: trimesh.Trimesh, n: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    return sample_surface(mesh.vertices, mesh.faces, n, np.random.default_rng(0))[:2]


@given(st.integers(0, 10_000), st.floats(-0.3, 0.5))
@settings(max_examples=25, deadline=None)
def test_what_is_cut_off_lies_towards_the_missing_side(seed: int, offset: float) -> None:
    """Divergence theorem: of a closed surface cut by a plane the missing side is the plane's normal."""
    normal = np.random.default_rng(seed).normal(size=3)
    normal /= np.linalg.norm(normal)
    p, n = samples(trimesh.creation.icosphere(3, 1.0))
    kept = p @ normal < offset
    assert missing_side(n[kept]) @ normal > 0.99
    frame = fit_partial_frame(p[kept], n[kept])
    assert ((p[kept] > frame.low) & (p[kept] < frame.low + frame.side)).all()
    far = normal * (offset + 0.3)  # what comes next on the other side has room
    assert (far > frame.low).all() and (far < frame.low + frame.side).all()


def test_a_frame_follows_scale_and_translation() -> None:
    p, n = samples(trimesh.creation.box((1, 0.5, 0.3)))
    kept = p[:, 0] < 0.1
    a, b = fit_partial_frame(p[kept], n[kept]), fit_partial_frame(7 * p[kept] + [1, 2, 3], n[kept])
    assert b.side == pytest.approx(7 * a.side) and np.allclose(b.low, 7 * a.low + [1, 2, 3])
    assert np.allclose(
        partial_voxels(p[kept], n[kept], a), partial_voxels(7 * p[kept] + [1, 2, 3], n[kept], b), atol=1e-4
    )
    with pytest.raises(ValueError, match="one place"):
        fit_partial_frame(np.ones((5, 3)), n[:5])


def test_voxels_equal_a_slow_twin() -> None:
    rng = np.random.default_rng(1)
    p, n = rng.uniform(-0.1, 1.1, (300, 3)), rng.normal(size=(300, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    frame = PartialFrame(np.zeros(3), 1.0)
    held: dict[tuple[int, ...], list[np.ndarray]] = {}
    for point, normal in zip(p * FRAME_RESOLUTION, n):
        sign = 1.0 if normal[2] >= 0 else -1.0
        a = -1 / (sign + normal[2])
        b = normal[0] * normal[1] * a
        u = np.array([1 + sign * normal[0] ** 2 * a, sign * b, -sign * normal[0]])
        w = np.array([b, sign + normal[1] ** 2 * a, -normal[1]])
        assert abs(u @ normal) < 1e-9 and abs(w @ normal) < 1e-9 and abs(u @ w) < 1e-9
        for place in (point, point + SPREAD * u, point - SPREAD * u, point + SPREAD * w, point - SPREAD * w):
            cell = np.floor(place).astype(int)
            if (cell >= 0).all() and (cell < FRAME_RESOLUTION).all():
                held.setdefault(tuple(cell), []).append(np.append(normal, (cell + 0.5 - place) @ normal))
    expected = np.zeros((5, FRAME_RESOLUTION, FRAME_RESOLUTION, FRAME_RESOLUTION))
    for cell, rows in held.items():
        expected[0][cell] = 1
        expected[(slice(1, 5), *cell)] = np.mean(rows, 0)
    assert np.allclose(partial_voxels(p, n, frame), expected, atol=1e-4)


def test_the_distance_channel_locates_a_plane() -> None:
    """More precise than a voxel: a plane at any height is recovered."""
    rng = np.random.default_rng(2)
    for height in (0.401, 0.4077, 0.413):
        p = np.column_stack([rng.uniform(0.2, 0.8, (4000, 2)), np.full(4000, height)])
        cells = partial_voxels(p, np.tile([0.0, 0, 1], (4000, 1)), PartialFrame(np.zeros(3), 1.0))
        i, j, k = np.nonzero(cells[0])
        assert np.allclose((k + 0.5 - cells[4, i, j, k]) / FRAME_RESOLUTION, height, atol=1e-5)


@given(st.floats(-4, 4), st.booleans(), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_rotated_resampling_equals_a_slow_twin(angle: float, mirrored: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (12, 11, 13)).astype(np.uint8)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turn = turn * [-1.0, 1] if mirrored else turn
    first, step, n = rng.uniform(-3, 6, 3), float(rng.uniform(0.3, 1.5)), 9
    at = first + step * np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), -1).reshape(-1, 3)
    at = np.column_stack([at[:, :2] @ turn.T, at[:, 2]])
    floor = np.floor(at)
    within = ((floor >= 0) & (floor < np.array(levels.shape) - 1)).all(1)
    expected = ndimage.map_coordinates(levels.astype(float), at.T, order=1) * within
    said = resample_rotated(levels, turn, first, step, n).reshape(-1)
    assert np.abs(said - expected).max() <= 0.51
