"""The table of `image_to_mask`: pictures of shapes it has never seen, beside GrabCut's stand-in, a box in the middle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.geometry.metrics.iou import iou
from lift3d.io.files.atomic import write_bytes
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.train.data.picture_set import PictureSet
from lift3d.types import Image

Progress = Callable[[str, float], None]
MOST = 600


def evaluate_masks(
    pictures: Path,
    weights: str | None,
    split: str,
    limit: int | None,
    output: Path | None,
    progress: Progress,
) -> list[str]:
    """The table's lines."""
    held = PictureSet(pictures, split)
    count = min(limit or MOST, len(held))
    numbers = np.linspace(0, len(held) - 1, count).astype(int)
    found, box, none = [], [], 0
    for k, number in enumerate(numbers):
        rgb, truth = held.rgb(int(number)), held.mask(int(number))
        try:
            said = ImageToMask(weights)(Image(rgb, str(number)), Context()).mask
        except CaptureError:
            said, none = np.zeros(truth.shape, bool), none + 1
        assert said is not None
        found.append(iou(said, truth))
        middle = np.zeros(truth.shape, bool)
        h, w = truth.shape
        middle[h // 8 : h - h // 8, w // 8 : w - w // 8] = True
        box.append(iou(middle, truth))
        progress("test", (k + 1) / count)
    result = {"split": split, "pictures": count, "iou": float(np.mean(found)), "median": float(np.median(found)),
              "nothing_found": none, "box": float(np.mean(box))}  # fmt: skip
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        write_bytes(output / "image_to_mask.json", (json.dumps(result, indent=1) + "\n").encode())
    return [
        f"{count} pictures of the {split} split",
        f"network               IoU {result['iou']:.3f} in the mean, {result['median']:.3f} median; nothing found in {none}",
        f"a box in the middle   IoU {result['box']:.3f}",
    ]
