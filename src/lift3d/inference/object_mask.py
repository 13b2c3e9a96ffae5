"""The network of `image_to_mask` on a square picture: the U-Net with prompts on a pre-trained backbone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lift3d.geometry.image.prompt_maps import Prompts, prompt_maps
from lift3d.inference.runtimes import Network
from lift3d.nets.sizes import MEAN, SCALE
from lift3d.types import F32
from lift3d.weights import PretrainedCfg

DEFAULT_SIDE = 256


def input_side(cfg: PretrainedCfg) -> int:
    """Side of the network's input in pixels: as the card states it, or as in the run."""
    return int(cfg.image_size or cfg.config.get("side", DEFAULT_SIDE))


def object_probability(net: Network, rgb: NDArray[np.uint8], prompts: Prompts) -> F32:
    """(S, S) float32 in [0, 1]: probability of the object, averaged with that of the reflected picture.

    rgb (S, S, 3): sRGB, S = `input_side`; prompts: in its pixels."""
    x = ((rgb.astype(np.float32) - np.float32(MEAN)) / np.float32(SCALE)).transpose(2, 0, 1)
    x = np.concatenate([x, prompt_maps(rgb.shape[0], rgb.shape[1], prompts)])
    (probability,) = net.run("mask", np.stack([x, x[..., ::-1]]))
    return np.asarray((probability[0] + probability[1, :, ::-1]) / 2, np.float32)
