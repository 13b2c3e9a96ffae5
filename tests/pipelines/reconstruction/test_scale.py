"""The real size of a model: from a height, a width, or two marks in a photo seen through its lens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from stub_maps import ring_camera

from lift3d.errors import InputError
from lift3d.pipelines.reconstruction.scale import Marks, Scale, mark_pixels, photo_named
from lift3d.types import Image, PhotoStatus, Points, Views


def ring(distortion: tuple[float, ...] = ()) -> Views:
    """Four cameras around the origin, working size 160 x 120, photos of 640 x 480."""
    cameras = tuple(ring_camera(a, 160, 120) for a in (0.0, 1.5, 3.0, 4.5))
    images = tuple(
        Image(np.zeros((120, 160, 3), np.uint8), f"shots/IMG_{i}.jpg", original_size=(640, 480))
        for i in range(4)
    )
    photos = ()
    if distortion:
        photos = tuple(
            PhotoStatus(image.name, True, lens=replace(camera, distortion=distortion))
            for image, camera in zip(images, cameras)
        )
    return Views(images, cameras, Points(np.zeros((0, 3))), np.zeros((0, 2), np.int32), None, photos)


def box() -> trimesh.Trimesh:
    return trimesh.creation.box((1.0, 2.0, 0.5))


@pytest.mark.parametrize(("scale", "factor"), [(Scale(height=0.25), 0.5), (Scale(width=0.5), 0.25)])
def test_height_is_along_z_and_width_is_the_larger_horizontal_extent(scale: Scale, factor: float) -> None:
    found, how = scale.factor(box(), ring())
    assert found == pytest.approx(factor)
    assert ("Z, up" in how) == (scale.height is not None) and ("along Y" in how) == (scale.width is not None)


def pixels_of(views: Views, index: int, points: np.ndarray) -> np.ndarray:
    """Pixels of the original photo that show `points`, for a pinhole camera."""
    camera = views.cameras[index]
    p = points @ camera.R.T + camera.t
    uv = p[:, :2] / p[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    return uv * 4.0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.floats(0.05, 5.0), st.integers(0, 1000))
def test_two_marks_on_the_surface_give_the_metres_between_them(index: int, metres: float, seed: int) -> None:
    views, sphere = ring(), trimesh.creation.icosphere(4)
    rng = np.random.default_rng(seed)
    towards = views.cameras[index].centre / np.linalg.norm(views.cameras[index].centre)
    points = towards + 0.5 * rng.normal(size=(2, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    if np.linalg.norm(points[0] - points[1]) < 0.2 or (points @ towards < 0.5).any():
        return
    first, second = pixels_of(views, index, points)
    marks = Marks(views.images[index].name, tuple(first), tuple(second), metres)
    factor, how = Scale(marks=marks).factor(sphere, views, mark_pixels(marks, views))
    assert factor == pytest.approx(metres / np.linalg.norm(points[0] - points[1]), rel=0.02)
    assert views.images[index].name in how


def test_marks_pass_through_the_lens_model() -> None:
    k1, k2, p1, p2 = -0.2, 0.05, 0.001, -0.002
    views = ring((k1, k2, p1, p2))
    camera = views.cameras[1]
    x, y = 0.21, -0.13  # undistorted, normalised
    r = x * x + y * y
    radial = 1 + k1 * r + k2 * r * r
    bent = np.array([x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x),
                     y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y])  # fmt: skip
    photo = (bent * [camera.fx, camera.fy] + [camera.cx, camera.cy]) * 4
    marks = Marks("IMG_1", tuple(photo), (320.0, 240.0), 1.0)
    expected = [x * camera.fx + camera.cx, y * camera.fy + camera.cy]
    np.testing.assert_allclose(mark_pixels(marks, views)[0], expected, atol=1e-3)


def test_marks_off_the_photo_or_off_the_surface_are_one_sentence() -> None:
    views = ring()
    with pytest.raises(InputError, match="640 x 480"):
        mark_pixels(Marks("IMG_0", (700.0, 10.0), (5.0, 5.0), 1.0), views)
    marks = Marks("IMG_0", (1.0, 1.0), (320.0, 240.0), 1.0)
    with pytest.raises(InputError, match="first mark misses"):
        Scale(marks=marks).factor(box(), views, mark_pixels(marks, views))


def test_a_flat_model_has_no_height() -> None:
    flat = trimesh.Trimesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]], process=False)
    with pytest.raises(InputError, match="no extent"):
        Scale(height=1.0).factor(flat, ring())


def test_photos_are_found_with_or_without_folder_and_ending() -> None:
    names = ["a/IMG_1.jpg", "a/IMG_2.jpg", "b/IMG_2.png"]
    assert (
        photo_named(names, "a/IMG_1.jpg")
        == photo_named(names, "IMG_1.jpg")
        == photo_named(names, "IMG_1")
        == 0
    )
    assert photo_named(names, "IMG_2.png") == 2
    for name in ("IMG_2", "IMG_3", ""):
        with pytest.raises(InputError, match="no photo is called"):
            photo_named(names, name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("IMG.jpg,1,2,3,4", "two marks"),
        ("IMG.jpg,1,2,3,x,12cm", "two marks"),
        ("IMG.jpg,1,2,1,2,12cm", "different pixels"),
        ("IMG.jpg,1,2,nan,4,12cm", "different pixels"),
        ("IMG.jpg,1,2,3,4,12", "no unit"),
        ("", "two marks"),
    ],
)
def test_marks_that_cannot_be_parsed_are_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Marks.parse(text)


def test_marks_are_parsed_and_a_photo_may_have_commas_in_its_name() -> None:
    assert Marks.parse("a,b.jpg, 1,2 ,3,4,12cm") == Marks("a,b.jpg", (1.0, 2.0), (3.0, 4.0), 0.12)


def test_only_one_size_may_be_given() -> None:
    with pytest.raises(InputError, match="only one"):
        Scale(height=1.0, width=2.0)
    assert not Scale().is_given and Scale(width=1.0).is_given
