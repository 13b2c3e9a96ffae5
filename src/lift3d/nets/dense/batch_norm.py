"""Folding of batch normalisation into the convolutions of EfficientNet-Lite0 (nets/dense/backbone.py), for tensors or arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

EPSILON = 1e-3
"""Constant of the batch normalisation."""
BLOCKS = 16


def fold(state: Mapping[str, Any], sqrt: Callable[[Any], Any], classifier: bool = False) -> dict[str, Any]:
    """The state of `EfficientNetLite0` from the published one: with gain g, offset o, mean m and variance v of a channel,
    weight' = weight g / sqrt(v + EPSILON) and bias' = o - m g / sqrt(v + EPSILON). sqrt: of the library of the tensors;
    classifier: with the head. KeyError for a tensor that is missing."""
    out: dict[str, Any] = {}

    def put(conv: str, norm: str, target: str) -> None:
        gain = state[f"{norm}.weight"] / sqrt(state[f"{norm}.running_var"] + EPSILON)
        out[f"{target}.conv.weight"] = state[f"{conv}.weight"] * gain[:, None, None, None]
        out[f"{target}.conv.bias"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * gain

    put("_conv_stem", "_bn0", "stem")
    for k in range(BLOCKS):
        theirs, ours = f"_blocks.{k}", f"blocks.{k}"
        if k > 0:  # the first block does not expand
            put(f"{theirs}._expand_conv", f"{theirs}._bn0", f"{ours}.expand")
        put(f"{theirs}._depthwise_conv", f"{theirs}._bn1", f"{ours}.depthwise")
        put(f"{theirs}._project_conv", f"{theirs}._bn2", f"{ours}.project")
    if classifier:
        put("_conv_head", "_bn1", "head")
        out["classes.weight"], out["classes.bias"] = state["_fc.weight"], state["_fc.bias"]
    return out
