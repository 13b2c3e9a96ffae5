"""A plain forward of EfficientNet-Lite0 as published: convolution, batch normalisation and ReLU6 one by one."""

from __future__ import annotations

import torch
from torch.nn import functional

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
