"""The U-Net: shapes of its outputs, deep supervision, gradients, and equality with its weights restored."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from small_plan import small_plan  # noqa: E402

from lift3d.nets.factory import create_network  # noqa: E402
from lift3d.nets.segmentation.plan import Plan  # noqa: E402
from lift3d.nets.segmentation.unet import ResidualUNet3d  # noqa: E402
from lift3d.train.segmentation.planning import estimate  # noqa: E402

ANISOTROPIC = small_plan(
    strides=((1, 1, 1), (2, 2, 1), (2, 2, 2)), kernels=((3, 3, 1), (3, 3, 3), (3, 3, 3)), patch=(16, 16, 4)
)
TWO_STAGES = small_plan(
    strides=((1, 1, 1), (2, 2, 2)), kernels=((3, 3, 3),) * 2, widths=(4, 8), blocks=(1, 1)
)


@pytest.mark.parametrize("plan", [small_plan(), ANISOTROPIC, TWO_STAGES], ids=["cubic", "anisotropic", "two"])
def test_shapes_and_gradients(plan: Plan) -> None:
    torch.manual_seed(0)
    net = ResidualUNet3d.of(plan)
    x = torch.randn(2, 1, *plan.patch)
    outputs = net.train()(x)
    assert len(outputs) == max(len(plan.widths) - 2, 1)
    sides = torch.tensor(plan.patch)
    for out, stride in zip(outputs, plan.strides):
        sides = sides // torch.tensor(stride)
        assert out.shape == (2, plan.classes, *sides.tolist())
    sum(out.square().mean() for out in outputs).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    with torch.no_grad():
        alone = net.eval()(x)
    assert torch.allclose(alone, outputs[0], atol=1e-5)


def test_the_estimate_counts_the_weights() -> None:
    for plan in (small_plan(), ANISOTROPIC, TWO_STAGES):
        kernels = sum(p.numel() for p in ResidualUNet3d.of(plan).parameters() if p.ndim == 5)
        heads = plan.classes * sum(plan.widths[:-2] or plan.widths[:1])
        counted = estimate(plan, 1).weights
        shortcuts = sum(a * b for a, b in zip(plan.widths, plan.widths[1:]) if a != b)
        assert counted == kernels - heads - shortcuts


def test_the_card_builds_the_network() -> None:
    net = create_network("segmentation", {}, {"plan": small_plan().to_json()})
    assert isinstance(net, ResidualUNet3d)
    own = ResidualUNet3d.of(small_plan()).state_dict()
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in own.items()}
