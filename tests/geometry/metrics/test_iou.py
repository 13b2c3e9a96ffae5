"""Intersection over union of one pair and of batches, against sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lift3d.geometry.metrics.iou import batch_iou, batch_iou_torch, iou


@settings(max_examples=40, deadline=None)
@given(st.sets(st.integers(0, 23)), st.sets(st.integers(0, 23)))
def test_iou_equals_that_of_sets(a: set[int], b: set[int]) -> None:
    x, y = (np.isin(np.arange(24), list(s)).reshape(2, 3, 4) for s in (a, b))
    expected = len(a & b) / len(a | b) if a | b else 1.0
    assert iou(x, y) == pytest.approx(expected) == iou(y, x)


def test_batches_equal_their_entries() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 5, 3, 4, 2)) < np.linspace(0, 1, 5)[:, None, None, None]
    assert batch_iou(a, b) == pytest.approx([iou(x, y) for x, y in zip(a, b)])
    assert batch_iou(a, b)[0] == 1, "both are empty"


def test_torch_agrees_except_for_empty_entries() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 4, 3, 3)) < np.array([0, 0.3, 0.6, 1])[:, None, None]
    found = batch_iou_torch(torch.from_numpy(a), torch.from_numpy(b))
    assert found.dtype == torch.float32 and found[0] == 0
    assert found[1:].tolist() == pytest.approx(batch_iou(a, b)[1:].tolist())
