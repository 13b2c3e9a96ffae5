"""The known part of an object: scaled, thinned and sampled evenly."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from lift3d.errors import InputError
from lift3d.geometry.completion.partial_surface import (
    MIN_POINTS,
    SAMPLES,
    partial_surface,
    require_not_flat,
    square_sizes,
    thin_points,
)
from lift3d.geometry.mesh.distances import sample_surface
from lift3d.types import Points


def box_points(count: int = 4000, seed: int = 0) -> Points:
    box = trimesh.creation.box((2, 1, 0.8))
    p, n, _ = sample_surface(
        np.asarray(box.vertices), np.asarray(box.faces), count, np.random.default_rng(seed)
    )
    return Points(p, n.astype(np.float32), unit="m")


def test_thinning_keeps_the_sides_of_a_plate_apart() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 1, (4000, 2))
    side = rng.choice([-1.0, 1.0], 4000)
    p, n = np.column_stack([xy, 0.001 * side]), np.column_stack([np.zeros((4000, 2)), side])
    q, m, colours = thin_points(p, n, rng.integers(0, 255, (4000, 3)).astype(np.uint8), 0.1)
    assert len(q) == 200 and np.allclose(np.abs(m[:, 2]), 1) and np.allclose(q[:, 2], 0.001 * m[:, 2])
    assert colours is not None and colours.shape == (200, 3)


def test_thinning_averages_the_points_of_each_cell() -> None:
    """Against a slow twin that visits the points one by one."""
    cloud = box_points(600)
    assert cloud.normals is not None
    normals = cloud.normals.astype(np.float64)
    step = 0.3
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, (p, n) in enumerate(zip(cloud.xyz, normals)):
        axis = int(np.abs(n).argmax())
        cell = tuple(np.floor((p - cloud.xyz.min(0)) / step).astype(int)) + (2 * axis + int(n[axis] > 0),)
        groups.setdefault(cell, []).append(i)
    means = np.array([cloud.xyz[rows].mean(0) for rows in groups.values()])
    thinned, unit, _ = thin_points(cloud.xyz, normals, None, step)
    order = lambda points: points[np.lexsort(points.T)]  # noqa: E731
    np.testing.assert_allclose(order(thinned), order(means), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1)


def test_the_squares_of_points_have_the_area_of_the_surface() -> None:
    box = trimesh.creation.box()
    p, _, _ = sample_surface(np.asarray(box.vertices), np.asarray(box.faces), 5000, np.random.default_rng(0))
    assert (square_sizes(p) ** 2).sum() == pytest.approx(6, rel=0.15)


@pytest.mark.parametrize("source", ["mesh", "points"])
def test_the_frame_is_undone_by_scale_and_centre(source: str) -> None:
    place, scale = np.array([100.0, -20.0, 5.0]), 37.0
    if source == "mesh":
        mesh = trimesh.creation.box((2, 1, 0.8))
        mesh.apply_scale(scale)
        mesh.apply_translation(place)
        known = partial_surface(mesh)
    else:
        cloud = box_points()
        known = partial_surface(Points(scale * cloud.xyz + place, cloud.normals, unit="m"))
        assert known.unit == "m"
    assert known.scale == pytest.approx(2 * scale, rel=0.01)
    np.testing.assert_allclose(known.centre, place, atol=0.02 * scale)
    assert np.ptp(known.samples.xyz, axis=0).max() == pytest.approx(1, abs=0.02)
    assert SAMPLES[0] <= len(known.samples) <= SAMPLES[1] or source == "points"
    assert known.samples.normals is not None
    np.testing.assert_allclose(np.linalg.norm(known.samples.normals, axis=1), 1, atol=1e-5)
    # samples lie on the box, and their normals point outward
    outward = (known.samples.xyz * known.samples.normals).sum(1)
    assert (outward > 0.15).mean() > 0.97


def test_too_little_is_refused() -> None:
    cloud = box_points()
    with pytest.raises(InputError, match="no points"):
        partial_surface(Points(np.zeros((0, 3)), np.zeros((0, 3), np.float32)))
    with pytest.raises(InputError, match=f"only {MIN_POINTS - 1}"):
        partial_surface(Points(cloud.xyz[: MIN_POINTS - 1], cloud.normals[: MIN_POINTS - 1]))  # type: ignore[index]
    with pytest.raises(InputError, match="no normals"):
        partial_surface(Points(cloud.xyz))
    with pytest.raises(InputError, match="one position"):
        partial_surface(Points(np.ones((200, 3)), np.tile([0, 0, 1], (200, 1)).astype(np.float32)))
    with pytest.raises(InputError, match="no faces with an area"):
        partial_surface(trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [[0, 1, 2]], process=False))


def test_a_flat_part_is_refused_and_a_curved_one_is_not() -> None:
    rng = np.random.default_rng(0)
    xy = rng.uniform(-1, 1, (500, 2))
    up = np.tile([0, 0, 1], (500, 1)).astype(np.float32)
    with pytest.raises(InputError, match="flat"):
        require_not_flat(partial_surface(Points(np.column_stack([xy, np.zeros(500)]), up)))
    dome = np.column_stack([xy, 0.3 * (xy**2).sum(1)])
    require_not_flat(partial_surface(Points(dome, up)))
