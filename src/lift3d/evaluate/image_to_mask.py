"""Table of `image_to_mask`: the object's mask in pictures of test shapes, compared with a centred box as the baseline."""

from __future__ import annotations

import numpy as np

from lift3d.context import Context
from lift3d.errors import CaptureError
from lift3d.evaluate.interface import Evaluation, Request, evenly_spaced
from lift3d.geometry.metrics.iou import iou
from lift3d.maps.image_to_mask import ImageToMask
from lift3d.train.data.picture_set import PictureSet
from lift3d.types import Image

MAX_PICTURES = 600


def evaluate_image_to_mask(request: Request) -> Evaluation:
    """Mean and median IoU of the masks. A picture in which the network finds no object counts as an empty mask."""
    pictures = PictureSet(request.pictures, request.split)
    count = min(request.limit or MAX_PICTURES, len(pictures))
    found, box, none = [], [], 0
    for k, index in enumerate(evenly_spaced(len(pictures), count)):
        rgb, truth = pictures.rgb(int(index)), pictures.mask(int(index))
        try:
            mask = ImageToMask(request.weights)(Image(rgb, str(index)), Context()).mask
        except CaptureError:
            mask, none = np.zeros(truth.shape, bool), none + 1
        assert mask is not None
        found.append(iou(mask, truth))
        centre = np.zeros(truth.shape, bool)
        h, w = truth.shape
        centre[h // 8 : h - h // 8, w // 8 : w - w // 8] = True
        box.append(iou(centre, truth))
        request.progress("test", (k + 1) / count)
    table = {"split": request.split, "pictures": count, "iou": float(np.mean(found)), "median": float(np.median(found)),
             "nothing_found": none, "box": float(np.mean(box))}  # fmt: skip
    lines = [
        f"{count} pictures of the {request.split} split",
        f"network          IoU {table['iou']:.3f} mean, {table['median']:.3f} median; no object found in {none}",
        f"a centred box    IoU {table['box']:.3f}",
    ]
    return Evaluation("image_to_mask", table, lines)
