"""The GAN-test: which samples count as correct, and when the accuracy is undefined."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.scores import gan_test  # noqa: E402
from lift3d.evaluate.scores.gan_test import BATCH_SIZE, TOP_K, GanTest  # noqa: E402
from lift3d.nets.shape_classifier import VoxelClassifier  # noqa: E402

NAMES = tuple(f"side {side}" for side in range(2, 12))


class NearestSide(VoxelClassifier):
    """Category k is the more probable, the nearer the length of the solid along x is to k + 2 voxels. Every solid that is not
    centred in the grid belongs to the last category."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.batches: list[int] = []

    def upright_logits(self, occupancy: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(occupancy))
        along = occupancy.amax((2, 3))
        first, last = along.argmax(1), along.shape[1] - 1 - along.flip(1).argmax(1)
        # an odd length has a centre half a voxel off that of an even grid
        off_centre = (first + last - (along.shape[1] - 1)).abs() > 1
        length = torch.where(off_centre, 99, last - first + 1)
        return -(torch.arange(2, 12)[None] - length[:, None] - 0.1).abs()


def bar(length: int, x: int = 0) -> np.ndarray:
    full = np.zeros((64, 64, 64), bool)
    full[x : x + length, 5:9, 50:60] = True
    return full


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> GanTest:
    card = SimpleNamespace(require_labels=lambda: NAMES)
    monkeypatch.setattr(gan_test, "load_network", lambda mapping, weights: (NearestSide(), card))
    return GanTest()


def test_the_three_most_probable_categories_are_correct(judge: GanTest) -> None:
    assert TOP_K == 3
    # the categories nearest to length 6 are 6, 7 and 5
    correct = [judge.accuracy(name, [bar(6)]) for name in NAMES]
    assert correct == [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]


def test_the_accuracy_is_the_fraction_of_correct_shapes_wherever_they_lie(judge: GanTest) -> None:
    shapes = [bar(length, x) for length, x in ((6, 0), (5, 50), (7, 57), (2, 3), (11, 20))]
    assert judge.accuracy("side 6", shapes) == 3 / 5


def test_an_empty_grid_is_wrong_and_never_classified(judge: GanTest) -> None:
    empty = np.zeros((64, 64, 64), bool)
    assert judge.accuracy("side 6", [empty, bar(6), empty, bar(6)]) == 0.5
    assert judge.accuracy("side 6", [empty]) == 0
    assert judge.net.batches == [2]  # type: ignore[comparison-overlap]


def test_many_shapes_are_classified_in_batches(judge: GanTest) -> None:
    shapes = [bar(6 if k % 5 else 2) for k in range(2 * BATCH_SIZE + 3)]
    assert judge.accuracy("side 6", shapes) == sum(k % 5 > 0 for k in range(len(shapes))) / len(shapes)
    assert judge.net.batches == [BATCH_SIZE, BATCH_SIZE, 3]  # type: ignore[comparison-overlap]


def test_a_category_without_a_label_or_without_shapes_has_no_accuracy(judge: GanTest) -> None:
    assert judge.accuracy("kettle", [bar(6)]) is None
    assert judge.accuracy(NAMES[0], []) is None
