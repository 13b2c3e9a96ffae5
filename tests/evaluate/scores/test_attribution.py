"""The sanity checks themselves: on targets whose best deletion is known, and on weights that come back."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.evaluate.scores.attribution import (  # noqa: E402
    content_of,
    delete_tenth,
    randomised,
    rank_correlation,
    tile_sums,
)
from lift3d.inference.attribution.target import Target, attribute  # noqa: E402

WEIGHT = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))


def linear() -> Target:
    x = torch.ones(1, 64, 64)
    return Target(
        lambda t: (t * WEIGHT).sum((1, 2, 3)), x, torch.zeros_like(x), "sum", "", (), (("colour", 1),)
    )


def test_the_attribution_of_a_linear_target_wins_every_deletion() -> None:
    target = linear()
    values = attribute(target, "gradients", 8).values[0].numpy()
    found = delete_tenth(target, values)
    top, random = found.drops
    assert found.wins == 1 and top > random
    assert found.value == pytest.approx(float(WEIGHT.sum()), rel=1e-4) and found.baseline == 0
    worst = delete_tenth(target, -values)
    assert worst.wins == 0 and worst.drops[0] < worst.drops[1]


def test_tiles_without_content_are_not_deleted() -> None:
    target = linear()
    target.input[:, :, 32:] = 0
    assert content_of(target)[:, :32].all() and not content_of(target)[:, 32:].any()
    values = np.zeros((64, 64), np.float32)
    values[:, 32:] = 9
    found = delete_tenth(target, values)
    assert found.top != found.value, "an attribution outside of the content does not save the output"


def test_tiles_have_the_sums_of_their_values() -> None:
    values = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    sums, index = tile_sums(values)
    assert sums.sum() == pytest.approx(float(values.sum(dtype=np.float64)), abs=1e-3)
    assert sums[index[0, 0]] == pytest.approx(float(values[index == index[0, 0]].sum()), abs=1e-4)
    assert len(np.unique(index)) == 256


def test_rank_correlation() -> None:
    a = np.random.default_rng(1).normal(size=(20, 20)).astype(np.float32)
    everywhere = np.ones((20, 20), bool)
    assert rank_correlation(a, a**3, everywhere) == pytest.approx(1)
    assert rank_correlation(a, -a, everywhere) == pytest.approx(-1)
    assert rank_correlation(a, np.zeros_like(a), everywhere) == 0


def test_weights_are_random_from_the_output_on_and_come_back() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Linear(5, 3))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with randomised((net,), 0.5):
        after = net.state_dict()
        assert torch.equal(after["0.weight"], before["0.weight"])
        assert not torch.equal(after["1.weight"], before["1.weight"])
    with pytest.raises(RuntimeError, match="inside"), randomised((net,), 1.0):
        assert not torch.equal(net.state_dict()["0.weight"], before["0.weight"])
        raise RuntimeError("inside")
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
