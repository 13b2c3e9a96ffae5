"""Masked autoencoders: hidden blocks stay hidden, and their parts initialise other networks."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import randomised, without_gradient  # noqa: E402
from shapes_for_nets import l_shape  # noqa: E402

from lift3d.nets.masked_autoencoder import BLOCKS, MaskedImageAutoencoder, MaskedVoxelAutoencoder, expand_mask  # noqa: E402
from lift3d.nets.shape_classifier import VoxelClassifier  # noqa: E402


def test_hidden_blocks_do_not_influence_the_output() -> None:
    hidden = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    hidden[0, 2, 3, 4] = True
    other = l_shape()
    other[0, 16:24, 24:32, 32:40] = 1 - other[0, 16:24, 24:32, 32:40]
    net = MaskedVoxelAutoencoder(8).eval()
    with torch.no_grad():
        assert torch.equal(net(l_shape(), hidden), net(other, hidden))
        assert not torch.equal(net(l_shape(), ~hidden), net(other, ~hidden))
        assert net(l_shape(), hidden).shape == (1, 64, 64, 64)
    assert int(expand_mask(hidden, 64).sum()) == 8**3 and bool(expand_mask(hidden, 64)[0, 17, 25, 33])
    pictures, flat = torch.randn(1, 4, 128, 128), torch.ones(1, 8, 8, dtype=torch.bool)
    with torch.no_grad():
        assert MaskedImageAutoencoder(8).eval()(pictures, flat).shape == (1, 4, 128, 128)


def test_pre_trained_parts_fit_by_name_and_shape() -> None:
    own = {k: v.shape for k, v in VoxelClassifier(4).state_dict().items()}
    pretrained = {
        k: v.shape for k, v in MaskedVoxelAutoencoder().state_dict().items() if k.startswith("backbone.")
    }
    assert pretrained and all(own[k] == shape for k, shape in pretrained.items())
    from lift3d.nets.views_to_volume import ViewsToVolume

    views = {k: v.shape for k, v in ViewsToVolume(8, 1).state_dict().items()}
    views_seen = {
        k: v.shape for k, v in MaskedImageAutoencoder(8).state_dict().items() if k.startswith("encoder.")
    }
    assert views_seen and all(views[k] == shape for k, shape in views_seen.items())


@pytest.mark.parametrize("axes", [2, 3])
def test_a_block_becomes_equal_voxels(axes: int) -> None:
    hidden = torch.rand(2, *(BLOCKS,) * axes) > 0.5
    full = expand_mask(hidden, 32)
    assert full.shape == (2, *(32,) * axes)
    assert full.float().mean() == hidden.float().mean()
    assert torch.equal(full[(slice(None), *(slice(None, None, 4),) * axes)], hidden)


def test_every_weight_of_the_masked_autoencoders_is_used() -> None:
    voxels = randomised(MaskedVoxelAutoencoder(4))
    loss = voxels(l_shape(), torch.rand(1, 8, 8, 8) > 0.5).square().mean()
    assert not without_gradient(voxels, loss)
    images = randomised(MaskedImageAutoencoder(2))
    loss = images(torch.rand(1, 4, 128, 128), torch.rand(1, 8, 8) > 0.5).square().mean()
    assert not without_gradient(images, loss)
