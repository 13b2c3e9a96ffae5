"""Training of `image_to_mask`: the mask of one object of a picture, with clicks and a box as optional prompts, by a U-Net on a
pre-trained backbone.

The data are rendered pictures, and objects pasted onto other pictures. Loss: binary cross-entropy plus the soft Dice loss. The
first blocks of the backbone are not trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lift3d.corpus.pictures.photographs import Photographs
from lift3d.corpus.scenes.depth_shards import DepthSet
from lift3d.geometry.metrics.iou import batch_iou
from lift3d.inference.backbone import load_backbone
from lift3d.nets.dense.guided_unet import STRIDE
from lift3d.nets.dense.prompted_unet import PromptedUNet
from lift3d.train.config import Range, Schedule, option
from lift3d.train.data.copy_paste import CopyPaste, PastedScene
from lift3d.train.data.picture_set import PictureSet
from lift3d.train.data.prompted_samples import (
    BOX,
    CLICK,
    FREQUENCIES,
    MODES,
    NONE,
    PromptedSample,
    augment,
    make_sample,
    sample_prompts,
    sample_target,
)
from lift3d.train.data.sampling import sample_indices
from lift3d.train.losses import soft_dice_loss
from lift3d.train.task import Batch, Task

THRESHOLDS = np.round(np.arange(0.3, 0.71, 0.05), 2)
VALIDATED = (NONE, CLICK, BOX)
"""Kinds of prompts with which the validation scenes are segmented in turn."""


@dataclass(frozen=True)
class Config(Schedule):
    """Options of the task."""

    steps: int = option(6_000, "optimiser steps of the whole run")
    batch: int = option(16, "pictures in a step, over all processes")
    rate: float = option(1e-3, "largest learning rate", tune=Range(1e-4, 5e-3, log=True))
    warmup: int = option(100, "steps of linear warm-up; a cosine decay follows")
    average: float = option(
        0.995, "decay of the exponential moving average of the weights; the average is stored"
    )
    precision: str = option("bfloat16", "float32, or bfloat16 for matrix products")
    validate: int = option(250, "steps between two validations")
    save: int = option(50, "steps between two checkpoints")
    width: int = option(32, "channels of the decoder at stride 4")
    side: int = option(256, "side of the training pictures in pixels, a multiple of 32")
    paste: float = option(
        0.85,
        "fraction of pictures whose object is cut out and pasted onto another picture",
        tune=Range(0.3, 1.0),
    )
    photographs: str = option(
        "",
        "folder of photographs and cut-outs to paste (from lift3d corpus photographs); default: renders alone",
    )
    rooms: str = option("", "folder of rooms as backgrounds (from lift3d corpus scenes); default: none")
    held: int = option(240, "validation scenes that are used")


class ImageToMaskTask(Task):
    """The training task. pictures: a folder that `lift3d corpus render` has written, best with --size 256."""

    config: Config
    name = "image_to_mask"
    better = "iou"

    def __init__(self, pictures: Path, config: Config) -> None:
        self.config = config
        self.side = config.side // STRIDE * STRIDE
        self.scenes = {
            split: CopyPaste(
                PictureSet(pictures, split),
                Photographs(config.photographs, split) if config.photographs else None,
                DepthSet(Path(config.rooms).expanduser(), split) if config.rooms else None,
            )
            for split in ("train", "val")
        }

    def module(self) -> nn.Module:
        net = PromptedUNet(self.config.width)
        net.backbone.load_state_dict(load_backbone().state_dict())
        net.freeze_early()
        return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def data(self) -> dict[str, Any]:
        out = {}
        for split, scenes in self.scenes.items():
            assert isinstance(scenes.pictures, PictureSet)
            out[split] = scenes.pictures.digest()
            if scenes.photographs is not None:
                out[f"photographs_{split}"] = scenes.photographs.digest()
            if scenes.rooms is not None:
                out[f"rooms_{split}"] = scenes.rooms.digest()
        return out

    def batch(self, step: int, rank: int, world: int) -> Batch:
        count = len(self.scenes["train"].pictures)
        indices = sample_indices(count, step, self.config.batch, self.config.seed)
        mine = list(enumerate(indices.tolist()))[rank::world]
        return collate(
            [self._sample("train", i, np.random.default_rng([self.config.seed, step, k])) for k, i in mine]
        )

    def _sample(
        self, split: str, i: int, rng: np.random.Generator, mode: str | None = None
    ) -> PromptedSample:
        """A sample around picture i of a split. mode: kind of its prompts, one click or the true box; None for random ones and
        augmented pictures."""
        exact = mode is not None
        chosen = mode if mode is not None else str(rng.choice(MODES, p=FREQUENCIES))
        pasted = None
        if rng.random() < self.config.paste:
            equal = chosen != NONE and rng.random() < 0.65
            pasted = self.scenes[split].scene(i, rng, self.side, equal)
        scene = pasted if pasted is not None else rendered(self.scenes[split], i, self.side)
        target = sample_target(scene.layers, scene.main, chosen != NONE, rng)
        rgb, layers = scene.rgb, scene.layers
        if not exact and rng.random() < 0.5:
            rgb, layers = rgb[:, ::-1], tuple(layer[:, ::-1] for layer in layers)
        codes = rgb.astype(np.float32) if exact else augment(rgb, rng)
        return make_sample(codes, layers[target], sample_prompts(layers, target, chosen, rng, exact))

    def loss(self, module: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        logits = module(batch["inputs"].to(memory_format=torch.channels_last))
        truth = batch["mask"]
        entropy = nn.functional.binary_cross_entropy_with_logits(logits, truth)
        dice = soft_dice_loss(torch.sigmoid(logits), truth)
        return {"loss": entropy + dice, "entropy": entropy, "dice": dice}

    def validate(self, module: nn.Module) -> dict[str, float]:
        """Mean IoU over scenes at the best threshold, and the threshold; and the means of the scenes without prompts, with one
        click and with the true box, in turn."""
        count = self.config.held
        pictures = len(self.scenes["val"].pictures)
        hits = np.zeros((count, len(THRESHOLDS)))
        device = next(module.parameters()).device
        for first in range(0, count, 8):
            some = range(first, min(first + 8, count))
            batch = collate(
                [
                    self._sample(
                        "val",
                        k * pictures // count,
                        np.random.default_rng([11, k]),
                        VALIDATED[k % len(VALIDATED)],
                    )
                    for k in some
                ]
            )
            inputs = batch["inputs"].to(device, memory_format=torch.channels_last)
            probability = torch.sigmoid(module(inputs)).cpu().numpy()[:, 0]
            truth = batch["mask"].numpy()[:, 0] > 0.5
            for k, level in enumerate(THRESHOLDS):
                hits[first : some[-1] + 1, k] = batch_iou(probability > level, truth)
        means = hits.mean(0)
        best = int(means.argmax())
        out = {"iou": float(means[best]), "threshold": float(THRESHOLDS[best])}
        for k, mode in enumerate(VALIDATED[:count]):
            out[f"iou_{mode}"] = float(hits[k :: len(VALIDATED), best].mean())
        return out


def rendered(scenes: CopyPaste, i: int, side: int) -> PastedScene:
    """Picture i as it was rendered, at a size (side, side)."""
    from PIL import Image as Pil

    rgb, mask = scenes.pictures.rgb(i), scenes.pictures.mask(i)
    small = np.asarray(Pil.fromarray(rgb).resize((side, side), Pil.Resampling.BILINEAR))
    cover = Pil.fromarray(mask * np.uint8(255)).resize((side, side), Pil.Resampling.BILINEAR)
    return PastedScene(small, (np.asarray(cover, np.float32) / np.float32(255),), 0)


def collate(samples: list[PromptedSample]) -> Batch:
    """The tensors of a batch."""
    return {
        "inputs": torch.from_numpy(np.stack([s.inputs for s in samples])),
        "mask": torch.from_numpy(np.stack([s.mask for s in samples])),
    }
