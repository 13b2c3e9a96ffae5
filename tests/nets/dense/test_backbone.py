"""EfficientNet-Lite0: equal to a plain forward of its definition, sides that are odd, every weight used."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from efficientnet_twin import State, rows, slow_features  # noqa: E402
from network_checks import independent_in_the_batch, without_gradient  # noqa: E402

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0, SameConv, fold_batch_norm  # noqa: E402


def random_state() -> State:
    """A state with the published names and random values for which no layer saturates."""
    torch.manual_seed(0)
    state: State = {}

    def conv(name: str, norm: str, outputs: int, inputs: int, kernel: int) -> None:
        spread = (2 / (inputs * kernel**2)) ** 0.5
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel) * spread
        state[f"{norm}.weight"], state[f"{norm}.bias"] = torch.rand(outputs) + 0.5, torch.randn(outputs) * 0.1
        state[f"{norm}.running_mean"], state[f"{norm}.running_var"] = (
            torch.randn(outputs) * 0.1,
            torch.rand(outputs) + 0.5,
        )

    conv("_conv_stem", "_bn0", 32, 3, 3)
    inputs, k = 32, 0
    for repeats, kernel, _, expansion, outputs in rows():
        for _ in range(repeats):
            wide, name = inputs * expansion, f"_blocks.{k}"
            if expansion > 1:
                conv(f"{name}._expand_conv", f"{name}._bn0", wide, inputs, 1)
            conv(f"{name}._depthwise_conv", f"{name}._bn1", wide, 1, kernel)
            conv(f"{name}._project_conv", f"{name}._bn2", outputs, wide, 1)
            inputs, k = outputs, k + 1
    conv("_conv_head", "_bn1", 1280, 320, 1)
    state["_fc.weight"], state["_fc.bias"] = torch.randn(1000, 1280) / 36, torch.randn(1000)
    return state


@pytest.mark.parametrize("size", [(64, 64), (33, 70), (96, 47), (31, 32)])
def test_the_forward_equals_a_plain_one_of_the_definition(size: tuple[int, int]) -> None:
    state = {name: tensor.double() for name, tensor in random_state().items()}
    net = EfficientNetLite0(classifier=True).double().eval()
    net.load_state_dict(fold_batch_norm(state, classifier=True))
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        features, logits = slow_features(state, x)
        found = net(x)
        assert torch.allclose(net.logits(x), logits, atol=1e-8)
    # the last blocks before the resolution halves, and the last of all
    expected = [a for a, b in zip(features, [*features[1:], None]) if b is None or b.shape[2:] != a.shape[2:]]
    assert len(found) == len(expected) == 5
    for y, truth, channels, stride in zip(found, expected, CHANNELS, (2, 4, 8, 16, 32)):
        assert y.shape == truth.shape == (2, channels, -(-size[0] // stride), -(-size[1] // stride))
        assert torch.allclose(y, truth, atol=1e-8)


def test_every_weight_is_used_and_pictures_are_independent() -> None:
    net = EfficientNetLite0(classifier=True)
    net.load_state_dict(fold_batch_norm(random_state(), classifier=True))
    x = torch.randn(2, 3, 64, 64)
    assert not without_gradient(net, net.logits(x).square().sum())
    coarse = EfficientNetLite0().eval()
    assert independent_in_the_batch(lambda x: coarse(x)[-1], x)


def test_the_odd_pixel_of_padding_is_at_the_end() -> None:
    conv = SameConv(1, 1, 3, 2, active=False)
    torch.nn.init.ones_(conv.conv.weight)
    torch.nn.init.zeros_(conv.conv.bias)
    x = torch.arange(1.0, 5.0).reshape(1, 1, 1, 4)
    # one row: 1 + 2 + 3, then 3 + 4 and the padding
    assert conv(x).flatten().tolist() == [6, 7]


def test_without_the_classifier_there_are_no_logits() -> None:
    net = EfficientNetLite0()
    assert not any(name.startswith(("head", "classes")) for name in net.state_dict())
    with pytest.raises(ValueError, match="without its classifier"):
        net.logits(torch.zeros(1, 3, 32, 32))
