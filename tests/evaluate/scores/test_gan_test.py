"""The GAN-test: which samples count as correct, and when the accuracy is undefined."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.scores.gan_test import TOP_K, GanTest  # noqa: E402
from lift3d.nets.shape_classifier import VoxelClassifier  # noqa: E402
from lift3d.train.data.labelled_shapes import centre_in_grid  # noqa: E402


def test_a_category_among_the_first_is_correct_and_an_empty_grid_is_wrong() -> None:
    judge = GanTest()
    assert isinstance(judge.net, VoxelClassifier)
    x, y, z = np.indices((64, 64, 64)) - 31.5
    ball, slab = x**2 + y**2 + z**2 < 25**2, (abs(x) < 28) & (abs(y) < 20) & (abs(z) < 2)
    with torch.no_grad():
        shares = torch.from_numpy(np.stack([centre_in_grid(ball), centre_in_grid(slab)])).float()
        order = judge.net.upright_logits(shares).argsort(1, descending=True)
    said = [{judge.names[int(k)] for k in row[:TOP_K]} for row in order]
    for name in said[0] | said[1]:
        expected = [float(name in some) for some in said]
        assert judge.accuracy(name, [ball, slab]) == pytest.approx(sum(expected) / 2)
        assert judge.accuracy(name, [ball, slab, np.zeros_like(ball)]) == pytest.approx(sum(expected) / 3)
    last = judge.names[int(order[0, -1])]
    assert last in said[1] or judge.accuracy(last, [ball]) == 0


def test_a_category_without_a_label_has_no_accuracy() -> None:
    judge = GanTest()
    assert judge.accuracy("kettle of fish", [np.ones((64, 64, 64), bool)]) is None
    assert judge.accuracy(judge.names[0], []) is None
