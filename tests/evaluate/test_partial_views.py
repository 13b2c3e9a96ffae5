"""Partial surfaces of a sphere and of a step: which part remains, and that it lies on the whole surface."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.evaluate.partial_views import CUT_FRACTION, cut_by_plane, make_partial, view_from_side

SPHERE = trimesh.creation.icosphere(4, 1.0)
V, F = np.asarray(SPHERE.vertices), np.asarray(SPHERE.faces)
POINTS = np.random.default_rng(0).normal(size=(4000, 3))
POINTS /= np.linalg.norm(POINTS, axis=1, keepdims=True)


def step() -> trimesh.Trimesh:
    """A tower on a wide plate."""
    plate, tower = trimesh.creation.box((2, 2, 0.1)), trimesh.creation.box((0.4, 0.4, 1.0))
    tower.apply_translation((0, 0, 0.6))
    whole: trimesh.Trimesh = trimesh.util.concatenate([plate, tower])
    return whole


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31))
def test_a_cut_of_a_sphere_is_a_cap_with_30_to_60_percent_of_its_area(seed: int) -> None:
    part = cut_by_plane(V, F, POINTS, np.random.default_rng(seed))
    assert CUT_FRACTION[0] - 0.03 < part.area / SPHERE.area < CUT_FRACTION[1] + 0.03
    assert not part.is_watertight
    # the cap above height h has the area 2 pi (1 - h): the plane follows from the area alone
    centre = part.triangles_center
    axis = (centre * part.area_faces[:, None]).sum(0)
    axis /= np.linalg.norm(axis)
    assert (part.vertices @ axis).min() == pytest.approx(1 - 2 * part.area / SPHERE.area, abs=0.02)


def test_the_cut_keeps_the_surface_and_its_orientation() -> None:
    part = cut_by_plane(V, F, POINTS, np.random.default_rng(1))
    assert (part.face_normals * part.triangles_center).sum(1).min() > 0.99
    radius = np.linalg.norm(part.vertices, axis=1)
    assert radius.min() > np.cos(0.1) and radius.max() < 1 + 1e-9


def test_a_depth_camera_sees_the_near_side_of_a_sphere_with_normals_towards_it() -> None:
    for azimuth, elevation in ((0.0, 0.0), (100.0, 40.0)):
        part = view_from_side(V, F, azimuth, elevation, pixels=64)
        assert np.linalg.norm(part.vertices, axis=1) == pytest.approx(1, abs=0.01)
        outward = (part.face_normals * part.triangles_center).sum(1)
        assert (outward > 0).all()
        # a camera sees less than a half, and the rest of the half is only the rim
        axis = part.triangles_center.mean(0)
        axis /= np.linalg.norm(axis)
        assert 0.6 < part.area / (SPHERE.area / 2) < 1 and (part.vertices @ axis).min() > 0
        assert np.degrees(np.arcsin(axis[2])) == pytest.approx(elevation, abs=2)


def test_azimuth_rotates_the_camera_about_the_vertical() -> None:
    axes = [view_from_side(V, F, azimuth, 0.0, pixels=48).triangles_center.mean(0) for azimuth in (20, 80)]
    angles = [np.degrees(np.arctan2(axis[1], axis[0])) for axis in axes]
    assert abs((angles[1] - angles[0] + 180) % 360 - 180) == pytest.approx(60, abs=2)


def test_no_triangle_joins_the_front_to_what_lies_behind_it() -> None:
    whole = step()
    v, f = np.asarray(whole.vertices), np.asarray(whole.faces)
    part = view_from_side(v, f, 0.0, 40.0)
    _, distance, _ = trimesh.proximity.closest_point_naive(whole, part.triangles_center[::40])
    assert distance.max() < 0.03
    # the tower hides a strip of the plate a metre deep, over which no edge passes
    assert part.edges_unique_length.max() < 0.2 < 1.0 < np.ptp(part.vertices[:, 0])


def test_the_choice_depends_on_the_index_and_the_mode_alone() -> None:
    for mode in ("cut", "view"):
        one, again, other = (make_partial(V, F, POINTS, mode, index) for index in (7, 7, 8))
        assert np.array_equal(one.vertices, again.vertices) and np.array_equal(one.faces, again.faces)
        assert one.vertices.shape != other.vertices.shape or not np.allclose(one.vertices, other.vertices)
    with pytest.raises(ValueError):
        make_partial(V, F, POINTS, "scan", 7)
