"""Segmentation of a volume: labels on its own grid, uncertainties, and doubts about volumes unlike those of the training."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from small_plan import small_plan  # noqa: E402

from lift3d.errors import InputError  # noqa: E402
from lift3d.inference.segmentation.plausibility import check_volume, doubts  # noqa: E402
from lift3d.inference.segmentation.segmenter import (  # noqa: E402
    Segmenter,
    entropy,
    label_certainty,
    plan_of,
    resampled_classes,
)
from lift3d.nets.segmentation.plan import Intensity  # noqa: E402
from lift3d.types.volumes import Volume  # noqa: E402

RNG = np.random.default_rng(0)


class ByValue(torch.nn.Module):
    """Bright voxels are class 1, dark ones class 2."""

    def __init__(self, sharp: float = 20.0) -> None:
        super().__init__()
        self.sharp = torch.nn.Parameter(torch.tensor(sharp))

    def forward(self, x):
        return torch.cat([torch.zeros_like(x), self.sharp * (x - 1), self.sharp * (-x - 1)], 1)


def scene(affine: np.ndarray) -> tuple[Volume, np.ndarray]:
    """A volume with a bright and a dark box, and the labels 5 and 9 of the boxes."""
    values = RNG.normal(0, 0.05, (20, 24, 18)).astype(np.float32)
    labels = np.zeros(values.shape, np.uint8)
    labels[4:12, 3:9, 5:12], labels[4:12, 14:20, 5:12] = 5, 9
    return Volume.of(values + 3.0 * (labels == 5) - 3.0 * (labels == 9), affine, source="x.nii"), labels


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_labels_lie_on_the_volumes_own_grid(signs: tuple[int, ...], order: tuple[int, ...]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.diag(signs)[:, order] * 1.0
    affine[:3, 3] = 3, -4, 5
    volume, labels = scene(affine)
    found = Segmenter(ByValue(), small_plan(ids=(5, 9)), False).segment(volume, check=False)
    assert np.array_equal(found.labels.ids, labels) and found.labels.ids.dtype == np.uint8
    assert np.array_equal(found.labels.affine, affine) and found.labels.name(9) == "back"
    assert found.uncertainty.shape == volume.shape and float(found.uncertainty.values.max()) <= 1
    front, back = found.certainty
    assert front.millilitres == pytest.approx((labels == 5).sum() / 1000) and front.expected_dice > 0.99
    assert (back.id, back.name, back.uncertain) == (9, "back", 0.0)
    assert found.means[1] > 1 and found.means[2] < -1


def test_labels_of_another_spacing_return_to_the_volumes_grid() -> None:
    volume, labels = scene(np.diag([0.5, 0.8, 2.0, 1.0]))
    found = Segmenter(ByValue(), small_plan(spacing=(1.0, 1.0, 1.0)), False).segment(volume, check=False)
    assert found.labels.shape == volume.shape
    for number, own in ((1, 5), (2, 9)):
        both = ((found.labels.ids == number) & (labels == own)).sum()
        assert 2 * both / ((found.labels.ids == number).sum() + (labels == own).sum()) > 0.85


def test_entropy_and_expected_dice_are_those_of_the_formulas() -> None:
    even = np.full((4, 2, 2, 2), 0.25, np.float32)
    assert np.allclose(entropy(even), 1)
    sure = np.zeros((4, 2, 2, 2), np.float32)
    sure[2] = 1
    assert np.allclose(entropy(sure), 0, atol=1e-6)
    p = RNG.random((6, 6, 6)).astype(np.float32)
    mask = p > 0.5
    dice, uncertain = label_certainty(p, mask, p)
    assert dice == pytest.approx(2 * p[mask].sum() / (mask.sum() + p.sum()), rel=1e-5) and uncertain == 1
    sampled = [(RNG.random(p.shape) < p) for _ in range(400)]
    mean = np.mean([2 * (s & mask).sum() / (s.sum() + mask.sum()) for s in sampled])
    assert dice == pytest.approx(mean, abs=0.01)
    assert label_certainty(p, np.zeros_like(mask), p) == (0.0, 1.0)


def test_resampled_classes_are_the_argmax_of_resampled_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    from lift3d.inference.segmentation import segmenter
    from lift3d.inference.segmentation.resampling import resample

    p = RNG.random((3, 6, 5, 7)).astype(np.float32)
    shape = (9, 7, 12)
    whole = np.stack([resample(one, shape) for one in p]).argmax(0)
    monkeypatch.setattr(segmenter, "SLAB", 150)
    assert np.array_equal(resampled_classes(p, shape), whole)


@pytest.mark.parametrize(
    ("affine", "what"),
    [(np.diag([3.0, 3.0, 3.0, 1.0]), "60 x 72 x 54 mm large, those of this task are about 20 x 24 x 18"),
     (np.diag([0.3, 1.0, 1.0, 1.0]), "6 x 24 x 18 mm")],
)  # fmt: skip
def test_volumes_of_another_size_are_refused(affine: np.ndarray, what: str) -> None:
    with pytest.raises(InputError, match=what):
        check_volume(scene(affine)[0], small_plan())


def test_other_spacing_and_modality_are_refused() -> None:
    coarse = Volume.of(RNG.random((20, 24, 5)).astype(np.float32), np.diag([1.0, 1.0, 4.0, 1.0]))
    with pytest.raises(InputError, match="4.0 times as far apart"):
        check_volume(coarse, small_plan())
    volume, _ = scene(np.eye(4))
    check_volume(volume, small_plan())
    hounsfield = Volume.of(volume.values, volume.affine, "HU")
    with pytest.raises(InputError, match="is a CT"):
        check_volume(hounsfield, small_plan())
    with pytest.raises(InputError, match="not the Hounsfield units"):
        check_volume(volume, small_plan(modality="ct", intensity=Intensity(40.0, 300.0, 100.0, 50.0)))


def test_doubts_name_what_is_unusual() -> None:
    volume, _ = scene(np.eye(4))
    plan = small_plan(contrast=(0.0, 3.0, -3.0))
    assert not doubts(Segmenter(ByValue(), plan, False).segment(volume), plan)
    swapped = small_plan(contrast=(0.0, -3.0, 3.0))
    found = Segmenter(ByValue(), swapped, False).segment(volume)
    assert [d.partition(":")[0] for d in doubts(found, swapped)] == ["front", "back"]
    unsure = Segmenter(ByValue(0.05), plan, False, 0.95)
    assert any("no voxel" in d or "uncertain" in d for d in doubts(unsure.segment(volume, check=False), plan))
    with pytest.raises(InputError, match="does not look like those of this task"):
        unsure.segment(volume)
    assert Segmenter(ByValue(0.05), plan, False).segment(volume).usual is None


def test_cards_without_a_plan_are_refused() -> None:
    for stated in ({}, {"plan": {}}, {"plan": 3}, None):
        with pytest.raises(InputError, match="no valid plan"):
            plan_of(stated)
