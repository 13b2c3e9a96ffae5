"""The U-Net of masks: sizes, gradients, and outputs that do not depend on the rest of the batch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402

from lift3d.nets.mask_unet import UNet, create_mask_unet  # noqa: E402


@pytest.mark.parametrize("size", [(32, 32), (32, 64), (96, 32)])
def test_the_output_has_the_size_of_the_input(size: tuple[int, int]) -> None:
    net = randomised(create_mask_unet(2))
    x = torch.rand(2, 3, *size)
    y = net(x)
    assert y.shape == (2, 1, *size) and y.dtype == torch.float32
    assert independent_in_the_batch(net, x)


def test_every_weight_is_used() -> None:
    net = randomised(UNet((2, 3, 4), out=2))
    y = net(torch.rand(1, 3, 16, 16))
    assert y.shape == (1, 2, 16, 16)
    assert not without_gradient(net, y.square().sum())


def test_a_side_that_does_not_halve_is_refused() -> None:
    with pytest.raises(RuntimeError):
        UNet((2, 3, 4))(torch.rand(1, 3, 18, 18))


def test_weights_depend_on_the_seed_and_their_number_on_the_width() -> None:
    assert same_under_a_seed(lambda: create_mask_unet(2))
    small, large = (sum(p.numel() for p in create_mask_unet(w).parameters()) for w in (4, 8))
    assert 3.5 < large / small < 4.1, "the network grows with the square of its width"


def test_the_receptive_field_spans_the_picture() -> None:
    net = randomised(create_mask_unet(4))
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    net(x)[0, 0, 24:40, 24:40].sum().backward()
    seen = x.grad[0].abs().sum(0) > 0
    assert seen[0].any() and seen[-1].any() and seen[:, 0].any() and seen[:, -1].any()
