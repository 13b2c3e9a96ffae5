"""The loss equals its formulas, ignores voxels that are left out, and has the weights of deep supervision."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from lift3d.train.segmentation.cases import UNLABELLED  # noqa: E402
from lift3d.train.segmentation.losses import deep_loss, dice_and_entropy  # noqa: E402

STRIDES = ((1, 1, 1), (2, 2, 2), (2, 2, 1))


def sample(classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, classes, 4, 6, 8), torch.randint(0, classes, (2, 4, 6, 8))


def test_a_perfect_prediction_has_no_loss() -> None:
    _, classes = sample()
    logits = 60 * torch.nn.functional.one_hot(classes, 3).permute(0, 4, 1, 2, 3).float()
    dice, entropy = dice_and_entropy(logits, classes)
    assert dice < 1e-4 and entropy < 1e-4


def test_the_loss_is_that_of_the_formulas() -> None:
    logits, classes = sample()
    dice, entropy = dice_and_entropy(logits, classes)
    p = torch.softmax(logits, 1)
    expected = []
    for k in (1, 2):
        truth = (classes == k).float()
        expected.append(2 * (p[:, k] * truth).sum() / (p[:, k].sum() + truth.sum()))
    assert torch.isclose(dice, 1 - torch.stack(expected).mean(), atol=1e-5)
    assert torch.isclose(entropy, torch.nn.functional.cross_entropy(logits, classes))


def test_voxels_that_are_left_out_have_no_gradient() -> None:
    logits, classes = sample()
    classes[0, :2] = UNLABELLED
    logits.requires_grad_()
    total = deep_loss([logits], classes, STRIDES)["loss"]
    total.backward()
    assert logits.grad is not None
    assert (logits.grad[0, :, :2] == 0).all() and (logits.grad[0, :, 2:] != 0).any()
    empty, _ = sample()
    assert torch.isfinite(deep_loss([empty], torch.full((2, 4, 6, 8), UNLABELLED), STRIDES)["loss"])


def test_the_weights_of_the_stages_halve_and_sum_to_one() -> None:
    logits, classes = sample()
    coarse, coarsest = torch.randn(2, 3, 2, 3, 4), torch.randn(2, 3, 1, 2, 4)
    parts = [
        sum(dice_and_entropy(stage, target))
        for stage, target in (
            (logits, classes), (coarse, classes[:, ::2, ::2, ::2]), (coarsest, classes[:, ::4, ::4, ::2])
        )
    ]  # fmt: skip
    found = deep_loss([logits, coarse, coarsest], classes, STRIDES)
    assert torch.isclose(found["loss"], (4 * parts[0] + 2 * parts[1] + parts[2]) / 7)
    assert torch.isclose(found["dice"] + found["entropy"], parts[0])
