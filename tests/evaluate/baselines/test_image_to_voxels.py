"""Baselines of prediction from one image on a stub set of views: means, nearest images, and the best shape."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.baselines import image_to_voxels as baselines  # noqa: E402
from lift3d.evaluate.baselines.image_to_voxels import (  # noqa: E402
    CategoryMean,
    Gallery,
    NearestImage,
    NetworkPredictor,
    Oracle,
    network_features,
    pixel_features,
    true_prediction,
)
from lift3d.geometry.image.crop import Crop  # noqa: E402
from lift3d.geometry.voxels.view_frame import ViewFrame  # noqa: E402
from lift3d.inference.single_view import SingleViewPrediction  # noqa: E402

K = np.array([[100, 0, 64], [0, 100, 64], [0, 0, 1.0]])
FRAME = ViewFrame(K, Crop(64.0, 64.0, 50.0), 4.0, 1.5)
CATEGORIES = ["chair", "table", "chair", "table", "chair"]
UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0.5], [0, 1, 0, 4], [0, 0, 0, 1]])


class Views:
    """One view of each of five shapes; view 3 is too small to be used. Shape i fills the first 10 (i + 1) layers."""

    shapes = np.arange(5)

    def __init__(self) -> None:
        self.corpus = SimpleNamespace(column=lambda name: CATEGORIES, inside_or_surface=self.full)

    def __len__(self) -> int:
        return len(self.shapes)

    def full(self, shape: int) -> np.ndarray:
        grid = np.zeros((64, 64, 64), bool)
        grid[: 10 * (shape + 1)] = True
        return grid

    def levels(self, shape: int) -> np.ndarray:
        return self.full(shape).astype(np.uint8) * 255

    def points(self, shape: int) -> np.ndarray:
        return np.array([[0.0, -0.5, 0], [0, 0.5, shape + 1]])

    def height(self, shape: int) -> float:
        return shape + 1.0

    def view(self, number: int) -> Any:
        if number == 3:
            return None
        return SimpleNamespace(number=number, shape=number, frame=FRAME, to_view=UPRIGHT)


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> Views:
    monkeypatch.setattr(
        baselines, "network_input", lambda view: np.full((4, 128, 128), view.number, np.float32)
    )
    monkeypatch.setattr(
        baselines,
        "true_prediction",
        lambda solids, view: SingleViewPrediction(
            np.full((2, 2, 2), view.shape, np.float32), 0.1 * view.shape, np.full(10, view.shape, np.float32)
        ),
    )
    return Views()


def image(value: float) -> np.ndarray:
    return np.full((1, 4, 128, 128), value, np.float32)


def test_the_mean_is_that_of_the_views_of_the_category(views: Views) -> None:
    done: list[float] = []
    mean = CategoryMean(views, done.append)  # type: ignore[arg-type]
    chair = mean.predict(views.view(0), image(0))
    assert np.all(chair.occupancy == 2) and chair.depth == pytest.approx(0.2)  # shapes 0, 2 and 4
    assert chair.pose == pytest.approx(np.full(10, 2))
    assert np.all(mean.predict(views.view(1), image(0)).occupancy == 1)  # view 3 is not visible
    assert done == [0.5, 1.0]


def test_a_category_without_training_views_has_the_mean_of_the_last_one(views: Views) -> None:
    mean = CategoryMean(views)  # type: ignore[arg-type]
    mean.category = ["lamp"] * 5
    assert np.all(mean.predict(views.view(0), image(0)).occupancy == 1)


def test_the_nearest_image_of_a_gallery_gives_its_own_truth(views: Views) -> None:
    gallery = Gallery(views, {"pixels": pixel_features})  # type: ignore[arg-type]
    assert gallery.indices.tolist() == [0, 1, 2, 4]
    nearest = NearestImage(gallery, "pixels")
    for value, shape in ((-5, 0), (0.9, 1), (2.6, 2), (3.1, 4), (9, 4)):
        assert np.all(nearest.predict(views.view(0), image(value)).occupancy == shape)


def test_a_stride_thins_the_gallery(views: Views, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[float] = []
    monkeypatch.setattr(baselines, "BATCH_SIZE", 1)
    gallery = Gallery(views, {"pixels": pixel_features}, 2, done.append)  # type: ignore[arg-type]
    assert gallery.indices.tolist() == [0, 2, 4] and gallery.rows["pixels"][:, 0].tolist() == [0, 2, 4]
    assert done == [0.4, 0.8, 1.0]


def test_pixel_features_are_means_of_blocks_of_8_pixels() -> None:
    images = np.random.default_rng(0).random((2, 4, 128, 128)).astype(np.float32)
    features = pixel_features(images).reshape(2, 4, 16, 16)
    for n, c, i, j in ((0, 0, 0, 0), (1, 3, 15, 2), (0, 2, 7, 11)):
        block = images[n, c, 8 * i : 8 * i + 8, 8 * j : 8 * j + 8]
        assert features[n, c, i, j] == pytest.approx(block.mean(), rel=1e-5)


def test_network_features_have_unit_length_and_the_direction_of_the_code() -> None:
    class Code(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.tensor([3.0, -4.0]))

        def code(self, images: torch.Tensor) -> torch.Tensor:
            assert images.shape[1] == 1  # one view of each object
            return images.mean((1, 2, 3, 4))[:, None] * self.scale

    found = network_features(Code())(np.concatenate([image(1), image(-7)]))
    assert found == pytest.approx(np.array([[0.6, -0.8], [-0.6, 0.8]]))


def test_the_oracle_finds_the_shape_with_the_largest_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    train = Views()
    train.shapes = np.array([0, 2, 4, 2])
    oracle = Oracle(train, [1, 3, 4])  # type: ignore[arg-type]
    # layers 20, 40 and 50 beside 10, 30 and 50: overlaps 20/30 > 10/20, 40/50 > 30/40, and 1
    assert oracle.best.tolist() == [2, 4, 4]
    predicted = oracle.predict(train.view(4), image(0))
    assert predicted.pose is not None
    # the depth extent contains the points of the best shape: half a unit on either side of the centre, with a margin
    assert np.exp(predicted.depth) * FRAME.half_width == pytest.approx(0.5 * baselines.DEPTH_MARGIN)
    assert predicted.pose[:3] == pytest.approx([0, -1, 0])
    # the centre of a shape of height 5 in half widths: 2.5 above a base 0.5 below the axis
    assert predicted.pose[6:9] == pytest.approx([0, (0.5 - 2.5) / 2, 0])


def test_the_truth_as_a_prediction_has_the_extent_and_the_pose_of_its_frame() -> None:
    views = Views()
    truth = true_prediction(views, views.view(0))  # type: ignore[arg-type]
    assert truth.frame(FRAME).half_depth == pytest.approx(FRAME.half_depth)
    assert truth.rotation == pytest.approx(UPRIGHT[:3, :3].T, abs=1e-6)
    assert truth.occupancy.shape == (64, 64, 64) and 0 < truth.occupancy.mean() < 1


def test_a_plain_network_predicts_without_the_silhouette(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SingleViewPrediction(np.zeros((2, 2, 2), np.float32), 0.0, None, np.ones((2, 2), np.float32))
    monkeypatch.setattr(baselines, "predict_view", lambda net, images: found)
    net = torch.nn.Dropout()
    assert NetworkPredictor(net).predict(None, image(0)) is found and not net.training  # type: ignore[arg-type]
    assert NetworkPredictor(net, True).predict(None, image(0)).silhouette is None  # type: ignore[arg-type]
