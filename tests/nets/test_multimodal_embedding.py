"""The multimodal embedding: unit halves, contrastive losses against slow twins, and names shared with `ViewsToVolume`."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

from network_checks import randomised, same_under_a_seed, without_gradient  # noqa: E402

from lift3d.nets.multimodal_embedding import (  # noqa: E402
    CATEGORY_SIZE,
    EMBEDDING_SIZE,
    INSTANCE_SIZE,
    MAX_LOG_SCALE,
    MultimodalEmbedding,
    info_nce,
    normalize_halves,
    supervised_contrastive_loss,
)
from lift3d.nets.views_to_volume import ViewsToVolume  # noqa: E402


def unit(*shape: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(*shape, dtype=torch.float64), dim=1)


def test_every_modality_has_unit_halves_and_every_weight_is_used() -> None:
    net = randomised(MultimodalEmbedding(8, 1, 2))
    images = net(torch.rand(2, 4, 128, 128))
    shapes = net.embed_shapes((torch.rand(2, 64, 64, 64) > 0.5).float(), torch.rand(2, 4, 16, 16, 16))
    text = net.embed_text(torch.randn(2, 384))
    for x in (images, shapes):
        assert x.shape == (2, EMBEDDING_SIZE)
        halves = x.split([INSTANCE_SIZE, CATEGORY_SIZE], 1)
        assert all(torch.allclose(h.norm(dim=1), torch.ones(2), atol=1e-5) for h in halves)
    assert torch.allclose(text.norm(dim=1), torch.ones(2), atol=1e-5)
    weight = torch.randn(EMBEDDING_SIZE)
    loss = (images + shapes) @ weight
    loss = (loss.sum() + (text @ weight[:CATEGORY_SIZE]).sum()) * sum(net.scales())
    assert without_gradient(net, loss) <= {"image_tower.view_embed"}
    assert same_under_a_seed(lambda: MultimodalEmbedding(8, 1, 2))


def test_normalising_twice_changes_nothing_and_scale_does_not_matter() -> None:
    x = torch.randn(3, EMBEDDING_SIZE)
    y = normalize_halves(x)
    assert torch.allclose(normalize_halves(y), y, atol=1e-6)
    assert torch.allclose(normalize_halves(x * 7), y, atol=1e-6)


def test_scales_are_bounded() -> None:
    net = MultimodalEmbedding(8, 1, 2)
    assert [float(s.detach()) for s in net.scales()] == pytest.approx([14, 10], rel=1e-5)
    torch.nn.init.constant_(net.instance_scale, 50)
    assert float(net.scales()[0].detach()) == pytest.approx(math.exp(MAX_LOG_SCALE))


def test_info_nce_agrees_with_its_definition() -> None:
    a, b, scale = unit(5, 8), unit(5, 8), torch.tensor(7.0, dtype=torch.float64)
    loss = 0.0
    for i in range(5):
        for x, y in ((a, b), (b, a)):
            cosines = [float(scale * x[i] @ y[j]) for j in range(5)]
            loss -= math.log(math.exp(cosines[i]) / sum(map(math.exp, cosines))) / 10
    assert float(info_nce(a, b, scale)) == pytest.approx(loss)
    assert float(info_nce(a, a, scale * 10)) < float(info_nce(a, a.roll(1, 0), scale * 10))


def test_one_positive_a_row_is_info_nce() -> None:
    a, b, scale = unit(4, 6), unit(4, 6), torch.tensor(3.0)
    own = supervised_contrastive_loss(a, b, torch.eye(4, dtype=torch.bool), scale)
    assert float(own) == pytest.approx(float(info_nce(a, b, scale)))


def test_several_positives_share_the_target() -> None:
    """Captions of one category: the best the loss can reach is the entropy of the shared target."""
    positive = torch.block_diag(torch.ones(2, 2), torch.ones(3, 3)).bool()
    a = torch.nn.functional.one_hot(torch.tensor([0, 0, 1, 1, 1]), 2).double()
    loss = supervised_contrastive_loss(a, a, positive, torch.tensor(60.0))
    assert float(loss) == pytest.approx((2 * math.log(2) + 3 * math.log(3)) / 5, abs=1e-6)


def test_the_image_tower_has_the_names_of_views_to_volume() -> None:
    tower = {k: v.shape for k, v in MultimodalEmbedding(8, 1, 2).image_tower.state_dict().items()}
    views = {k: v.shape for k, v in ViewsToVolume(8, 1).state_dict().items()}
    assert all(views[k] == shape for k, shape in tower.items())
