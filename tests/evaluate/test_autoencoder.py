"""The autoencoder's table: IoU by threshold and surface scores of reconstructions that are known, and the text."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from lift3d.evaluate.autoencoder import NETWORK, format_table, iou_by_threshold, surface_scores  # noqa: E402
from lift3d.geometry.metrics.solids import WORST_SCORES  # noqa: E402


class Boxes:
    """Three boxes of 8, 16 and 24 voxels height."""

    def full(self, i: int) -> np.ndarray:
        out = np.zeros((64, 64, 64), bool)
        out[20:40, 20:40, 20 : 28 + 8 * i] = True
        return out


class Softened:
    """Reconstructs shapes with occupancies `inside` and `outside`, two at a time."""

    batch_size = 2

    def __init__(self, inside: float, outside: float) -> None:
        self.inside, self.outside = inside, outside

    def reconstruct(self, truth: np.ndarray) -> np.ndarray:
        return np.where(truth, self.inside, self.outside).astype(np.float32)


def test_the_iou_is_one_between_the_occupancies_and_known_beyond() -> None:
    found = iou_by_threshold(Softened(0.6, 0.3), Boxes(), np.arange(3), np.array([0.2, 0.45, 0.7]))
    volume = np.array([400 * (8 + 8 * i) for i in range(3)])
    np.testing.assert_allclose(found[:, 0], volume / 64**3)
    np.testing.assert_allclose(found[:, 1:], [[1, 0]] * 3)


@pytest.mark.slow
def test_surfaces_of_equal_shapes_agree_and_an_empty_one_has_the_worst_scores() -> None:
    same = surface_scores(Softened(1, 0), Boxes(), [0, 2], 0.5)
    assert all(s.f_score > 0.99 and s.chamfer < 0.01 and s.normal_consistency > 0.95 for s in same)
    assert surface_scores(Softened(0.4, 0), Boxes(), [1], 0.5) == [WORST_SCORES]


def test_the_text_has_a_line_for_each_method() -> None:
    row = {
        "objects": {"iou": 0.5},
        "categories": {"iou": 0.25},
        "f": 0.125,
        "chamfer": 0.0625,
        "normals": 0.75,
    }
    lines = format_table(
        {"shapes": 7, "split": "val", "surfaces": 3, "rows": {NETWORK: row, "mean shape": row}}
    )
    assert "7 shapes of the val split" in lines[0] and "on 3 of them" in lines[0] and len(lines) == 4
    assert lines[2].split() == ["autoencoder", "0.500", "0.250", "0.125", "0.0625", "0.750"]
