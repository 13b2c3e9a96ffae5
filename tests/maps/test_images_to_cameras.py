"""Cameras of a small rendered room against the truth; one clear sentence for each way to fail."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from box_room import arc, look_at, photos, rectangles, render, turntable  # noqa: E402
from scipy.ndimage import gaussian_filter

from lift3d.context import Context
from lift3d.errors import CaptureError, InputError
from lift3d.geometry.camera.projection import project
from lift3d.geometry.camera.turn import rotate_camera
from lift3d.geometry.camera.up_direction import up_direction
from lift3d.geometry.metrics.points import umeyama
from lift3d.geometry.sfm import mapper as sfm
from lift3d.geometry.sfm.colmap import pycolmap
from lift3d.geometry.sfm.known_cameras import views_from_cameras
from lift3d.geometry.sfm.sharpness import BLURRED
from lift3d.io.camera.transforms import write_transforms
from lift3d.maps.images_to_cameras import NAME, ImagesToCameras
from lift3d.pipelines.reconstruction.multi_view import KnownCameras
from lift3d.types import Image, Photos, Points, Views

CAMERAS = arc(6)


@cache
def room() -> tuple[Image, ...]:
    return photos(CAMERAS)


def blurred(image: Image, sigma: float = 6.0) -> Image:
    soft = gaussian_filter(image.pixels.astype(float), (sigma, sigma, 0))
    return replace(image, pixels=np.clip(soft, 0, 255).astype(np.uint8))


@cache
def solved():
    context = Context()
    return ImagesToCameras()(Photos(room()), context), context.report[NAME]


@pytest.mark.slow
def test_cameras_are_found_where_they_stood():
    views, report = solved()
    assert len(views) == 6 and report["registered"] == 6
    found = np.array([c.centre for c in views.cameras])
    truth = np.array([c.centre for c in CAMERAS])
    s, r, t = umeyama(found, truth)
    assert np.linalg.norm(s * found @ r.T + t - truth, axis=1).max() < 0.03
    turns = [np.trace(c.R @ r.T @ w.R.T) for c, w in zip(views.cameras, CAMERAS)]
    assert np.degrees(np.arccos(np.clip((np.array(turns) - 1) / 2, -1, 1))).max() < 0.5


@pytest.mark.slow
def test_points_lie_where_the_views_see_them():
    views, report = solved()
    points, observations = views.points, views.observations
    assert len(points) > 500 and points.colours.shape == points.xyz.shape
    assert observations.min() >= 0 and observations.max(0).tolist()[0] < len(views)
    assert len(np.unique(observations, axis=0)) == len(observations)
    assert set(observations[:, 1].tolist()) == set(range(len(points)))
    for k, camera in enumerate(views.cameras):
        uv, z = project(camera, points.xyz[observations[observations[:, 0] == k, 1]])
        assert (z > 0).all() and (uv > -1).all() and (uv < [camera.width + 1, camera.height + 1]).all()
    assert report["reprojection_error"] < 0.5


@pytest.mark.slow
def test_the_report_is_plain_json():
    report = json.loads(json.dumps(solved()[1]))
    assert [row["status"] for row in report["photos"]] == ["registered"] * 6
    assert {"points", "track_length", "intrinsics", "diagnosis"} <= set(report)


@pytest.mark.slow
def test_same_photos_and_seed_give_the_same_bytes():
    first, second = solved()[0], ImagesToCameras()(Photos(room()))
    assert first.points.xyz.tobytes() == second.points.xyz.tobytes()
    assert first.observations.tobytes() == second.observations.tobytes()
    for a, b in zip(first.cameras, second.cameras):
        assert a.world_to_camera.tobytes() == b.world_to_camera.tobytes() and a.fx == b.fx


@pytest.mark.slow
def test_each_photo_left_out_has_its_reason():
    scene = rectangles(1)
    flat = Image(np.full((300, 400, 3), 120, np.uint8), name="flat")
    extra = (
        render(CAMERAS[1], rectangles(9), "stranger", seed=3),
        replace(room()[0], name="copy"),
        flat,
        blurred(render(CAMERAS[2], scene, "blurred", seed=9), 9.0),
    )
    context = Context()
    views = ImagesToCameras(retries=0)(Photos(room() + extra), context)
    assert len(views) == 6
    reasons = {row["name"]: row["reason"] for row in context.report[NAME]["photos"][6:]}
    assert reasons == {
        "stranger": "no overlap",
        "copy": "duplicate",
        "flat": "few features",
        "blurred": "blur",
    }
    assert all(row["advice"] for row in context.report[NAME]["photos"][6:])


@pytest.mark.slow
@pytest.mark.parametrize("backdrop", ["room", "black", "white"])
def test_the_cameras_of_a_turntable_come_from_what_moves(backdrop):
    """The textured room has ten times the features of the object; all cameras would stand in one place."""
    images, truth = turntable(8, backdrop)
    context = Context()
    views = ImagesToCameras()(Photos(tuple(images)), context)
    assert len(views) == 8
    found, true = (np.array([c.centre for c in cameras]) for cameras in (views.cameras, truth))
    s, r, t = umeyama(found, true)
    assert np.linalg.norm(s * found @ r.T + t - true, axis=1).max() < 0.08
    up = up_direction(views.cameras).direction
    assert np.degrees(np.arccos(min((r @ up)[2], 1))) < 2
    note = context.report[NAME]["turntable"]
    assert (note is not None) == (backdrop == "room")
    assert len(views.background) == 8
    for still, camera in zip(views.background, truth):
        (v, u) = (
            project(camera, np.array([[0.0, 0.0, 0.7], [0, 0, 0.4], [0.2, 0.1, 0.3]]))[0].astype(int).T[::-1]
        )
        assert not still[v, u].any() and 0.3 < still.mean() < 0.9


@pytest.mark.slow
def test_a_still_camera_before_a_still_room_is_refused():
    images, _ = turntable(5, "room", step=0.0)
    lit = [
        replace(i, pixels=np.clip(i.pixels * (0.7 + 0.06 * k), 0, 255).astype(np.uint8))
        for k, i in enumerate(images)
    ]
    assert "the camera stood still" in refusal(lit, retries=0)


def test_a_photo_tied_by_few_points_is_taken_out():
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 6, 1, 1
    options.num_points3D = 200
    model = pycolmap.synthesize_dataset(options)
    assert sfm.drop_weakly_connected(model) == [] and model.num_reg_images() == 6
    loose = sorted(model.reg_image_ids())[2]
    tied = [index for index, point in enumerate(model.images[loose].points2D) if point.has_point3D()]
    for index in tied[5:]:
        model.delete_observation(loose, index)
    assert sfm.drop_weakly_connected(model) == [loose] and loose not in model.reg_image_ids()


def refusal(images, **options) -> str:
    with pytest.raises(CaptureError) as caught:
        ImagesToCameras(**options)(Photos(tuple(images)))
    assert caught.value.advice and str(caught.value).count(". ") == 0
    return str(caught.value)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_photos(count):
    assert "at least 3 positions" in refusal(room()[:count])


def test_identical_photos():
    assert "identical" in refusal([room()[0]] * 5)


@pytest.mark.slow
def test_a_blurred_set_is_searched_and_called_blurred():
    """Blur alone does not end a search, it is reported."""
    views = ImagesToCameras(retries=0)(Photos(tuple(blurred(image) for image in room())))
    assert all(status.sharpness < BLURRED for status in views.photos)


@pytest.mark.slow
def test_photos_without_texture():
    plain = [Image(np.full((300, 400, 3), 60 + 20 * k, np.uint8)) for k in range(4)]
    assert "texture" in refusal(plain, retries=0)


@pytest.mark.slow
def test_unrelated_photos():
    strangers = [render(CAMERAS[2], rectangles(20 + k), str(k), seed=k) for k in range(4)]
    assert "show the same object" in refusal(strangers, retries=0)


@pytest.mark.slow
def test_turning_on_the_spot():
    scene, spot = rectangles(1), np.array([0.3, -2.6, 1.2])
    turned = [look_at(spot, spot + [np.sin(a), np.cos(a), -0.35]) for a in np.radians([-24, -12, 0, 12, 24])]
    assert "rotated on the spot" in refusal(render(c, scene, str(k), seed=k) for k, c in enumerate(turned))


@pytest.mark.slow
def test_known_cameras_are_kept_and_points_triangulated():
    views, figures = views_from_cameras(Photos(room()), CAMERAS, unit="m")
    assert all(np.array_equal(a.world_to_camera, b.world_to_camera) for a, b in zip(views.cameras, CAMERAS))
    assert views.unit == "m" and len(views.points) > 500
    floor = np.abs(views.points.xyz[:, 2]).min()
    assert floor < 1e-2 and views.points.xyz[:, 2].min() > -0.1
    assert figures["epipolar_agreement"] > 0.9


@pytest.mark.slow
def test_the_unit_of_known_cameras_is_kept(tmp_path):
    photos = tuple(replace(image, name=f"{i}.jpg") for i, image in enumerate(room()))
    none = Points(np.zeros((0, 3)))
    for unit in (None, "m"):
        given = Views(photos, tuple(CAMERAS), none, np.zeros((0, 2), np.int32), unit)
        write_transforms(given, tmp_path / "transforms.json")
        views = KnownCameras(tmp_path / "transforms.json")(Photos(photos))
        assert views.unit == views.points.unit == unit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("orientation", "cameras_of"),
    [(2, "stored"), (3, "stored"), (3, "upright"), (4, "stored"), (6, "stored")],
)
def test_cameras_of_photos_that_exif_turns(tmp_path, orientation, cameras_of):
    """The matches of the rendered room decide which pictures the cameras are of; the poses come out as they were made."""
    mirrored = orientation in (2, 4)
    images = []
    for i, image in enumerate(room()):
        upright = image.pixels[:, ::-1] if mirrored else image.pixels
        images.append(
            replace(image, pixels=np.ascontiguousarray(upright), name=f"{i}.jpg", orientation=orientation)
        )
    turns = (
        {2: 0, 3: 2, 4: 2, 6: 3}[orientation] if cameras_of == "stored" else 0
    )  # from the upright to the stored picture
    given = [rotate_camera(c, turns) for c in CAMERAS]
    blank = [Image(np.zeros((c.height, c.width, 3), np.uint8), f"{i}.jpg") for i, c in enumerate(given)]
    none = Points(np.zeros((0, 3)))
    write_transforms(
        Views(tuple(blank), tuple(given), none, np.zeros((0, 2), np.int32)), tmp_path / "transforms.json"
    )
    context = Context()
    views = KnownCameras(tmp_path / "transforms.json")(Photos(tuple(images)), context)
    assert (
        context.report[NAME]["cameras_of"] == cameras_of and context.report[NAME]["epipolar_agreement"] > 0.9
    )
    for view, image, camera, truth in zip(views.images, room(), views.cameras, CAMERAS):
        assert np.array_equal(view.pixels, image.pixels)
        assert np.allclose(camera.world_to_camera, truth.world_to_camera) and np.allclose(camera.K, truth.K)
    assert len(views.warnings) == (cameras_of == "stored") + mirrored


@pytest.mark.slow
def test_cameras_of_other_photos_are_refused():
    with pytest.raises(InputError, match="do not match"):
        views_from_cameras(Photos(room()), CAMERAS[2:] + CAMERAS[:2])
    with pytest.raises(InputError, match="cameras given"):
        views_from_cameras(Photos(room()), CAMERAS[1:])
    with pytest.raises(InputError, match="400x300"):
        views_from_cameras(Photos(room()), [replace(c, width=800, height=600) for c in CAMERAS])


@pytest.mark.slow
def test_the_engine_leaves_the_signal_handlers_alone():
    """pycolmap's logging would print a stack trace on SIGTERM, and the clean-ups would not run."""
    program = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "import lift3d.maps.images_to_cameras\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 143 and done.stderr == ""
