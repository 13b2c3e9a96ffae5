"""Segmentation of a volume by a trained network: labels on the volume's own grid, with their uncertainty."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from lift3d.errors import InputError
from lift3d.geometry.volume.orientation import canonical_axes, from_canonical
from lift3d.inference.networks import inference_mode, load_network
from lift3d.inference.segmentation.plausibility import check_segmentation, check_volume, class_means
from lift3d.inference.segmentation.preprocessing import F32, network_input
from lift3d.inference.segmentation.resampling import resample_slab
from lift3d.inference.segmentation.result import EXPECTED, SURE, LabelCertainty, Segmentation, expected_dice
from lift3d.inference.segmentation.sliding_window import predict_probabilities
from lift3d.nets.segmentation.plan import Plan, Sizes
from lift3d.types.volumes import Labels, Volume

SLAB = 1 << 24
"""Voxels of the volume that are resampled at a time."""


class Segmenter:
    """A network with its plan, in evaluation mode."""

    def __init__(
        self, net: torch.nn.Module, plan: Plan, bfloat16: bool = True, usual: float | None = None
    ) -> None:
        """bfloat16: computes in bfloat16 where the processor is fast at it. usual: see `Segmentation`."""
        self.net, self.plan, self.bfloat16, self.usual = net.eval(), plan, bfloat16, usual

    @classmethod
    def load(cls, weights: str | Path) -> Segmenter:
        """The segmenter of packaged weights, a run's folder or a weights file. InputError where they are weights of another
        mapping."""
        net, found = load_network("segmentation", weights)
        usual = found.validation.get(EXPECTED)
        return cls(net, plan_of(found.data_digest), usual=usual if usual else None)

    def segment(
        self, volume: Volume, mirror: bool = True, check: bool = True, progress: Callable[[float], None] | None = None
    ) -> Segmentation:  # fmt: skip
        """The labels of a volume. mirror: averages predictions over mirror images, where the plan allows it. check: InputError
        where the volume or its segmentation does not look like those of the training. progress(fraction): after each window."""
        if check:
            check_volume(volume, self.plan)
        values = network_input(volume, self.plan)
        with inference_mode():
            probabilities = predict_probabilities(
                self.net, values, self.plan.patch, self.plan.mirror if mirror else (), self.bfloat16, progress
            )
        found = self._result(volume, values, probabilities)
        if check:
            check_segmentation(found)
        return found

    def _result(self, volume: Volume, values: F32, probabilities: F32) -> Segmentation:
        """The labels and uncertainties on the grid of the volume."""
        classes = np.asarray(probabilities.argmax(0), np.uint8)
        uncertain = entropy(probabilities)
        axes = canonical_axes(volume)[0]
        shape: Sizes = (volume.shape[axes[0]], volume.shape[axes[1]], volume.shape[axes[2]])
        found = classes if shape == classes.shape else resampled_classes(probabilities, shape)
        plan = self.plan
        table = np.array([0, *plan.ids], np.uint8 if plan.ids[-1] < 256 else np.uint16)
        ids = np.ascontiguousarray(from_canonical(table[found], volume))
        names = dict(zip(plan.ids, plan.names))
        labels = Labels.of(np.asarray(ids), volume.affine, names, volume.source)
        spread = resampled_uncertainty(uncertain, shape)
        measured = Volume.of(
            np.ascontiguousarray(from_canonical(spread, volume)), volume.affine, source=volume.source
        )
        counts = np.bincount(found.ravel(), minlength=plan.classes)
        certainty = tuple(
            LabelCertainty(
                number, names[number], float(counts[k]) * volume.voxel_volume / 1000,
                *label_certainty(probabilities[k], classes == k, uncertain),
            )
            for k, number in enumerate(plan.ids, 1)
        )  # fmt: skip
        return Segmentation(
            labels, measured, certainty, class_means(values, classes, plan.classes), self.usual
        )


def plan_of(stated: object) -> Plan:
    """The plan among the data that a card states. InputError where it is missing or damaged."""
    try:
        return Plan.from_json(stated["plan"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"the card of these weights has no valid plan ({error})", "download weights and card again"
        ) from error


def entropy(probabilities: F32) -> F32:
    """(X, Y, Z) entropy of probabilities (classes, X, Y, Z), divided by its largest possible value."""
    total = np.zeros(probabilities.shape[1:], np.float32)
    for p in probabilities:
        total -= p * np.log(np.maximum(p, np.float32(1e-9)))
    return np.asarray(np.clip(total / np.log(len(probabilities)), 0, 1), np.float32)


def label_certainty(probability: F32, mask: np.ndarray, uncertain: F32) -> tuple[float, float]:
    """(expected Dice, fraction of uncertain voxels) of a label; 0 and 1 for an empty mask."""
    if not mask.any():
        return 0.0, 1.0
    return expected_dice(probability, mask), float((uncertain[mask] > SURE).mean())


def _slabs(shape: Sizes) -> list[tuple[int, int]]:
    """Ranges of slices of at most SLAB voxels."""
    step = max(1, SLAB // (shape[0] * shape[1]))
    return [(first, min(first + step, shape[2])) for first in range(0, shape[2], step)]


def resampled_classes(probabilities: F32, shape: Sizes) -> np.ndarray:
    """(X, Y, Z) uint8: the class of the largest probability after resampling to a shape."""
    found = np.zeros(shape, np.uint8)
    for first, last in _slabs(shape):
        best = resample_slab(probabilities[0], shape, first, last)
        part = found[:, :, first:last]
        for k in range(1, len(probabilities)):
            value = resample_slab(probabilities[k], shape, first, last)
            larger = value > best
            part[larger], best = k, np.where(larger, value, best)
    return found


def resampled_uncertainty(values: F32, shape: Sizes) -> np.ndarray:
    """(X, Y, Z) float32 uncertainty at another shape."""
    out = np.empty(shape, np.float32)
    for first, last in _slabs(shape):
        out[:, :, first:last] = resample_slab(values, shape, first, last)
    return out


@functools.lru_cache(2)
def load_segmenter(weights: str | Path) -> Segmenter:
    """The cached segmenter of weights, as `Segmenter.load`."""
    return Segmenter.load(weights)
