"""Prediction from photos: a network with a known answer, its reflection, and the frame of the prediction."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lift3d.geometry.image.crop import Crop  # noqa: E402
from lift3d.geometry.voxels.view_frame import ViewFrame  # noqa: E402
from lift3d.inference.single_view import (  # noqa: E402
    MAX_DEPTH_EXTENT,
    SingleViewPrediction,
    photo_similarity,
    predict_view,
)
from lift3d.inference.torch_network import TorchNetwork  # noqa: E402
from lift3d.nets.views_to_volume import GRID_SIZE  # noqa: E402

K = np.array([[100, 0, 64], [0, 100, 64], [0, 0, 1.0]])
FRAME = ViewFrame(K, Crop(64.0, 64.0, 50.0), 4.0, 1.0)
EMPTY = np.zeros((4, 4, 4), np.float32)


class KnownNetwork(torch.nn.Module):
    """Predicts a solid that fills the mask at every depth. Pose, depth and size differ between an image and its reflection, by
    the sign of the mask's centroid along x."""

    def __init__(self, size: int = GRID_SIZE) -> None:
        super().__init__()
        self.weight, self.size = torch.nn.Parameter(torch.zeros(1)), size

    def code(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0].mean((2, 3))

    def forward(self, images: torch.Tensor) -> SimpleNamespace:
        mask = torch.nn.functional.adaptive_avg_pool2d(images[:, 0, 3], self.size)
        volume = (20 * mask - 10)[:, None].expand(-1, self.size, -1, -1)
        ramp = torch.linspace(-1, 1, mask.shape[-1])
        side = (mask * ramp).sum((1, 2)).sign()
        zero, one = torch.zeros(len(side)), torch.ones(len(side))
        up_and_front = [0.6 * side, -0.8 * one, zero, zero, zero, one]
        pose = torch.stack([*up_and_front, 0.3 * side, 0.2 * one, 0.1 * one, 0.5 + 0.1 * side], 1)
        return SimpleNamespace(volume=volume, pose=pose, depth=0.25 * side + 1)


def image_with_mask_at_left() -> np.ndarray:
    picture = np.zeros((1, 4, 128, 128), np.float32)
    picture[0, 3, 32:96, 16:48] = 1
    return picture


@pytest.mark.parametrize("size", [GRID_SIZE, GRID_SIZE // 2])
def test_the_prediction_of_the_reflection_is_reflected_back(size: int) -> None:
    predicted = predict_view(TorchNetwork("image_to_voxels", KnownNetwork(size)), image_with_mask_at_left())
    assert predicted.occupancy.shape == (GRID_SIZE,) * 3 and predicted.silhouette is not None
    step = 128 // GRID_SIZE
    expected = np.zeros((GRID_SIZE, GRID_SIZE))
    expected[32 // step : 96 // step, 16 // step : 48 // step] = 1
    assert np.array_equal(predicted.silhouette, expected)
    full = predicted.occupancy > 0.5
    assert np.array_equal(full, np.broadcast_to(expected > 0, full.shape))


def test_pose_depth_and_size_are_means_over_both_images() -> None:
    predicted = predict_view(TorchNetwork("image_to_voxels", KnownNetwork()), image_with_mask_at_left())
    assert predicted.depth == pytest.approx(1)
    assert predicted.pose is not None
    assert predicted.pose[:3] == pytest.approx([-0.6, -0.8, 0], abs=1e-6)
    assert predicted.pose[3:6] == pytest.approx([0, 0, 1], abs=1e-6)
    assert predicted.pose[6:] == pytest.approx([-0.3, 0.2, 0.1, 0.5], abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_the_rotation_is_proper_and_its_last_row_is_the_up_direction(seed: int) -> None:
    pose = np.random.default_rng(seed).normal(size=10).astype(np.float32)
    rotation = SingleViewPrediction(EMPTY, 0.0, pose).rotation
    assert rotation is not None
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-5)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-5)
    assert rotation[2] == pytest.approx(pose[:3] / np.linalg.norm(pose[:3]), abs=1e-5)
    assert rotation[0] @ pose[3:6] > 0 and abs(rotation[1] @ pose[3:6]) < 1e-5


def test_without_a_pose_there_is_no_rotation() -> None:
    assert SingleViewPrediction(EMPTY, 0.0).rotation is None


def test_the_depth_extent_is_the_exponential_in_units_of_half_the_width() -> None:
    assert FRAME.half_width == pytest.approx(2)  # 50 of 100 pixels at depth 4
    frame = SingleViewPrediction(EMPTY, float(np.log(1.5))).frame(FRAME)
    assert frame.half_depth == pytest.approx(3) and frame.centre_depth == 4
    assert frame.crop == FRAME.crop and np.array_equal(frame.K, K)


def test_the_object_stays_in_front_of_the_camera() -> None:
    assert SingleViewPrediction(EMPTY, 100.0).frame(FRAME).half_depth == MAX_DEPTH_EXTENT * 4
    flat = SingleViewPrediction(EMPTY, -100.0).frame(FRAME).half_depth
    assert flat == pytest.approx(2 * np.exp(-4))


def test_a_missing_leg_is_filled_once() -> None:
    occupancy = np.zeros((16, 16, 16), np.float32)
    occupancy[4:12, 2:8, 2:14] = 1
    occupancy[6:9, 8:14, 7:9] = 0.2  # a leg at an uncertain depth
    silhouette = (occupancy > 0).any(0).astype(np.float32)
    before = SingleViewPrediction(occupancy, 0.0, None, silhouette)
    filled = before.fill_silhouette(0.5)
    assert not (occupancy > 0.5).any(0)[10:13, 7:9].any()
    assert (filled.occupancy > 0.5).any(0)[10:13, 7:9].all() and filled.silhouette is None
    assert filled.fill_silhouette(0.5) is filled


def test_similarity_of_an_image_to_itself_is_two_and_to_its_opposite_less() -> None:
    rng = np.random.default_rng(0)
    red = np.full((4, 128, 128), -0.9, np.float32)
    red[0], red[3] = 0.9, 1
    blue = red[[2, 1, 0, 3]]
    noise = rng.uniform(-1, 1, red.shape).astype(np.float32)
    noise[3] = 1
    same, other, noisy = photo_similarity(
        TorchNetwork("image_to_voxels", KnownNetwork()), np.stack([red, red, blue, noise])
    )
    assert same == pytest.approx(2, abs=1e-5)
    # no colour in common; the codes are (0.9, -0.9, -0.9, 1) and (-0.9, -0.9, 0.9, 1)
    assert other == pytest.approx((1 - 0.81) / (1 + 3 * 0.81), abs=1e-4)
    # one of 64 colours of the noise is red
    code = noise.mean((1, 2))
    cosine = code @ [0.9, -0.9, -0.9, 1] / np.linalg.norm(code) / np.sqrt(1 + 3 * 0.81)
    assert noisy == pytest.approx(cosine + np.sqrt(1 / 64), abs=0.01)
