"""Focal lengths that differ between photos of one size and are stated nowhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lift3d.geometry.sfm import zooms
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.features import open_workspace, read_keypoints, read_pairs
from lift3d.types import Image


def zoomed(focals: list[float], noise: float = 0.3, seed: int = 0) -> pycolmap.Reconstruction:
    """Photos of 640x480 around a cloud of points, each with its own focal length, in a model with one lens of 600 pixels."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 1, (300, 3))
    model = pycolmap.Reconstruction()
    lens = pycolmap.Camera(camera_id=1, model="SIMPLE_PINHOLE", width=640, height=480, params=[600, 320, 240])
    model.add_camera_with_trivial_rig(lens)
    tracks = [pycolmap.Track() for _ in points]
    for k, focal in enumerate(focals):
        angle, height = 2 * np.pi * k / len(focals), 0.3 * (k % 3)
        centre = np.array([5 * np.cos(angle), 5 * np.sin(angle), height])
        z = -centre / np.linalg.norm(centre)
        x = np.cross(z, [0, 0, 1])
        x /= np.linalg.norm(x)
        rotation = np.stack([x, np.cross(z, x), z])
        local = points @ rotation.T - rotation @ centre
        pixels = focal * local[:, :2] / local[:, 2:] + [320, 240] + rng.normal(0, noise, (len(points), 2))
        image = pycolmap.Image(name=f"{k}", keypoints=pixels, camera_id=1, image_id=k + 1)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(rotation), -rotation @ centre)
        model.add_image_with_trivial_frame(image, pose)
        for n, track in enumerate(tracks):
            track.add_element(k + 1, n)
    for xyz, track in zip(points, tracks):
        model.add_point3D(xyz, track)
    return model


def ids(model: pycolmap.Reconstruction) -> list[int]:
    return sorted(model.reg_image_ids())


@pytest.mark.slow
def test_three_zooms_are_told_apart() -> None:
    true = [600.0, 900.0, 450.0] * 4
    model = zoomed(true)
    found = zooms.photo_focals(model, ids(model))
    ratio = np.array([found[i] for i in ids(model)]) / true
    assert np.ptp(np.log(ratio)) < 0.02
    groups = zooms.zoom_groups([found[i] for i in ids(model)])
    assert sorted(groups) == [list(range(k, 12, 3)) for k in range(3)]


@pytest.mark.slow
def test_one_focal_length_stays_one() -> None:
    model = zoomed([600.0] * 12)
    assert zooms.photo_focals(model, ids(model)) == {} == zooms.photo_focals(model, [1, 2])


@pytest.mark.slow
def test_autofocus_is_no_zoom() -> None:
    """Focal lengths within three percent are supported by the evidence, and remain one lens."""
    model = zoomed([590.0, 600.0, 608.0] * 4)
    found = zooms.photo_focals(model, ids(model))
    assert len(zooms.zoom_groups(list(found.values()) or [600.0])) == 1


@given(
    zoom=st.lists(st.sampled_from([500.0, 640.0, 900.0, 1400.0]), min_size=1, max_size=30),
    jitter=st.floats(-0.01, 0.01),
)
def test_groups_are_those_of_the_zooms(zoom: list[float], jitter: float) -> None:
    focals = [f * np.exp(jitter * (-1) ** k) for k, f in enumerate(zoom)]
    groups = zooms.zoom_groups(focals)
    assert sorted(k for group in groups for k in group) == list(range(len(zoom)))
    assert {frozenset(group) for group in groups} == {
        frozenset(k for k, f in enumerate(zoom) if f == z) for z in set(zoom)
    }


def test_a_zoom_that_moves_gradually_gives_a_lens_to_each_photo() -> None:
    assert zooms.zoom_groups([500 * 1.02**k for k in range(12)]) == [[k] for k in range(12)]
    assert zooms.zoom_groups([]) == [[]] and zooms.zoom_groups([500.0, 505.0]) == [[0, 1]]


def test_the_new_workspace_has_the_same_matches(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    photos = [Image(rng.integers(0, 255, (60, 80, 3), dtype=np.uint8), name=f"{k}") for k in range(3)]
    space = open_workspace(tmp_path / "a", photos)
    database = pycolmap.Database.open(space.database)
    points = [rng.uniform(0, 60, (9, 2)).astype(np.float32) for _ in photos]
    for image_id, xy in zip(space.ids, points):
        database.write_keypoints(image_id, xy)
    geometry = pycolmap.TwoViewGeometry()
    geometry.config = pycolmap.TwoViewGeometryConfiguration.UNCALIBRATED
    geometry.inlier_matches = np.array([[0, 3], [2, 1]], np.uint32)
    database.write_two_view_geometry(space.ids[0], space.ids[2], geometry)
    database.close()
    new = zooms.with_lenses(space, tmp_path / "b", [[1], [0, 2]], [70.0, None, 70.0], "SIMPLE_PINHOLE")
    assert [p[:, :2].tolist() for p in read_keypoints(new)] == [p.tolist() for p in points]
    (pair,) = read_pairs(new)
    assert (pair.i, pair.j, pair.matches.tolist()) == (0, 2, [[0, 3], [2, 1]])
    database = pycolmap.Database.open(new.database)
    lenses = {i.image_id: database.read_camera(i.camera_id) for i in database.read_all_images()}
    database.close()
    assert [lenses[i].mean_focal_length() for i in new.ids] == pytest.approx([70, 96, 70])
    assert [lenses[i].has_prior_focal_length for i in new.ids] == [True, False, True]
