"""Fusion of a visible surface with a coarse solid: exact on a ball, bounded by surface and silhouette, hidden parts kept."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.voxels import front_fusion
from lift3d.geometry.voxels.front_fusion import correction, depth_shift, first_run, signed_distance

fuse_front = partial(front_fusion.fuse_front, front_trust=1.0, thickness_trust=1.0)
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
    nearness, thickness, coverage = ball_maps()
    field, extent = fuse_front(coarse(shift), 1.0, LEVEL, nearness, thickness, coverage, N, 3.0)
    assert field.shape == (N, N, N) and field.min() >= 0 and field.max() <= 1
    worst = 0.0
    for j, y in enumerate(grid(N)):
        for i, x in enumerate(grid(N)):
            if x * x + y * y > (0.85 * RADIUS) ** 2:
                continue
            half = np.sqrt(RADIUS**2 - x * x - y * y)
            found = crossings(field, extent, j, i)
            assert len(found) == 2
            worst = max(worst, abs(found[0] + half), abs(found[1] - half))
    assert worst < 0.02, "below a third of a cell of the maps, which are interpolated"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(-0.4, 0.4), st.sampled_from([0.02, 1.0, 100.0]))
def test_the_solid_fills_the_silhouette_and_stays_behind_the_surface(
    seed: int, shift: float, rough: float
) -> None:
    rng = np.random.default_rng(seed)
    _, _, coverage = ball_maps()
    bumps = np.cumsum(rng.normal(0, rough, (M, M)), 1).astype(np.float32)
    thickness = np.exp(rng.normal(-1, 0.5, (M, M))).astype(np.float32)
    field, extent = fuse_front(coarse(shift), 1.0, LEVEL, bumps, thickness, coverage, N, 3.0)
    full = field > LEVEL
    border = np.pad(coverage.reshape(N, 4 * M // N, N, 4 * M // N).mean((1, 3)), 0)
    assert full.any(0)[border == 1].all() and not full.any(0)[border == 0].any()
    first = grid(N)[full.argmax(0)] * extent
    lowest = max(-float(bumps.max()), -3.0)
    assert (first[full.any(0)] >= lowest - 2 * extent / N).all()


@settings(max_examples=15, deadline=None)
@given(st.floats(-0.3, 0.3))
def test_the_depth_of_the_coarse_solid_does_not_matter(shift: float) -> None:
    nearness, thickness, coverage = ball_maps()
    a, extent_a = fuse_front(coarse(0.0, 1.6), 1.6, LEVEL, nearness, thickness, coverage, N, 3.0)
    b, extent_b = fuse_front(coarse(shift, 1.6), 1.6, LEVEL, nearness, thickness, coverage, N, 3.0)
    for j, i in ((N // 2, N // 2), (N // 2, N // 3), (N // 3, N // 2)):
        assert crossings(a, extent_a, j, i) == pytest.approx(crossings(b, extent_b, j, i), abs=0.05)


def test_what_lies_behind_a_gap_is_kept_and_the_rest_of_the_first_part_is_not() -> None:
    """A plate before a wall; the coarse plate is three times too thick."""
    n = 32
    occupancy = np.zeros((n, n, n), np.float32)
    occupancy[4:13, 6:26, 6:26] = 1
    occupancy[22:28, 6:26, 6:26] = 1
    fine = np.abs(grid(96)) < 20 / n
    coverage = (fine[None] & fine[:, None]).astype(np.float32)
    front = np.full((M, M), -((4 / n) * 2 - 1), np.float32)
    field, extent = fuse_front(
        occupancy, 1.0, LEVEL, front, np.full((M, M), 0.15, np.float32), coverage, N, 3.0
    )
    found = crossings(field, extent, N // 2, N // 2)
    start = 4 / n * 2 - 1
    assert found[:2] == pytest.approx([start, start + 0.15], abs=0.02)
    assert found[2:] == pytest.approx([22 / n * 2 - 1, 28 / n * 2 - 1], abs=0.07)


def test_an_empty_silhouette_changes_nothing() -> None:
    nearness, thickness, coverage = ball_maps()
    solid = coarse()
    same, extent = fuse_front(solid, 1.5, LEVEL, nearness, thickness, 0 * coverage, N, 3.0)
    assert same is solid and extent == 1.5


def test_the_extent_is_bounded() -> None:
    nearness, thickness, coverage = ball_maps()
    assert fuse_front(coarse(), 1.0, LEVEL, nearness, 9 * thickness, coverage, N, 1.2)[1] == 1.2


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


def test_corrections_are_smooth_and_end_beyond_what_is_known() -> None:
    known = np.zeros((32, 32), bool)
    known[8:24, 4:20] = True
    out = correction(np.where(known, 0.3, np.nan), known, 64)
    assert np.allclose(out[20:44, 12:36], 0.3, atol=1e-6) and np.abs(out[:, 56:]).max() < 0.01


def test_trust_lies_between_the_two_solids() -> None:
    """A ball of the right shape at the wrong depths: half of the trust halves the error."""
    nearness, thickness, coverage = ball_maps()

    def depth(trust: float) -> float:
        maps = nearness, 2 * thickness, coverage
        field = front_fusion.fuse_front(coarse(), 1.0, LEVEL, *maps, N, 3.0, 1.0, trust)
        return float(np.ptp(crossings(*field, N // 2, N // 2)))

    half = [depth(trust) for trust in (1.0, 0.5, 0.0)]
    assert half[0] == pytest.approx(4 * RADIUS, abs=0.1) and half[2] == pytest.approx(2.5 * RADIUS, abs=0.15)
    assert half[1] == pytest.approx(np.sqrt(half[0] * half[2]), rel=0.03)
