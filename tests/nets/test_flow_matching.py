"""Flow matching: the velocity's gradients, guidance, and integrators against flows that are solved exactly."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402

from lift3d.nets.flow_matching import (  # noqa: E402
    LatentFlow,
    flow_matching_loss,
    guided_velocity,
    integrate_adams_bashforth,
    integrate_heun,
)


class Linear(torch.nn.Module):
    """dx/dt = a x + b(category), whose solution is known; category 2 is the unconditional one."""

    categories = 2

    def forward(self, x: torch.Tensor, t: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
        return 0.7 * x + category.view(-1, 1).to(x)


def exact(x: torch.Tensor, b: float, t: float = 1.0) -> torch.Tensor:
    growth = torch.exp(torch.tensor(0.7 * t, dtype=x.dtype))
    return x * growth + b / 0.7 * (growth - 1)


@pytest.mark.parametrize("size", [4, 8])
def test_velocities_have_the_latents_shape_and_every_weight_is_used(size: int) -> None:
    net = randomised(LatentFlow(2, 3, 64, 1, size, local=8))
    x, t, category = torch.randn(2, *net.shape), torch.tensor([0.2, 0.9]), torch.tensor([0, 3])
    v = net(x, t, category)
    assert v.shape == x.shape and v.dtype == torch.float32
    assert not without_gradient(net, v.square().mean())
    assert independent_in_the_batch(
        lambda part: net(part, t[:1].expand(len(part)), category[:1].expand(len(part))), x
    )
    assert same_under_a_seed(lambda: LatentFlow(2, 3, 64, 1, size, local=8))


def test_an_untrained_flow_has_zero_velocity_and_its_loss() -> None:
    net = LatentFlow(1, 2, 64, 1, local=8).eval()
    x, category = torch.randn(2, *net.shape), torch.tensor([0, 1])
    with torch.no_grad():
        assert torch.equal(net(x, torch.rand(2), category), torch.zeros_like(x))
        torch.manual_seed(0)
        loss = float(flow_matching_loss(net, x, category))
        torch.manual_seed(0)
        assert loss == pytest.approx(float((x - torch.randn_like(x)).square().mean()), rel=1e-5)


def test_normalise_inverts_denormalise() -> None:
    net = LatentFlow(2, 2, 64, 1, local=8)
    net.mean.normal_()
    net.std.uniform_(0.5, 2)
    x = torch.randn(3, *net.shape)
    assert torch.allclose(net.denormalise(net.normalise(x)), x, atol=1e-5)


@pytest.mark.parametrize("guidance", [0.0, 0.5, 1.0, 3.0])
def test_guidance_extrapolates_from_the_unconditional_velocity(guidance: float) -> None:
    x, category = torch.randn(4, 3), torch.tensor([0, 1, 1, 0])
    v = guided_velocity(Linear(), x, 0.3, category, guidance)
    conditional, unconditional = 0.7 * x + category[:, None], 0.7 * x + 2
    assert torch.allclose(v, unconditional + guidance * (conditional - unconditional), atol=1e-6)


@pytest.mark.parametrize("integrate", [integrate_heun, integrate_adams_bashforth])
def test_the_error_falls_with_the_square_of_the_step(integrate) -> None:
    x, category = torch.ones(1, 2, dtype=torch.float64), torch.tensor([1])
    errors = [float((integrate(Linear(), x, category, n) - exact(x, 1.0)).abs().max()) for n in (8, 16, 32)]
    assert errors[0] < 0.02
    for coarse, fine in zip(errors, errors[1:]):
        assert 3.2 < coarse / fine < 5


def test_heuns_method_is_reversible() -> None:
    x, category = torch.randn(3, 2, dtype=torch.float64), torch.tensor([0, 1, 1])
    there = integrate_heun(Linear(), x, category, 40)
    assert torch.allclose(integrate_heun(Linear(), there, category, 40, reverse=True), x, atol=1e-4)


def test_sampling_may_begin_later_and_guide_in_an_interval_only() -> None:
    x, category = torch.ones(1, 2, dtype=torch.float64), torch.tensor([1])
    late = integrate_adams_bashforth(Linear(), x, category, 40, begin=0.5)
    assert torch.allclose(late, exact(x, 1.0, 0.5), atol=1e-3)
    never = integrate_adams_bashforth(Linear(), x, category, 20, guidance=4.0, guided=(2.0, 3.0))
    assert torch.equal(never, integrate_adams_bashforth(Linear(), x, category, 20))
    assert not torch.allclose(never, integrate_adams_bashforth(Linear(), x, category, 20, guidance=4.0))


@pytest.mark.parametrize("steps", [1, 2])
def test_few_steps_evaluate_few_velocities(steps: int) -> None:
    calls = []

    class Counted(Linear):
        def forward(self, x: torch.Tensor, t: torch.Tensor, category: torch.Tensor) -> torch.Tensor:
            calls.append(float(t[0]))
            return super().forward(x, t, category)

    integrate_adams_bashforth(Counted(), torch.ones(1, 2), torch.tensor([0]), steps)
    assert len(calls) == steps + 1 and calls[0] == 0.0
