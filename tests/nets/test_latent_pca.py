"""Latent PCA: projection and reconstruction, interpolation of exemplars, clusters, and the initial state of sampling."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.factory import create_network  # noqa: E402
from lift3d.nets.flow_matching import LatentFlow, initial_state, integrate_adams_bashforth  # noqa: E402
from lift3d.nets.latent_pca import MAX_EXEMPLARS, MAX_MIX, NEIGHBOURS, LatentPCA, choose_exemplars  # noqa: E402


def held(seed: int = 0, count: int = 200, size: int = 24) -> torch.Tensor:
    """Codes of three large directions and small noise."""
    g = torch.Generator().manual_seed(seed)
    wide = torch.randn(count, 3, generator=g) * torch.tensor([5.0, 3.0, 2.0])
    axes = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(9)))[0][:3]
    return wide @ axes + 0.05 * torch.randn(count, size, generator=g) + 1


def test_coordinates_represent_the_variance() -> None:
    net, x = LatentPCA(3, 24, 10), held()
    net.fit_exemplars(x, x[:10], torch.arange(10) % 2)
    y = net.project(x)
    variance = y.var(0, unbiased=False)
    assert (variance[:-1] > variance[1:]).all() and float(y.mean(0).abs().max()) < 1e-3
    assert float((net.reconstruct(y) - x).square().mean()) < 0.05**2 * 1.2
    assert torch.allclose(net.project(net.reconstruct(y)), y, atol=1e-4) and torch.allclose(
        net.exemplars, y[:10], atol=1e-5
    )
    new = held(1)
    assert float((net.reconstruct(net.project(new)) - new).square().mean()) < 0.05**2 * 1.5, (
        "directions are of all"
    )


@pytest.mark.slow
def test_a_sample_lies_between_two_exemplars_of_its_category() -> None:
    net, x = LatentPCA(3, 24, 40), held(count=40)
    net.fit_exemplars(x, x, (torch.arange(40) >= 20).long())
    assert net.has_category(0) and net.has_category(1) and not net.has_category(2)
    seen = set()
    for number in range(60):
        y = net.sample(1, np.random.default_rng([number]))
        assert torch.equal(y, net.sample(1, np.random.default_rng([number])))
        own = net.exemplars[20:]
        # the slow twin: some pair of near neighbours of the kind has it on its line, near to the first
        found = False
        for i in range(20):
            order = (own - own[i]).square().sum(1).argsort()
            for j in order[slice(*NEIGHBOURS)].tolist():
                way = own[j] - own[i]
                share = float((y - own[i]) @ way / (way @ way))
                on = float((own[i] + share * way - y).abs().max()) < 1e-4
                if on and -1e-4 <= share <= MAX_MIX + 1e-4:
                    found = True
                    seen.add(i)
        assert found
    assert len(seen) > 10, "all of a kind are begun with"


def test_few_exemplars_are_returned_unchanged() -> None:
    net, x = LatentPCA(2, 24, 2), held(count=30)
    net.fit_exemplars(x, x[:2], torch.tensor([0, 1]))
    assert torch.equal(net.sample(0, np.random.default_rng(0)), net.exemplars[0])


@pytest.mark.slow
def test_a_category_without_exemplars_varies_like_its_clusters() -> None:
    g = torch.Generator().manual_seed(3)
    x = held(4, 600)
    x[:150] += 40 * torch.randn(24, generator=g)  # a second cluster, far from the first
    net = LatentPCA(5, 24, 0, 3, 2)
    net.fit_exemplars(x, x[:0], torch.zeros(0, dtype=torch.int64))
    net.fit_clusters(x, [(1, np.arange(150)), (1, np.arange(150, 400)), (2, np.arange(400, 600))])
    assert (
        net.has_category(1) and net.has_category(2) and not net.has_category(0) and not net.has_exemplars(1)
    )
    assert torch.equal(net.sample(1, np.random.default_rng([7])), net.sample(1, np.random.default_rng([7])))
    samples = torch.stack([net.sample(1, np.random.default_rng([k])) for k in range(4000)])
    y = net.project(x)
    nearest = torch.cdist(samples, net.cluster_mean[:2]).argmin(1)
    assert abs(float((nearest == 0).float().mean()) - 150 / 400) < 0.03, (
        "in proportion to the size of the cluster"
    )
    for part, rows in ((0, slice(0, 150)), (1, slice(150, 400))):
        some, own = samples[nearest == part], y[rows]
        # the slow twin: the covariance of the cluster, restricted to its two largest directions
        values, axes = np.linalg.eigh(np.cov(own.T.numpy(), bias=True))
        wanted = (axes[:, -2:] * values[-2:]) @ axes[:, -2:].T
        assert np.abs(np.cov(some.T.numpy()) - wanted).max() < 0.12 * values[-1]
        assert float((some.mean(0) - own.mean(0)).abs().max()) < 0.12 * values[-1] ** 0.5


def test_exemplars_of_each_category_are_limited_and_none_is_uncategorised() -> None:
    kinds = np.array([0] * 500 + [1] * 3 + [3] * 50)
    kept = choose_exemplars(kinds, 3)
    assert len(kept) == MAX_EXEMPLARS + 3 and len(set(kept.tolist())) == len(kept)
    assert set(kinds[kept]) == {0, 1} and kept[0] == 0 and kept[MAX_EXEMPLARS - 1] == 499
    assert len(choose_exemplars(kinds, 0)) == 0


def test_sampling_starts_between_noise_and_the_sample() -> None:
    torch.manual_seed(0)
    net = LatentFlow(2, 3, 64, 1, 4, local=16, pca=(5, 6, 0, 1)).eval()
    assert net.pca is not None
    codes = torch.randn(50, 128)
    net.pca.fit_exemplars(codes, codes[:6], torch.zeros(6, dtype=torch.int64))
    noise, y = torch.randn(2, 4, 4, 4), net.pca.exemplars[2]
    x = initial_state(net, noise, y, 0.25)
    assert torch.allclose((x - 0.75 * noise).flatten() / 0.25, net.pca.reconstruct(y), atol=1e-5)
    with torch.no_grad():
        still = integrate_adams_bashforth(net, x[None], torch.tensor([0]), 4, begin=0.25)
    assert torch.equal(still[0], x), "an untrained flow stands still"
    assert LatentFlow(2, 3, 64, 1, 4, local=16).pca is None


@pytest.mark.parametrize("begin", [0.0, 0.25, 0.5])
def test_integration_continues_from_the_start_time(begin: float) -> None:
    """With a constant velocity, the displacement from `begin` on is the remaining part of the whole."""
    net = LatentFlow(2, 3, 64, 1, 4, local=16).eval()
    with torch.no_grad():
        assert net.conv_out.bias is not None
        net.conv_out.bias.fill_(2.0)
        x = torch.randn(2, 2, 4, 4, 4)
        for steps in (1, 5, 12):
            ended = integrate_adams_bashforth(net, x, torch.tensor([0, 1]), steps, begin=begin)
            assert torch.allclose(ended, x + 2 * (1 - begin), atol=1e-4)


@pytest.mark.parametrize(
    "told",
    [
        [5],
        [5, 6, 7],
        [10**9, 10**9, 0, 1],
        [5, 6, 0, 6],
        [5, 0, 0, 1],
        [-1, 3, 0, 1],
        [5, -1, 3, 1],
        ["many"] * 4,
        7,
    ],
)
def test_a_card_with_an_impossible_pca_is_refused(told: object) -> None:
    config = {"width": 64, "layers": 1}
    data = {"codes": 2, "places": 4, "kinds": ["a"], "outline": told}
    with pytest.raises((ValueError, TypeError)):
        create_network("flow", config, data)
