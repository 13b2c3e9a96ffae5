"""Prediction of a solid from one image: the network and its baselines, with one interface.

mean          the mean of the training solids of the true category, each solid in the frame of its image
pixels        the solid of the training image with the nearest pixels
features      the solid of the training image with the nearest network features
oracle        the training shape with the largest IoU, in the true pose: an upper bound for retrieval
plain, net    networks (nets/views_to_volume.py)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from lift3d.corpus.dataset import Corpus
from lift3d.geometry.voxels.view_frame import DEPTH_MARGIN, ViewFrame, resample_to_view
from lift3d.inference.single_view import SingleViewPrediction, predict_view
from lift3d.inference.torch_network import TorchNetwork
from lift3d.nets.views_to_volume import GRID_SIZE
from lift3d.train.data.view_set import View, ViewSet, network_input, view_pose, view_target, view_to_index
from lift3d.types import F32

Progress = Callable[[float], None]
FEATURE_SIZE = 16
"""Pixels along each side at which images are compared."""
BATCH_SIZE = 32
MAX_PER_CATEGORY = 48
"""Maximum number of training images over which the mean of a category is taken."""


def _no_progress(fraction: float) -> None:
    """The default receiver of progress."""


class SingleViewPredictor(Protocol):
    """A method that predicts a solid from images."""

    def predict(self, view: View, images: F32) -> SingleViewPrediction:
        """The prediction in the frame of `view`, from images (N, 4, 128, 128) of one object, the first of which is the view's."""
        ...


class NetworkPredictor:
    """A network with its weights. plain: whether the silhouette is dropped from its predictions."""

    def __init__(self, net: torch.nn.Module, plain: bool = False) -> None:
        self.net, self.plain = net.eval(), plain

    def predict(self, view: View, images: F32) -> SingleViewPrediction:
        """The network's prediction."""
        prediction = predict_view(TorchNetwork("image_to_voxels", self.net), images)
        return replace(prediction, silhouette=None) if self.plain else prediction


class CategoryMean:
    """The mean of the training solids of the true category."""

    def __init__(self, train: ViewSet, progress: Progress = _no_progress) -> None:
        self.category = train.corpus.column("category")
        groups: dict[str, list[int]] = {}
        for index, shape in enumerate(train.shapes):
            groups.setdefault(self.category[shape], []).append(index)
        self.means: dict[str, SingleViewPrediction] = {}
        for k, (name, indices) in enumerate(groups.items()):
            chosen = np.random.default_rng(0).permutation(indices)[:MAX_PER_CATEGORY]
            truths = [true_prediction(train, v) for i in chosen if (v := train.view(int(i))) is not None]
            occupancy = np.stack([t.occupancy for t in truths]).mean(0, dtype=np.float32)
            pose = np.mean([t.pose for t in truths if t.pose is not None], 0)
            self.means[name] = SingleViewPrediction(
                occupancy, float(np.mean([t.depth for t in truths])), pose
            )
            progress((k + 1) / len(groups))

    def predict(self, view: View, images: F32) -> SingleViewPrediction:
        """The mean of the view's category, or of the alphabetically last category if the training set lacks the view's."""
        return self.means.get(self.category[view.shape]) or self.means[max(self.means)]


class Gallery:
    """Every `stride`-th training image, with its features. features: name -> function from (N, 4, 128, 128) to (N, F)."""

    def __init__(
        self, train: ViewSet, features: dict[str, Callable[[F32], F32]], stride: int = 1, progress: Progress = _no_progress
    ) -> None:  # fmt: skip
        self.train, self.features = train, features
        indices: list[int] = []
        rows: dict[str, list[F32]] = {name: [] for name in features}
        for first in range(0, len(train), BATCH_SIZE * stride):
            views = [v for i in range(first, min(first + BATCH_SIZE * stride, len(train)), stride)
                     if (v := train.view(i)) is not None]  # fmt: skip
            indices += [v.number for v in views]
            if views:
                images = np.stack([network_input(v) for v in views])
                for name, of in features.items():
                    rows[name].append(of(images))
            progress(min((first + BATCH_SIZE * stride) / len(train), 1.0))
        self.indices = np.array(indices)
        self.rows = {name: np.concatenate(blocks) for name, blocks in rows.items()}


class NearestImage:
    """The solid of the gallery's image with the nearest features."""

    def __init__(self, gallery: Gallery, feature: str) -> None:
        self.gallery, self.feature = gallery, feature

    def predict(self, view: View, images: F32) -> SingleViewPrediction:
        """The truth of the nearest image, in its own frame."""
        query = self.gallery.features[self.feature](images[:1])[0]
        distance = ((self.gallery.rows[self.feature] - query) ** 2).sum(1)
        nearest = self.gallery.train.view(int(self.gallery.indices[int(distance.argmin())]))
        assert nearest is not None
        return true_prediction(self.gallery.train, nearest)


class Oracle:
    """The training shape with the largest IoU with the ground truth at 32^3, for each of the test shapes `targets`."""

    def __init__(self, train: ViewSet, targets: Sequence[int], progress: Progress = _no_progress) -> None:
        self.train = train
        shapes = np.unique(train.shapes)
        left = np.stack([_half_resolution(train.corpus, int(i)) for i in targets])
        best, self.best = np.full(len(left), -1.0), np.zeros(len(left), int)
        for first in range(0, len(shapes), 256):
            some = shapes[first : first + 256]
            right = np.stack([_half_resolution(train.corpus, int(i)) for i in some])
            intersection = left @ right.T
            iou = intersection / (left.sum(1)[:, None] + right.sum(1) - intersection)
            top = iou.argmax(1)
            better = iou.max(1) > best
            best[better], self.best[better] = iou.max(1)[better], some[top[better]]
            progress(min((first + 256) / len(shapes), 1.0))
        self.row = {int(shape): k for k, shape in enumerate(targets)}

    def predict(self, view: View, images: F32) -> SingleViewPrediction:
        """The best training shape in the pose of the view."""
        shape = int(self.best[self.row[view.shape]])
        z = self.train.points(shape) @ view.to_view[2, :3] + view.to_view[2, 3]
        frame = view.frame
        half_depth = float(np.abs(z - frame.centre_depth).max()) * DEPTH_MARGIN
        own = ViewFrame(frame.K, frame.crop, frame.centre_depth, min(half_depth, 0.95 * frame.centre_depth))
        voxels = resample_to_view(self.train.levels(shape), view_to_index(view.to_view), own, GRID_SIZE)
        pose = view_pose(view, self.train.height(shape))
        return SingleViewPrediction(
            np.asarray(voxels / 255, np.float32), float(np.log(own.half_depth / own.half_width)), pose
        )


def true_prediction(solids: ViewSet, view: View) -> SingleViewPrediction:
    """The ground truth of a view, as a perfect predictor would return it."""
    occupancy = np.asarray(view_target(view, solids.levels(view.shape)) / 255, np.float32)
    return SingleViewPrediction(
        occupancy,
        float(np.log(view.frame.half_depth / view.frame.half_width)),
        view_pose(view, solids.height(view.shape)),
    )


def pixel_features(images: F32) -> F32:
    """(N, 4 * 16 * 16): images (N, 4, H, W) averaged to 16 x 16."""
    n, c, h, w = images.shape
    small = images.reshape(n, c, FEATURE_SIZE, h // FEATURE_SIZE, FEATURE_SIZE, w // FEATURE_SIZE)
    return np.asarray(small.mean((3, 5)).reshape(n, -1))


def network_features(net: torch.nn.Module) -> Callable[[F32], F32]:
    """A function from images (N, 4, 128, 128) to the network's image codes (N, F), of unit length."""

    def of(images: F32) -> F32:
        device = next(net.parameters()).device
        with torch.no_grad():
            codes = net.code(torch.from_numpy(images[:, None]).to(device)).float().cpu().numpy()  # type: ignore[operator]
        return np.asarray(codes / np.linalg.norm(codes, axis=1, keepdims=True))

    return of


def _half_resolution(corpus: Corpus, shape: int) -> F32:
    """(32768,): 1 for voxels of a 32^3 grid that are at least half full, else 0."""
    full = corpus.inside_or_surface(shape).reshape(32, 2, 32, 2, 32, 2).mean((1, 3, 5)) >= 0.5
    return np.asarray(full.reshape(-1), np.float32)
