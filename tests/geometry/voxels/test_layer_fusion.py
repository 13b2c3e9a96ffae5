"""Fusion of a visible surface with a coarse solid: right on a ball, equal to its formula, bounded by the silhouette, hidden parts
kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_erosion, map_coordinates

from lift3d.geometry.voxels import layer_fusion
from lift3d.geometry.voxels.layer_fusion import (
    EDGE_ODDS,
    LEAST_ODDS,
    RAMP,
    Evidence,
    depth_shift,
    first_run,
    fuse_layers,
    signed_distance,
)

N, M, LEVEL = 64, 48, 0.4
RADIUS = 0.7


def grid(n: int) -> np.ndarray:
    return (np.arange(n) + 0.5) / n * 2 - 1


def ball_maps(m: int = M, radius: float = RADIUS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearness (m, m), thickness (m, m) and coverage (4 m, 4 m) of a ball around the centre, seen from far away."""
    square = radius**2 - grid(m)[None] ** 2 - grid(m)[:, None] ** 2
    half = np.sqrt(np.maximum(square, 0)).astype(np.float32)
    fine = grid(4 * m)
    coverage = (np.hypot(fine[None], fine[:, None]) < radius).astype(np.float32)
    return half, 2 * half, coverage


def coarse(shift: float = 0.0, extent: float = 1.0, n: int = 32) -> np.ndarray:
    """A soft ball on n^3 voxels, too thick by a quarter and moved in depth."""
    w, v, u = np.meshgrid(grid(n) * extent - shift, grid(n), grid(n), indexing="ij")
    return np.clip(LEVEL + (RADIUS - np.sqrt(u**2 + v**2 + (w / 1.25) ** 2)) * n / 8, 0, 1).astype(np.float32)


def crossings(field: np.ndarray, extent: float, j: int, i: int) -> list[float]:
    """Depths at which a ray of the field (n, n, n) crosses LEVEL."""
    ray, n = field[:, j, i].astype(float), len(field)
    at = np.flatnonzero((ray[:-1] > LEVEL) != (ray[1:] > LEVEL))
    index = at + (LEVEL - ray[at]) / (ray[at + 1] - ray[at])
    return list(((index + 0.5) / n * 2 - 1) * extent)


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_a_ball_gets_the_depths_of_its_maps(shift: float) -> None:
    """A coarse ball that is a quarter too thick, and layers that are right and sure: the field is that of the layers, up to the
    depth of its centre, which stays that of the coarse solid."""
    nearness, thickness, coverage = ball_maps()
    soft = 0.5 + 0.2 * (coarse(shift, 1.2) - 0.5)  # an undecided network
    sure = Evidence(8.0, 0.02, 8.0)
    field, extent = fuse_layers(soft, 1.2, LEVEL, nearness, thickness, coverage, N, 3.0, sure, sure, -8.0)
    assert field.shape == (N, N, N) and field.min() >= 0 and field.max() <= 1
    depths = []
    for j, y in enumerate(grid(N)):
        for i, x in enumerate(grid(N)):
            if x * x + y * y <= (0.8 * RADIUS) ** 2:
                half = np.sqrt(RADIUS**2 - x * x - y * y)
                found = crossings(field, extent, j, i)
                assert len(found) == 2
                depths.append([found[0] + half, found[1] - half])
    assert np.ptp(depths, axis=0).max() < 0.03 and abs(np.diff(np.median(depths, axis=0))[0]) < 0.06


def slow(
    occupancy: np.ndarray,
    extent: float,
    front: np.ndarray,
    far: np.ndarray,
    border: np.ndarray,
    half: float,
    rules: np.ndarray,
) -> np.ndarray:
    """The formula of the module, point by point."""
    n, size = len(front), len(occupancy)
    logit = np.log(LEVEL / (1 - LEVEL))
    out = np.zeros((n, n, n))
    for j, i in np.ndindex(n, n):
        edge = border[j, i] / (RAMP * 2 / n)
        if edge <= -1:
            continue
        odds = np.zeros(n)
        for k in range(n):
            s = ((k + 0.5) / n * 2 - 1) * half
            at = [(s / extent + 1) / 2 * size - 0.5, (j + 0.5) / n * size - 0.5, (i + 0.5) / n * size - 0.5]
            p = 0.0
            if 0 <= at[0] < size - 1:
                across = [[at[0]], *([np.clip(x, 0, size - 1)] for x in at[1:])]
                p = float(map_coordinates(occupancy, across, order=1)[0])
            p = np.clip(p, 1e-4, 1 - 1e-4)
            odds[k] = np.log(p / (1 - p)) - logit + rules[6]
            odds[k] += rules[0] * np.clip((s - front[j, i]) / rules[1], -rules[2], 1)
            odds[k] += rules[3] * np.clip((far[j, i] - s) / rules[4], -rules[5], 1)
        if edge > 0:
            odds += max(LEAST_ODDS - odds.max(), 0)
        if edge < 1:
            odds = np.minimum(odds, EDGE_ODDS * edge)
        out[:, j, i] = 1 / (1 + np.exp(-odds - logit))
    return out


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_kernel_is_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    occupancy = rng.random((8, 8, 8), np.float32)
    front, border = (rng.normal(0, 0.5, (n, n)).astype(np.float32) for _ in range(2))
    far = front + rng.random((n, n), np.float32)
    rules = rng.uniform(0.1, 2, 7)
    fast = layer_fusion._fuse(occupancy, 0.9, LEVEL, front, far, border, 1.1, RAMP * 2 / n, rules)
    assert np.allclose(fast, slow(occupancy, 0.9, front, far, border, 1.1, rules), atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-0.4, 0.4), st.sampled_from([0.02, 1.0, 100.0]))
def test_the_silhouette_bounds_the_solid(seed: int, shift: float, rough: float) -> None:
    rng = np.random.default_rng(seed)
    _, _, coverage = ball_maps()
    bumps = np.cumsum(rng.normal(0, rough, (M, M)), 1).astype(np.float32)
    thickness = np.exp(rng.normal(-1, 0.5, (M, M))).astype(np.float32)
    field, extent = fuse_layers(coarse(shift), 1.0, LEVEL, bumps, thickness, coverage, N, 3.0)
    assert np.isfinite(field).all() and field.min() >= 0 and field.max() <= 1 and 0 < extent <= 3
    border = coverage.reshape(N, 4 * M // N, N, 4 * M // N).mean((1, 3))
    full = (field > LEVEL).any(0)
    assert not full[border == 0].any()
    assert full[binary_erosion(border == 1)].all(), "each ray meets the object"


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.3, 0.3))
def test_the_depth_of_the_layers_does_not_matter(shift: float) -> None:
    """They are moved to the coarse solid: only their shape counts."""
    nearness, thickness, coverage = ball_maps()
    a, extent_a = fuse_layers(coarse(0.0, 1.6), 1.6, LEVEL, nearness, thickness, coverage, N, 3.0)
    b, extent_b = fuse_layers(
        coarse(0.0, 1.6), 1.6, LEVEL, nearness + np.float32(shift), thickness, coverage, N, 3.0
    )
    for j, i in ((N // 2, N // 2), (N // 2, N // 3), (N // 3, N // 2)):
        assert crossings(a, extent_a, j, i) == pytest.approx(crossings(b, extent_b, j, i), abs=0.02)


def test_what_lies_behind_a_gap_is_kept() -> None:
    """A plate before a wall; the coarse plate is three times too thick."""
    n = 32
    occupancy = np.full((n, n, n), 0.01, np.float32)
    occupancy[4:13, 6:26, 6:26] = 0.6
    occupancy[22:28, 6:26, 6:26] = 0.99
    fine = np.abs(grid(96)) < 20 / n
    coverage = (fine[None] & fine[:, None]).astype(np.float32)
    front = np.full((M, M), -((4 / n) * 2 - 1), np.float32)
    thickness = np.full((M, M), 0.15, np.float32)
    field, extent = fuse_layers(occupancy, 1.0, LEVEL, front, thickness, coverage, N, 3.0)
    found = crossings(field, extent, N // 2, N // 2)
    start = 4 / n * 2 - 1
    assert found[0] == pytest.approx(start, abs=0.06) and found[1] - found[0] < 9 / n * 2
    assert found[2:] == pytest.approx([22 / n * 2 - 1, 28 / n * 2 - 1], abs=0.08)


def test_without_evidence_the_coarse_solid_stays() -> None:
    nearness, thickness, coverage = ball_maps()
    nothing = Evidence(0.0, 1.0, 1.0)
    field, extent = fuse_layers(
        coarse(), 1.2, LEVEL, nearness, thickness, coverage, N, 3.0, nothing, nothing, 0.0
    )
    found = crossings(field, extent, N // 2, N // 2)
    assert found == pytest.approx([-1.25 * RADIUS * 1.2, 1.25 * RADIUS * 1.2], abs=0.05)


def test_an_empty_silhouette_changes_nothing() -> None:
    nearness, thickness, coverage = ball_maps()
    solid = coarse()
    same, extent = fuse_layers(solid, 1.5, LEVEL, nearness, thickness, 0 * coverage, N, 3.0)
    assert same is solid and extent == 1.5


def test_the_extent_is_bounded() -> None:
    nearness, thickness, coverage = ball_maps()
    assert fuse_layers(coarse(), 1.0, LEVEL, nearness, 9 * thickness, coverage, N, 1.2)[1] == 1.2


def test_distances_to_the_border_are_signed() -> None:
    mask = np.zeros((40, 40), bool)
    mask[10:30, 10:30] = True
    d = signed_distance(mask)
    assert (
        (d > 0).sum() == mask.sum()
        and d[20, 10] == pytest.approx(0.5 / 20)
        and d[20, 9] == pytest.approx(-0.5 / 20)
    )
    assert d[20, 20] == pytest.approx(9.5 / 20)


def test_the_first_run_ends_at_the_first_gap() -> None:
    full = np.zeros((8, 1, 4), bool)
    full[2:4, 0, 0] = full[6, 0, 0] = full[5:, 0, 1] = full[:, 0, 2] = True
    first, last = first_run(full)
    assert first.tolist() == [[2, 5, 0, -1]] and last.tolist() == [[3, 7, 7, -1]]


def test_the_shift_is_the_median_difference() -> None:
    first = np.full((8, 8), 2)
    front = np.full((8, 8), 0.25, np.float32)
    front[0] = 9
    cover = np.ones((8, 8), bool)
    assert depth_shift(first, 2.0, front, cover) == pytest.approx(0.25 - (2 / 8 * 2 - 1) * 2)
    assert depth_shift(first, 2.0, front, ~cover) == 0
