"""Samples of a step: every epoch is a permutation, whatever the batch; batches are stacked arrays."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from lift3d.train.data.sampling import collate, sample_indices  # noqa: E402


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(1, 7), st.integers(0, 99))
def test_every_epoch_has_every_sample_once(n: int, batch: int, seed: int) -> None:
    drawn = np.concatenate([sample_indices(n, step, batch, seed) for step in range(3 * n)])
    for epoch in range(len(drawn) // n):
        assert sorted(drawn[epoch * n : (epoch + 1) * n]) == list(range(n))


def test_samples_depend_on_step_and_seed_alone() -> None:
    later = sample_indices(10, 7, 4, 3)
    for step in range(12):
        sample_indices(10, step, 4, 5)
    assert np.array_equal(sample_indices(10, 7, 4, 3), later)
    assert any(not np.array_equal(sample_indices(50, 0, 20, s), sample_indices(50, 0, 20, 0)) for s in (1, 2))


def test_collate_stacks_each_array() -> None:
    samples = [{"a": np.full((2, 3), k, np.float32), "b": np.array(k)} for k in range(4)]
    batch = collate(samples)
    assert batch["a"].shape == (4, 2, 3) and batch["a"].dtype == torch.float32
    assert batch["b"].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError):
        collate([{"a": np.zeros(2)}, {"a": np.zeros(3)}])
