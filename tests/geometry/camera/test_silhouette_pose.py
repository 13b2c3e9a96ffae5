"""Cameras from silhouettes: found again for a mesh without symmetry, and told apart by colours where silhouettes cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lift3d.geometry.camera.colour_agreement import compare_colours
from lift3d.geometry.camera.orbit import orbit_camera
from lift3d.geometry.camera.silhouette_pose import _crop_mask, poses_from_silhouette
from lift3d.geometry.image.crop import Crop
from lift3d.geometry.render.rasterizer import rasterize
from lift3d.pipelines.reconstruction.photo_poses import PlacedPhoto, place_photo
from lift3d.types import Camera, Image, Mesh


def scene() -> Mesh:
    """A table with a tower on one corner and a beam to one side: no two directions look the same."""
    parts = [
        trimesh.creation.box((2, 1.4, 0.3), trimesh.transformations.translation_matrix([0, 0, 0.15])),
        trimesh.creation.box((0.4, 0.4, 1.6), trimesh.transformations.translation_matrix([0.7, 0.4, 1.0])),
        trimesh.creation.box(
            (0.25, 1.0, 0.25), trimesh.transformations.translation_matrix([-0.7, -1.0, 0.4])
        ),
    ]
    return trimesh.util.concatenate(parts)


def angle(a: Camera, b: Camera) -> float:
    return math.degrees(math.acos(min((float(np.trace(a.R @ b.R.T)) - 1) / 2, 1.0)))


def picture(mesh: Mesh, camera: Camera, colours: np.ndarray) -> Image:
    """The mesh with one colour for each face."""
    face, _, _ = rasterize(camera, np.asarray(mesh.vertices), np.asarray(mesh.faces))
    rgb = np.where((face >= 0)[..., None], colours[np.maximum(face, 0)], 255).astype(np.uint8)
    return Image(rgb, "photo", mask=face >= 0)


@example(azimuth=4.0, elevation=2.0, focal=729.0)
@example(azimuth=277.6, elevation=-7.9, focal=965.6)
@settings(max_examples=8, deadline=None)
@given(azimuth=st.floats(0, 359), elevation=st.floats(-10, 60), focal=st.floats(400, 1200))
def test_the_camera_is_found_again(azimuth: float, elevation: float, focal: float) -> None:
    mesh = scene()
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    camera = orbit_camera(v, azimuth, elevation, 320, 240, focal, 0.8)
    mask = rasterize(camera, v, f)[0] >= 0
    poses = poses_from_silhouette(v, f, mask, camera.K)
    assert poses[0].iou > 0.93 and [p.iou for p in poses] == sorted((p.iou for p in poses), reverse=True)
    assert min(angle(p.camera, camera) for p in poses if p.iou > poses[0].iou - 0.04) < 12


def test_a_wrong_focal_length_hardly_matters() -> None:
    mesh = scene()
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    camera = orbit_camera(v, 40, 20, 320, 240, 700, 0.8)
    mask = rasterize(camera, v, f)[0] >= 0
    k = camera.K.copy()
    k[0, 0] = k[1, 1] = 400
    best = poses_from_silhouette(v, f, mask, k)[0]
    assert best.iou > 0.93 and angle(best.camera, camera) < 10


def test_empty_inputs_are_refused() -> None:
    mesh = scene()
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    with pytest.raises(ValueError):
        poses_from_silhouette(v, f, np.zeros((20, 20), bool), np.eye(3))
    with pytest.raises(ValueError):
        poses_from_silhouette(v, f[:0], np.ones((20, 20), bool), np.eye(3))


def test_the_crop_of_a_mask_ends_at_the_photo() -> None:
    mask = np.ones((10, 20), bool)
    out = _crop_mask(mask, Crop(0, 5, 5), 10)
    assert not out[:, :5].any() and out[:, 5:].all()


def test_colours_tell_the_front_from_the_back_of_a_box() -> None:
    mesh = trimesh.creation.box((1, 0.6, 1.2)).subdivide().subdivide()
    v, f = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    normals = np.asarray(mesh.face_normals)
    rng = np.random.default_rng(0)
    colours = np.where((normals[:, 1] > 0.5)[:, None], [220, 40, 40], [60, 90, 200]) + rng.integers(
        -35, 35, (len(f), 1)
    )
    colours = colours.clip(0, 255)
    first, back = (orbit_camera(v, a, 8, 256, 256, 400, 0.8) for a in (80, 260))
    near = orbit_camera(v, 95, 8, 256, 256, 400, 0.8)
    known = PlacedPhoto(picture(mesh, first, colours), first, 1.0)
    same = compare_colours(v, f, (known.image, first), (picture(mesh, near, colours), near))
    assert same.overlap > 0.8 and same.difference is not None and same.difference < 0.4
    wrong = compare_colours(v, f, (known.image, first), (picture(mesh, back, colours), first))
    assert wrong.difference is not None and wrong.difference > 0.6
    for camera in (back, near):
        found = place_photo(mesh, picture(mesh, camera, colours), (known,))
        assert found is not None and found.iou > 0.93 and angle(found.camera, camera) < 15
    flat = np.full_like(colours, 128)
    plain = compare_colours(v, f, (picture(mesh, first, flat), first), (picture(mesh, near, flat), near))
    assert plain.difference is None, "colours of one tone tell nothing"
