"""Holes of depth: planes are continued exactly, steps follow the colours, and what would bridge two surfaces stays a hole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rgbd_frames import frames_of, walk

from lift3d.geometry.rgbd.hole_filling import (
    COLOUR_SIGMA,
    LARGEST_RADIUS,
    WEAKEST,
    FilledFrames,
    _membrane,
    fill_holes,
    filled_frame,
)

H, W, FOCAL = 120, 160, 130.0
ROWS, COLUMNS = np.mgrid[:H, :W].astype(np.float64)
GREY = np.full((H, W, 3), 128, np.uint8)
RADIUS = LARGEST_RADIUS * W


def disc(row: float, column: float, radius: float) -> np.ndarray:
    return np.hypot(ROWS - row, COLUMNS - column) < radius


def plane(a: float, b: float, c: float) -> np.ndarray:
    """Depth of a plane: inverse depth is linear in the image."""
    return (1 / (a + b * COLUMNS + c * ROWS)).astype(np.float32)


@pytest.mark.parametrize("slope", [(0.0, 0.0), (1e-3, 0.0), (-8e-4, 1.2e-3)])
def test_a_plane_is_continued(slope: tuple[float, float]) -> None:
    z, hole = plane(0.5, *slope), disc(60, 70, 3.5) | disc(20, 120, 2.5)
    found, filled = fill_holes(np.where(hole, np.float32(0), z), GREY, FOCAL)
    assert np.array_equal(filled, hole)
    assert np.array_equal(found[~hole], z[~hole])
    assert np.abs(found[hole] / z[hole] - 1).max() < 2e-4


def test_a_step_follows_the_edge_of_the_colours() -> None:
    z = np.where(COLUMNS < 80, 1.0, 2.0).astype(np.float32)
    colour = np.where((COLUMNS < 80)[..., None], np.uint8(40), np.uint8(220)) * np.ones((1, 1, 3), np.uint8)
    hole = disc(60, 80, 3.5)
    found, filled = fill_holes(np.where(hole, np.float32(0), z), colour, FOCAL)
    assert filled[hole].mean() > 0.4  # pixels at the step itself stay unknown, as everywhere
    assert np.abs(found[filled] / z[filled] - 1).max() < 0.01


def test_no_surface_between_two_others_without_an_edge() -> None:
    z = np.where(COLUMNS < 80, 1.0, 2.0).astype(np.float32)
    hole = disc(60, 80, 3.5)
    found, filled = fill_holes(np.where(hole, np.float32(0), z), GREY, FOCAL)
    off = np.minimum(np.abs(found[filled] - 1), np.abs(found[filled] - 2))
    assert not (off > 0.1).any()


def test_wide_holes_and_those_at_the_border_stay() -> None:
    z = plane(0.5, 0, 0)
    wide, strip = disc(60, 70, 3 * RADIUS), COLUMNS < 3
    found, filled = fill_holes(np.where(wide | strip, np.float32(0), z), GREY, FOCAL)
    assert not filled.any() and not found[wide | strip].any()


def test_a_long_crack_is_narrow_and_filled() -> None:
    z, crack = plane(0.5, 5e-4, 0), (np.abs(ROWS - 60) < 2) & (COLUMNS > 20) & (COLUMNS < 140)
    assert np.array_equal(fill_holes(np.where(crack, np.float32(0), z), GREY, FOCAL)[1], crack)


@pytest.mark.parametrize("value", [0.0, 2.0])
def test_nothing_to_fill_and_nothing_to_fill_from(value: float) -> None:
    z = np.full((H, W), value, np.float32)
    found, filled = fill_holes(z, GREY, FOCAL)
    assert np.array_equal(found, z) and not filled.any()


def test_the_membrane_solves_its_equations() -> None:
    """A slow twin: at every unknown pixel the weighted differences to its neighbours cancel."""
    rng = np.random.default_rng(0)
    colour = rng.integers(100, 130, (20, 24, 3)).astype(np.uint8)
    values = rng.uniform(0.3, 0.8, (20, 24))
    unknown = np.zeros((20, 24), bool)
    unknown[5:12, 6:15] = True
    values[0:4] = 0
    found = np.where(unknown, _membrane(values, colour, unknown), values)
    for i, j in np.argwhere(unknown):
        total = 0.0
        for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
            if unknown[a, b] or values[a, b] > 0:
                off = colour[i, j].astype(float) - colour[a, b]
                bond = max(np.exp(-0.5 * (off**2).mean() / COLOUR_SIGMA**2), WEAKEST)
                total += bond * (found[a, b] - found[i, j])
        assert abs(total) < 1e-9
    assert values[values > 0].min() <= found[unknown].min() <= found[unknown].max() <= values.max()


def test_frames_are_filled_once_and_marked() -> None:
    frames = []
    for frame in frames_of(walk(2)):
        z = np.where(disc(70, 80, 3.5), np.float32(0), frame.depth.z)
        frames.append(replace(frame, depth=replace(frame.depth, z=z)))
    lazy = FilledFrames(frames)
    assert len(lazy) == 2 and lazy.share == 0
    for _ in range(2):
        for k in (0, 1):
            expected, found = filled_frame(frames[k]).depth, lazy[k].depth
            assert found.propagated is not None and expected.propagated is not None
            assert np.array_equal(found.z, expected.z)
            assert np.array_equal(found.propagated, expected.propagated)
            assert np.array_equal(found.z[~found.propagated], frames[k].depth.z[~found.propagated])
    marked = [filled_frame(f).depth.propagated for f in frames]
    assert lazy.share == np.mean(marked) > 0
    assert [f.image.name for f in lazy[:]] == [f.image.name for f in frames]
    assert lazy[-1].image.name == frames[1].image.name
    with pytest.raises(IndexError):
        lazy[2]
