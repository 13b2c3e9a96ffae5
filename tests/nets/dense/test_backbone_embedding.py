"""The embedding on the frozen backbone: what the features are, halves of unit length, and that the backbone gets no gradient."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch  # noqa: E402

from lift3d.nets.dense.backbone import HEAD, EfficientNetLite0  # noqa: E402
from lift3d.nets.dense.backbone_embedding import (  # noqa: E402
    COARSE,
    CODE_SCALE,
    CODE_SHIFT,
    FEATURES,
    BackboneEmbedding,
    picture_features,
)
from lift3d.nets.factory import create_network  # noqa: E402
from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE, INSTANCE_SIZE  # noqa: E402
from lift3d.nets.sizes import MEAN, SCALE  # noqa: E402


def backbone() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0(classifier=True).eval()


@pytest.mark.parametrize("code", [0, 17, 127, 255])
def test_colours_reach_the_backbone_as_it_was_trained(code: int) -> None:
    colour = (code / 255 - 0.5) * 2  # as geometry/image/cutout.py scales an opaque pixel
    assert colour * CODE_SCALE + CODE_SHIFT == pytest.approx((code - MEAN) / SCALE, abs=1e-6)


def test_features_are_means_and_maxima_of_the_maps() -> None:
    net = backbone()
    pictures = torch.rand(2, 4, 64, 64) * 2 - 1
    with torch.no_grad():
        found = picture_features(net, pictures)
        maps = net(pictures[:, :3] * CODE_SCALE + CODE_SHIFT)
        assert net.head is not None
        head = net.head(maps[4])
    assert found.shape == (2, FEATURES)
    for b in range(2):
        assert torch.allclose(found[b, :HEAD], head[b].flatten(1).mean(1), atol=1e-5)
        assert torch.allclose(found[b, HEAD : HEAD + COARSE], maps[3][b].flatten(1).mean(1), atol=1e-5)
        assert torch.allclose(
            found[b, HEAD + COARSE : HEAD + 2 * COARSE], maps[3][b].flatten(1).amax(1), atol=1e-5
        )
        assert torch.allclose(found[b, HEAD + 2 * COARSE :], maps[2][b].flatten(1).mean(1), atol=1e-5)


def test_the_mask_is_ignored_and_a_backbone_without_its_head_is_refused() -> None:
    net = backbone()
    pictures = torch.rand(1, 4, 32, 32)
    other = pictures.clone()
    other[:, 3] = 0
    with torch.no_grad():
        assert torch.equal(picture_features(net, pictures), picture_features(net, other))
    with pytest.raises(ValueError, match="head"):
        picture_features(EfficientNetLite0().eval(), pictures)


def test_vectors_have_two_halves_of_unit_length_and_do_not_depend_on_the_batch() -> None:
    net = BackboneEmbedding(8).eval()
    features = torch.randn(5, FEATURES)
    with torch.no_grad():
        vectors = net(features)
        assert vectors.shape == (5, EMBEDDING_SIZE)
        for half in (vectors[:, :INSTANCE_SIZE], vectors[:, INSTANCE_SIZE:]):
            assert half.norm(dim=1).allclose(torch.ones(5), atol=1e-5)
        assert net.embed_text(torch.randn(3, 384)).norm(dim=1).allclose(torch.ones(3), atol=1e-5)
        assert net.upright(features).shape == (5,)
    assert independent_in_the_batch(net, features)


def test_the_factory_makes_both_kinds_and_the_backbone_is_not_among_the_weights() -> None:
    net = create_network("embedding", {"kind": "backbone", "hidden": 8}, {})
    assert isinstance(net, BackboneEmbedding)
    assert sum(t.numel() for t in net.state_dict().values()) < 1_000_000
    assert not any("blocks" in name for name in net.state_dict())
    other = create_network("embedding", {"width": 8, "layers": 1, "solid": 4}, {})
    assert not isinstance(other, BackboneEmbedding)
