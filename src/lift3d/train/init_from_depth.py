"""Networks on cut-outs start with the packaged weights of the depth network: from random ones a run may end in a network that
ignores its input."""

from __future__ import annotations

import torch

from lift3d.nets.dense.layered_depth_unet import CutoutUNet, LayeredDepthUNet
from lift3d.weights import find, is_packaged, load_tensors

DEPTH = "image_to_depth"


def start_with_depth(net: CutoutUNet) -> None:
    """Copy the packaged depth network into one on cut-outs; nothing where the package has none."""
    if is_packaged(DEPTH):
        copy_decoder(net, load_tensors(find(DEPTH).file, DEPTH))


def copy_decoder(net: CutoutUNet, depth: dict[str, torch.Tensor]) -> None:
    """Copy the weights of the depth network, as far as the sizes agree; those of the mask's channel, which is the last input of
    convolutions, are zero at first, and so are all outputs but the normals of a network that has them."""
    own = net.state_dict()
    for key, value in depth.items():
        name = key.removeprefix("net.")
        if name not in own:
            continue
        mine = own[name]
        if name.startswith("head."):
            mine.zero_()
            if isinstance(net, LayeredDepthUNet) and mine.shape[1:] == value.shape[1:]:
                mine[2:] = value[1:].to(mine.dtype)
        elif mine.shape == value.shape:
            mine.copy_(value)
        elif mine.dim() == 4 and mine.shape[0] == value.shape[0] and mine.shape[1] == value.shape[1] + 1:
            mine.zero_()
            mine[:, :-1] = value.to(mine.dtype)
