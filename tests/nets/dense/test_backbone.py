"""EfficientNet-Lite0: equal to a plain forward of its definition, sides that are odd, every weight used."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from network_checks import independent_in_the_batch, without_gradient  # noqa: E402
from torch.nn import functional  # noqa: E402

from lift3d.nets.dense.backbone import CHANNELS, EfficientNetLite0, SameConv, fold_batch_norm  # noqa: E402

TABLE = """
1 3 1 1 16
2 3 2 6 24
2 5 2 6 40
3 3 2 6 80
3 5 1 6 112
4 5 2 6 192
1 3 1 6 320
"""
"""Repeats, kernel, stride, expansion, channels: table 1 of Tan & Le (2019)."""
State = dict[str, torch.Tensor]


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


def rows() -> list[list[int]]:
    return [[int(x) for x in line.split()] for line in TABLE.split("\n") if line]


def same_padding(x: torch.Tensor, kernel: int, stride: int) -> torch.Tensor:
    """TensorFlow's documentation of "SAME", one side after the other."""
    for axis in (2, 3):
        n = x.shape[axis]
        outputs = (n + stride - 1) // stride
        total = max((outputs - 1) * stride + kernel - n, 0)
        zeros = [
            x.new_zeros(*x.shape[:axis], w, *x.shape[axis + 1 :]) for w in (total // 2, total - total // 2)
        ]
        x = torch.cat([zeros[0], x, zeros[1]], axis)
    return x


def slow_features(state: State, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Outputs of all blocks, and the logits: convolution, batch normalisation and ReLU6 one by one."""

    def layer(x: torch.Tensor, conv: str, norm: str, stride: int = 1, active: bool = True) -> torch.Tensor:
        w = state[f"{conv}.weight"]
        groups = x.shape[1] // w.shape[1]
        y = functional.conv2d(same_padding(x, w.shape[-1], stride), w, stride=stride, groups=groups)
        mean, var, gain, offset = (
            state[f"{norm}.{k}"][:, None, None] for k in ("running_mean", "running_var", "weight", "bias")
        )
        y = (y - mean) / (var + 1e-3).sqrt() * gain + offset
        return y.clamp(0, 6) if active else y

    x = layer(x, "_conv_stem", "_bn0", 2)
    out: list[torch.Tensor] = []
    for repeats, _, stride, expansion, _ in rows():
        for r in range(repeats):
            name, y = f"_blocks.{len(out)}", x
            if expansion > 1:
                y = layer(y, f"{name}._expand_conv", f"{name}._bn0")
            y = layer(y, f"{name}._depthwise_conv", f"{name}._bn1", stride if r == 0 else 1)
            y = layer(y, f"{name}._project_conv", f"{name}._bn2", active=False)
            x = x + y if r > 0 else y
            out.append(x)
    pooled = layer(x, "_conv_head", "_bn1").mean((2, 3))
    return out, pooled @ state["_fc.weight"].T + state["_fc.bias"]


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
