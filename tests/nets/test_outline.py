"""The outline that a drawing begins with: coordinates there and back, a flow that learns two points, where the code begins."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.nets.latent_flow import LatentFlow, drawn, outlined  # noqa: E402
from lift3d.nets.outline import Outline  # noqa: E402


def held(seed: int = 0, count: int = 200, size: int = 24) -> torch.Tensor:
    """Codes of three large directions and small noise."""
    g = torch.Generator().manual_seed(seed)
    wide = torch.randn(count, 3, generator=g) * torch.tensor([5.0, 3.0, 2.0])
    axes = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(9)))[0][:3]
    return wide @ axes + 0.05 * torch.randn(count, size, generator=g) + 1


def test_coordinates_are_white_and_hold_what_varies() -> None:
    net, x = Outline(2, 3, 24), held()
    net.learn(x)
    y = net.of(x)
    assert torch.allclose(y.mean(0), torch.zeros(3), atol=1e-3) and torch.allclose(
        y.var(0, unbiased=False), torch.ones(3), atol=1e-3
    )
    assert float((net.code(y) - x).square().mean()) < 0.05**2 * 1.2
    assert torch.allclose(net.of(net.code(y)), y, atol=1e-4)
    new = held(1)
    assert float((net.code(net.of(new)) - new).square().mean()) < 0.05**2 * 1.5, (
        "directions are of all, not of these"
    )


def test_it_learns_which_kind_lies_where() -> None:
    torch.manual_seed(0)
    x = held()
    net = Outline(2, 3, 24, width=32, layers=2)
    net.learn(x)
    left = net.of(x)[:, 0] < 0
    kind = left.long()
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(400):
        optimiser.zero_grad()
        net.loss(x, kind).backward()
        optimiser.step()
    with torch.no_grad():
        for k in (0, 1):
            y = net.drawn(torch.randn(200, 3), torch.full((200,), k), 16)
            assert float((y[:, 0] < 0).float().mean()) == pytest.approx(k, abs=0.1)
            assert 0.7 < float(y[:, 1:].std()) < 1.3


def test_a_drawing_begins_between_noise_and_outline() -> None:
    torch.manual_seed(0)
    net = LatentFlow(2, 3, 64, 1, 4, local=16, outline=5).eval()
    assert net.outline is not None
    net.outline.learn(torch.randn(50, 128))
    noise, y, kind = torch.randn(2, 2, 4, 4, 4), torch.randn(2, 5), torch.tensor([0, 2])
    with torch.no_grad():
        assert torch.equal(outlined(net, noise, y, kind, 0.0), noise)
        x = outlined(net, noise, y, kind, 0.25)
        rest = (x - 0.75 * noise).flatten(1) / 0.25
        assert torch.allclose(rest, net.outline.code(net.outline.drawn(y, kind)), atol=1e-5)
        assert torch.equal(drawn(net, x, kind, 4, begin=0.25), x), "an untrained flow stands still"
    plain = LatentFlow(2, 3, 64, 1, 4, local=16)
    assert plain.outline is None and torch.equal(outlined(plain, noise, y, kind, 0.25), noise)


@pytest.mark.parametrize("begin", [0.0, 0.25, 0.5])
def test_a_drawing_goes_on_from_where_it_begins(begin: float) -> None:
    """With a velocity that is the same everywhere the way from `begin` on is the rest of the way."""
    net = LatentFlow(2, 3, 64, 1, 4, local=16).eval()
    with torch.no_grad():
        assert net.close.bias is not None
        net.close.bias.fill_(2.0)
        x = torch.randn(2, 2, 4, 4, 4)
        for steps in (1, 5, 12):
            made = drawn(net, x, torch.tensor([0, 1]), steps, begin=begin)
            assert torch.allclose(made, x + 2 * (1 - begin), atol=1e-4)
