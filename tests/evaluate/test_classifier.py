"""The classifier's table: scores in every pose from methods that are known, and a dash where a pose was not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.classifier import NETWORK, POSES, _is_packaged, _score, format_table  # noqa: E402
from lift3d.evaluate.interface import Request  # noqa: E402


class Blocks:
    """Six blocks of two categories: wide ones and tall ones."""

    targets = np.array([0, 1, 0, 1, 0, 1])
    families = ["a", "a", "b", "b", "c", "c"]

    def __len__(self) -> int:
        return 6

    def number(self, i: int) -> int:
        return 10 + i

    def full(self, i: int) -> np.ndarray:
        out = np.zeros((64, 64, 64), bool)
        size = (40, 40, 8) if self.targets[i] == 0 else (8, 8, 40)
        out[tuple(slice(32 - s // 2, 32 + s // 2) for s in size)] = True
        return out


def by_height(voxels: torch.Tensor) -> torch.Tensor:
    """A classifier that measures the height: right for upright blocks and those rotated about the vertical."""
    height = (voxels.amax((1, 2)) > 0.5).sum(1).float()
    return torch.stack([24 - height, height - 24], 1)


def always_first(voxels: torch.Tensor) -> torch.Tensor:
    return torch.tensor([[1.0, 0.0]]).repeat(len(voxels), 1)


@pytest.mark.slow
def test_methods_are_scored_in_every_pose() -> None:
    request = Request("classifier", Path(), Path())
    rows, predicted = _score(request, {NETWORK: by_height, "first": always_first}, Blocks(), None)  # type: ignore[arg-type]
    assert set(rows[NETWORK]) == set(POSES) and predicted[NETWORK].tolist() == Blocks.targets.tolist()
    assert rows[NETWORK]["none"]["accuracy"] == rows[NETWORK]["up"]["accuracy"] == 1
    for pose in POSES:
        assert rows["first"][pose]["accuracy"] == rows["first"][pose]["balanced"] == 0.5
    some, _ = _score(request, {NETWORK: by_height}, Blocks(), 2)  # type: ignore[arg-type]
    assert some[NETWORK]["none"]["accuracy"] == 1


def test_a_pose_that_was_not_measured_is_a_dash() -> None:
    one = {"accuracy": 0.5, "balanced": 0.25}
    table = {"rows": {NETWORK: {"none": one}}, "shapes": 4, "split": "val", "labels": ["a"], "won_back": None}
    line = format_table(table)[2]
    assert line.split() == [NETWORK, "0.500", "/", "0.250", "-", "-"]


def test_which_weights_the_package_has() -> None:
    assert _is_packaged("embedding_to_label") and not _is_packaged("no_such_weights")
