"""Who guesses a solid from a picture: the network, and what it has to beat, behind one interface.

mean        the mean of the training solids of the true category, each in the frame of its picture
pixels      the solid of the training picture whose pixels are nearest
code        the solid of the training picture that the network itself finds most alike
oracle      the training shape that overlaps the truth most, in the true pose: nobody can retrieve better
plain, net  networks (nets/views_to_volume.py)
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
from lift3d.nets.views_to_volume import GRID_SIZE
from lift3d.train.data.view_set import View, ViewSet, network_input, view_pose, view_target, view_to_index
from lift3d.types import F32

Progress = Callable[[float], None]
SMALL = 16
"""Pixels along each side where pictures are compared."""
CHUNK = 32
MOST = 48
"""Training pictures of a category that its mean is made of."""


class Guesser(Protocol):
    """pictures (N, 4, 128, 128) of one thing, the first of them that of `view`, to a guess in its frame."""

    def guess(self, view: View, pictures: F32) -> SingleViewPrediction: ...


class Network:
    """With its weights, where it is; plain: as it says it, without what the silhouette adds."""

    def __init__(self, net: torch.nn.Module, plain: bool = False) -> None:
        self.net, self.plain = net.eval(), plain

    def guess(self, view: View, pictures: F32) -> SingleViewPrediction:
        guess = predict_view(self.net, pictures)
        return replace(guess, silhouette=None) if self.plain else guess


class Mean:
    """Of the training solids of each category."""

    def __init__(self, train: ViewSet, progress: Progress = lambda fraction: None) -> None:
        self.category = train.corpus.column("category")
        groups: dict[str, list[int]] = {}
        for number, shape in enumerate(train.shapes):
            groups.setdefault(self.category[shape], []).append(number)
        self.means: dict[str, SingleViewPrediction] = {}
        for k, (name, numbers) in enumerate(groups.items()):
            chosen = np.random.default_rng(0).permutation(numbers)[:MOST]
            held = [true_guess(train, v) for i in chosen if (v := train.view(int(i))) is not None]
            share = np.stack([g.occupancy for g in held]).mean(0, dtype=np.float32)
            up = np.mean([g.pose for g in held if g.pose is not None], 0)
            self.means[name] = SingleViewPrediction(share, float(np.mean([g.depth for g in held])), up)
            progress((k + 1) / len(groups))

    def guess(self, view: View, pictures: F32) -> SingleViewPrediction:
        return self.means.get(self.category[view.shape]) or self.means[max(self.means)]


class Gallery:
    """Training pictures and their features; features: by name, (N, 4, 128, 128) to (N, F)."""

    def __init__(
        self, train: ViewSet, features: dict[str, Callable[[F32], F32]], every: int = 1,
        progress: Progress = lambda fraction: None,
    ) -> None:  # fmt: skip
        """every: one of so many pictures is looked at, beginning with the first."""
        self.train, self.features = train, features
        numbers: list[int] = []
        rows: dict[str, list[F32]] = {name: [] for name in features}
        for first in range(0, len(train), CHUNK * every):
            views = [v for i in range(first, min(first + CHUNK * every, len(train)), every)
                     if (v := train.view(i)) is not None]  # fmt: skip
            numbers += [v.number for v in views]
            if views:
                pictures = np.stack([network_input(v) for v in views])
                for name, of in features.items():
                    rows[name].append(of(pictures))
            progress(min((first + CHUNK * every) / len(train), 1.0))
        self.numbers = np.array(numbers)
        self.rows = {name: np.concatenate(held) for name, held in rows.items()}


class Nearest:
    """The solid of the training picture with the nearest features."""

    def __init__(self, gallery: Gallery, feature: str) -> None:
        self.gallery, self.feature = gallery, feature

    def guess(self, view: View, pictures: F32) -> SingleViewPrediction:
        wanted = self.gallery.features[self.feature](pictures[:1])[0]
        away = ((self.gallery.rows[self.feature] - wanted) ** 2).sum(1)
        nearest = self.gallery.train.view(int(self.gallery.numbers[int(away.argmin())]))
        assert nearest is not None
        return true_guess(self.gallery.train, nearest)


class Oracle:
    """The training shape that overlaps the truth most."""

    def __init__(
        self, train: ViewSet, wanted: Sequence[int], progress: Progress = lambda fraction: None
    ) -> None:
        self.train = train
        shapes = np.unique(train.shapes)
        left = np.stack([_half(train.corpus, int(i)) for i in wanted])
        best, self.best = np.full(len(left), -1.0), np.zeros(len(left), int)
        for first in range(0, len(shapes), 256):
            some = shapes[first : first + 256]
            right = np.stack([_half(train.corpus, int(i)) for i in some])
            both = left @ right.T
            iou = both / (left.sum(1)[:, None] + right.sum(1) - both)
            top = iou.argmax(1)
            better = iou.max(1) > best
            best[better], self.best[better] = iou.max(1)[better], some[top[better]]
            progress(min((first + 256) / len(shapes), 1.0))
        self.row = {int(shape): k for k, shape in enumerate(wanted)}

    def guess(self, view: View, pictures: F32) -> SingleViewPrediction:
        shape = int(self.best[self.row[view.shape]])
        z = self.train.points(shape) @ view.to_view[2, :3] + view.to_view[2, 3]
        frame = view.frame
        reach = float(np.abs(z - frame.centre_depth).max()) * DEPTH_MARGIN
        own = ViewFrame(frame.K, frame.crop, frame.centre_depth, min(reach, 0.95 * frame.centre_depth))
        cells = resample_to_view(self.train.levels(shape), view_to_index(view.to_view), own, GRID_SIZE)
        pose = view_pose(view, self.train.height(shape))
        return SingleViewPrediction(
            np.asarray(cells / 255, np.float32), float(np.log(own.half_depth / own.half_width)), pose
        )


def true_guess(solids: ViewSet, view: View) -> SingleViewPrediction:
    """What a guesser would say that knows the truth."""
    share = np.asarray(view_target(view, solids.levels(view.shape)) / 255, np.float32)
    return SingleViewPrediction(
        share,
        float(np.log(view.frame.half_depth / view.frame.half_width)),
        view_pose(view, solids.height(view.shape)),
    )


def pixels(pictures: F32) -> F32:
    """(N, 4 * 16 * 16): the pictures, small."""
    n, c, h, w = pictures.shape
    small = pictures.reshape(n, c, SMALL, h // SMALL, SMALL, w // SMALL).mean((3, 5))
    return np.asarray(small.reshape(n, -1))


def codes(net: torch.nn.Module) -> Callable[[F32], F32]:
    """Unit vectors of the network's own."""

    def of(pictures: F32) -> F32:
        device = next(net.parameters()).device
        with torch.no_grad():
            found = net.code(torch.from_numpy(pictures[:, None]).to(device)).float().cpu().numpy()  # type: ignore[operator]
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))

    return of


def _half(corpus: Corpus, shape: int) -> F32:
    """(32768,) what is full at 32 cells a side."""
    full = corpus.inside_or_surface(shape).reshape(32, 2, 32, 2, 32, 2).mean((1, 3, 5)) >= 0.5
    return np.asarray(full.reshape(-1), np.float32)
