"""Lens models chosen by evidence, on synthetic reconstructions with known lenses."""

from __future__ import annotations

import numpy as np
import pytest

from lift3d.geometry.sfm import lens
from lift3d.geometry.sfm.colmap import pycolmap


def reconstruction(
    model: str, params: list[float], photos: int = 14, noise: float = 0.4
) -> pycolmap.Reconstruction:
    """A synthetic set of 640x480 photos with a known lens and Gaussian noise in pixels."""
    pycolmap.set_random_seed(3)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_cameras_per_rig, options.num_frames_per_rig = 1, 1, photos
    options.num_points3D = 250
    options.camera_width, options.camera_height = 640, 480
    options.camera_model_id = getattr(pycolmap.CameraModelId, model)
    options.camera_params = params
    out = pycolmap.synthesize_dataset(options)
    if noise:
        jitter = pycolmap.SyntheticNoiseOptions()
        jitter.point2D_stddev = noise
        pycolmap.synthesize_noise(jitter, out)
    return out


def simplified(model: pycolmap.Reconstruction, name: str) -> pycolmap.Reconstruction:
    """The reconstruction with a simpler lens, adjusted."""
    for camera in model.cameras.values():
        p = list(camera.params)
        camera.model = getattr(pycolmap.CameraModelId, name)
        camera.params = p[: {"SIMPLE_PINHOLE": 3, "SIMPLE_RADIAL": 4}[name]]
    lens.bundle_adjust(model, principal_point=False)
    return model


def only(model: pycolmap.Reconstruction) -> pycolmap.Camera:
    (camera,) = model.cameras.values()
    return camera


@pytest.mark.slow
def test_a_lens_without_distortion_stays_a_pinhole() -> None:
    model = simplified(reconstruction("SIMPLE_PINHOLE", [600, 320, 240]), "SIMPLE_PINHOLE")
    found = only(lens.refine_lens(model))
    assert found.model_name == "SIMPLE_PINHOLE" and found.focal_length == pytest.approx(600, rel=0.01)


@pytest.mark.slow
def test_distortion_is_found_where_there_is_some() -> None:
    model = simplified(reconstruction("SIMPLE_RADIAL", [500, 320, 240, -0.12]), "SIMPLE_PINHOLE")
    found = only(lens.refine_lens(model, principal_point=False))
    assert found.model_name in ("SIMPLE_RADIAL", "RADIAL")
    assert lens.distortion_of(found)[0] == pytest.approx(-0.12, abs=0.02) and lens.is_sound(found)


@pytest.mark.slow
def test_a_second_coefficient_needs_twelve_photos() -> None:
    few = reconstruction("RADIAL", [600, 320, 240, -0.15, 0.05], photos=8)
    found = only(lens.refine_lens(simplified(few, "SIMPLE_RADIAL")))
    assert found.model_name == "SIMPLE_RADIAL"


@pytest.mark.slow
def test_a_lens_that_folds_before_the_corner_is_bounded() -> None:
    """A wide lens with two coefficients, found with one: the picture would fold before its corner."""
    model = simplified(reconstruction("RADIAL", [450, 320, 240, -0.25, 0.08], photos=8), "SIMPLE_RADIAL")
    assert not lens.is_sound(only(model))
    found = only(lens.refine_lens(model))
    assert lens.is_sound(found) and found.mean_focal_length() == pytest.approx(450, rel=0.01)
    away = simplified(reconstruction("SIMPLE_PINHOLE", [600, 320, 240], photos=5), "SIMPLE_PINHOLE")
    only(away).model = pycolmap.CameraModelId.RADIAL
    only(away).params = [600, 320, 240, 0.9, -12.9]
    assert lens.is_sound(only(lens.refine_lens(away, principal_point=False)))


def camera(model: str, params: list[float]) -> pycolmap.Camera:
    return pycolmap.Camera(camera_id=1, model=model, width=640, height=480, params=params)


@pytest.mark.parametrize(
    "model, params, sound",
    [
        ("SIMPLE_PINHOLE", [600, 320, 240], True),
        ("SIMPLE_RADIAL", [600, 320, 240, -0.2], True),
        ("SIMPLE_RADIAL", [400, 320, 240, -0.6], False),  # folds before the corner
        ("RADIAL", [900, 320, 240, 0.9, -12.9], False),  # the coefficients of a set with masks
        ("RADIAL", [450, 320, 240, -0.25, 0.08], True),
        ("SIMPLE_RADIAL", [300, 320, 240, 0.9], False),  # monotone, but twice as wide at the corner
    ],
)
def test_a_sound_lens_is_monotone_up_to_the_corner(model: str, params: list[float], sound: bool) -> None:
    assert lens.is_sound(camera(model, params)) is sound


def test_noise_supports_no_parameter() -> None:
    rng = np.random.default_rng(0)
    before = (rng.normal(0, 0.5, (4000, 2)) ** 2).sum(1)
    assert not lens.supported(before, before, 1)
    assert not lens.supported(before, 0.9995 * before, 1)
    assert lens.supported(before, 0.95 * before, 1)


def test_features_in_the_middle_call_for_a_pinhole() -> None:
    assert lens.first_lens(0.3) == "SIMPLE_PINHOLE" and lens.first_lens(0.8) == "SIMPLE_RADIAL"
