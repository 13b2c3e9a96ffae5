"""Rejection sampling: values of the uncertainty, and a choice that depends on the seeds alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from lift3d.inference.generators import load_sampler  # noqa: E402
from lift3d.inference.rejection_sampling import (  # noqa: E402
    candidate_indices,
    sample_with_rejection,
    select_candidate,
    uncertainty,
)
from lift3d.inference.shape_decoder import CACHE_SIZE, decode_occupancy  # noqa: E402


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 0.45), st.integers(2, 6))
def test_uncertainty_agrees_with_a_slow_twin(unsure: float, side: int) -> None:
    share = np.full((10, 10, 10), unsure, np.float32)
    share[2 : 2 + side, 2 : 2 + side, 2 : 2 + side] = 1 - unsure
    crossings, total = 0, 0.0
    for place in np.ndindex(share.shape):
        total += share[place] * (1 - share[place])
        for axis in range(3):
            beside = list(place)
            beside[axis] += 1
            if beside[axis] < 10:
                crossings += (share[place] > 0.5) != (share[tuple(beside)] > 0.5)
    assert crossings == 6 * side**2
    assert uncertainty(share) == pytest.approx(total / crossings, rel=1e-4)


def test_binary_occupancy_has_no_uncertainty_and_an_empty_grid_infinite() -> None:
    share = np.zeros((8, 8, 8), np.float32)
    assert uncertainty(share) == float("inf")
    share[3:5, 3:5, 3:5] = 1
    assert uncertainty(share) == 0


def test_the_first_candidate_within_the_bound_or_the_least_uncertain() -> None:
    assert select_candidate([0.5, 0.2, 0.1], 0.3) == 1
    assert select_candidate([0.5, 0.4, 0.45], 0.3) == 1
    assert select_candidate([float("inf")] * 3, 0.3) == 0


@pytest.mark.slow
def test_the_least_uncertain_candidate_is_selected() -> None:
    held = load_sampler("gan")
    assert not held.uncertainty, "the GAN's card tells none: the surest is taken"
    kind = held.categories.index("airplane")
    codes = [held.sample(kind, (5, n)) for n in candidate_indices(2, 3)]
    doubts = [uncertainty(decode_occupancy(code)) for code in codes]
    said = sample_with_rejection(held, kind, (5, 2), among=3)
    assert np.array_equal(said, codes[int(np.argmin(doubts))])
    assert np.array_equal(said, sample_with_rejection(held, kind, (5, 2), among=3))
    assert np.array_equal(sample_with_rejection(held, kind, (5, 2), among=1), held.sample(kind, (5, 2)))


def test_first_candidates_are_consecutive_and_no_candidate_occurs_twice() -> None:
    assert [candidate_indices(n, 4)[0] for n in range(6)] == list(range(6))
    assert len({number for n in range(100) for number in candidate_indices(n, 4)}) == 400


@pytest.mark.slow
def test_a_sample_of_the_flow_does_not_depend_on_earlier_samples() -> None:
    alone = load_sampler("flow", steps=1).sample(0, (3, 7))
    held = load_sampler("flow", steps=1)
    for number in (*range(40, 80), 6, 7):
        last = held.sample(0, (3, number))
    assert np.array_equal(alone, last)


@pytest.mark.slow
def test_cached_occupancy_equals_decoded_occupancy() -> None:
    codes = [load_sampler("gan").sample(0, (1, n)) for n in range(CACHE_SIZE + 1)]
    first = decode_occupancy(codes[0]).copy()
    assert first.shape == (64, 64, 64) and not decode_occupancy(codes[0]).flags.writeable
    for code in codes[1:]:
        assert not np.array_equal(decode_occupancy(code), first)
    assert np.array_equal(decode_occupancy(codes[0]), first)


def test_the_first_candidate_within_the_bound_of_its_category_ends_the_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from types import SimpleNamespace
    from typing import Any

    from lift3d.inference import rejection_sampling

    uncertainties = dict(zip(candidate_indices(6, 4), (0.5, 0.3, 0.1, 0.2)))
    sampled: list[tuple[int, ...]] = []

    def sample(category: int, seeds: tuple[int, ...]) -> np.ndarray:
        sampled.append(seeds)
        return np.full((1, 1, 1, 1), seeds[-1], np.float32)

    monkeypatch.setattr(rejection_sampling, "decode_occupancy", lambda code, autoencoder: int(code.flat[0]))
    monkeypatch.setattr(rejection_sampling, "uncertainty", uncertainties.__getitem__)
    sampler: Any = SimpleNamespace(sample=sample, categories=("chair", "table"), uncertainty={"table": 0.4})
    accepted = sample_with_rejection(sampler, 1, (3, 6))
    assert int(accepted.flat[0]) == candidate_indices(6, 4)[1]
    assert sampled == [(3, number) for number in candidate_indices(6, 2)]
    # without a bound all four are sampled, and the least uncertain is accepted
    assert int(sample_with_rejection(sampler, 0, (3, 6)).flat[0]) == candidate_indices(6, 4)[2]
    assert len(sampled) == 6
