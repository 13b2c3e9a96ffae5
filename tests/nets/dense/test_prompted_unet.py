"""The prompted U-Net: size of the logits, the untouched backbone, the effect of prompts, what is frozen."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import randomised, without_gradient  # noqa: E402

from lift3d.geometry.image.prompt_maps import CHANNELS  # noqa: E402
from lift3d.nets.dense.depth_unet import FROZEN_BLOCKS  # noqa: E402
from lift3d.nets.dense.prompted_unet import PROMPTS, PromptedUNet  # noqa: E402


def test_the_maps_are_those_of_the_geometry() -> None:
    assert PROMPTS == CHANNELS


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_logits_have_the_size_of_the_input(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    net = randomised(PromptedUNet(8)).eval()
    with torch.no_grad():
        x = torch.randn(2, 3 + PROMPTS, *size)
        together, alone = net(x), net(x[1:])
    assert together.shape == (2, 1, *size) and torch.allclose(together[1:], alone, atol=1e-4)


def test_a_new_network_leaves_the_features_of_the_backbone_as_they_are() -> None:
    torch.manual_seed(0)
    net = PromptedUNet(8)
    prompts = torch.rand(1, PROMPTS, 8, 8)
    assert not net.hint(prompts).any(), "the hint is zero at first"
    randomised(net)
    assert net.hint(prompts).any()


def test_prompts_change_the_logits() -> None:
    torch.manual_seed(0)
    net = randomised(PromptedUNet(8)).eval()
    x = torch.randn(1, 3 + PROMPTS, 64, 64)
    x[:, 3:] = 0
    with torch.no_grad():
        plain = net(x)
        for channel in range(PROMPTS):
            other = x.clone()
            other[:, 3 + channel] = 1
            assert not torch.allclose(net(other), plain, atol=1e-5), channel


def test_every_weight_is_used() -> None:
    net = randomised(PromptedUNet(8))
    y = net(torch.rand(1, 3 + PROMPTS, 64, 64))
    assert not without_gradient(net, y.square().sum())


def test_the_first_blocks_and_the_depthwise_kernels_are_frozen() -> None:
    net = PromptedUNet(8)
    net.freeze_early()
    frozen = {name for name, p in net.named_parameters() if not p.requires_grad}
    early = ("backbone.stem.", *(f"backbone.blocks.{k}." for k in range(FROZEN_BLOCKS)))
    assert frozen == {
        name for name, _ in net.named_parameters() if name.startswith(early) or ".depthwise." in name
    }
