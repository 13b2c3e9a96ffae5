"""Categories of embedding vectors: a missing modality counts as the mean, and known statistics are undone."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, randomised, same_under_a_seed, without_gradient  # noqa: E402

from lift3d.nets.embedding_classifier import (  # noqa: E402
    SHAPE_WEIGHT,
    EmbeddingClassifierNet,
    KernelClassifierNet,
)
from lift3d.nets.factory import create_network  # noqa: E402
from lift3d.nets.multimodal_embedding import EMBEDDING_SIZE  # noqa: E402


def net_of(labels: int = 5) -> EmbeddingClassifierNet:
    net = randomised(EmbeddingClassifierNet(labels, 16))
    net.mean.normal_(generator=torch.Generator().manual_seed(1))
    net.std.uniform_(0.5, 2, generator=torch.Generator().manual_seed(2))
    return net


def test_logits_and_gradients() -> None:
    net, x = net_of(), torch.randn(3, EMBEDDING_SIZE)
    there = torch.ones(3, 2, dtype=torch.bool)
    logits = net(x, x, there)
    assert logits.shape == (3, 5) and logits.dtype == torch.float32
    assert not without_gradient(net, logits.square().sum())
    assert independent_in_the_batch(lambda part: net(part, part, there[: len(part)]), x)
    assert same_under_a_seed(lambda: EmbeddingClassifierNet(4, 8))


@pytest.mark.parametrize("missing", [0, 1])
def test_the_value_of_a_missing_modality_is_ignored(missing: int) -> None:
    net, x = net_of(), torch.randn(2, EMBEDDING_SIZE)
    there = torch.ones(2, 2, dtype=torch.bool)
    there[:, missing] = False
    others = [torch.randn(2, EMBEDDING_SIZE) for _ in range(2)]
    args = [(o, x) if missing == 0 else (x, o) for o in others]
    with torch.no_grad():
        a, b = (net(*pair, there) for pair in args)
        assert torch.equal(a, b)
        there[:, missing] = True
        assert not torch.allclose(net(*args[0], there), net(*args[1], there))


def test_a_missing_modality_differs_from_one_at_the_mean_by_its_flag_alone() -> None:
    net, x = net_of(), torch.randn(1, EMBEDDING_SIZE)
    at_mean = net.mean[1:2]
    with torch.no_grad():
        flag = net.fc.weight[:, -1].clone()
        missing = net(x, at_mean, torch.tensor([[True, False]]))
        net.fc.bias.sub_(flag)
        present = net(x, at_mean, torch.tensor([[True, True]]))
    assert torch.allclose(missing, present, atol=1e-5)


def test_standardised_vectors_give_the_same_logits() -> None:
    net, x = net_of(), torch.randn(2, EMBEDDING_SIZE)
    there = torch.ones(2, 2, dtype=torch.bool)
    with torch.no_grad():
        before = net(x, x, there)
        moved = [x * 2 + 1, x * 2 + 1]
        net.mean, net.std = net.mean * 2 + 1, net.std * 2
        assert torch.allclose(net(*moved, there), before, atol=1e-4)


def kernel_net(labels: int = 3, centres: int = 7) -> KernelClassifierNet:
    net, rng = KernelClassifierNet(labels, centres), torch.Generator().manual_seed(0)
    net.centres = torch.nn.functional.normalize(torch.randn(centres, EMBEDDING_SIZE, generator=rng), dim=1)
    net.coefficients = torch.randn(centres, labels, generator=rng)
    net.sharpness, net.scale = torch.tensor(3.0), torch.tensor([2.0, 5.0])
    return net


def test_the_kernel_network_agrees_with_its_formula() -> None:
    net = kernel_net()
    views, shapes = torch.randn(2, 4, EMBEDDING_SIZE, generator=torch.Generator().manual_seed(1))
    present = torch.tensor([[True, True], [True, False], [False, True], [True, True]])
    logits = net(views, shapes, present)
    assert logits.shape == (4, 3) and logits.dtype == torch.float32
    for k in range(4):
        x = views[k] * present[k, 0] + SHAPE_WEIGHT * shapes[k] * present[k, 1]
        kernel = torch.stack([torch.exp(3 * (x @ c / x.norm() - 1)) for c in net.centres])
        scale = 5.0 if present[k, 1] else 2.0
        assert torch.allclose(logits[k], scale * kernel @ net.coefficients, atol=1e-5)
    nothing = net(0 * views, 0 * shapes, torch.zeros(4, 2, dtype=torch.bool))
    assert torch.isfinite(nothing).all(), "a shape without any vector"


@pytest.mark.parametrize("missing", [0, 1])
def test_the_kernel_network_ignores_the_value_of_a_missing_modality(missing: int) -> None:
    net, x = kernel_net(), torch.ones(2, EMBEDDING_SIZE)
    there = torch.ones(2, 2, dtype=torch.bool)
    there[:, missing] = False
    args = [(k * x, x) if missing == 0 else (x, k * x) for k in (1, -2)]
    assert torch.equal(net(*args[0], there), net(*args[1], there))


def test_the_kind_of_a_card_decides_on_the_network() -> None:
    config, data = {"hidden": 4, "dropout": 0.0}, {"labels": ["a", "b"], "centres": 3}
    assert isinstance(create_network("embedding_to_label", config, data), EmbeddingClassifierNet)
    net = create_network("embedding_to_label", {**config, "kind": "kernel"}, data)
    assert isinstance(net, KernelClassifierNet) and net.centres.shape == (3, EMBEDDING_SIZE)
    with pytest.raises(ValueError, match="centres"):
        create_network("embedding_to_label", {"kind": "kernel"}, {**data, "centres": 0})
