"""Corruptions of photos at fixed moderate levels, and the IoU of a predictor with each.

    noise      Gaussian, sigma 8 % of white            dark       1.5 stops less light, then 8 bits
    blur       Gaussian, sigma 1.5 % of the side       occlusion  a box over a fifth of the object, out of the mask too
    jpeg       quality 20                              crop       an eighth of the object cut off at one side
    mask too large, too small                          by 2 % of the side
    mask with holes                                    a tenth of the mask missing in blobs

They apply to images of 128 pixels a side, the network's input size, with the mask of the object.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from scipy import ndimage

from lift3d.evaluate.baselines.image_to_voxels import SingleViewPredictor
from lift3d.evaluate.scores.view_truth import GroundTruth
from lift3d.geometry.image.crop import square_crop
from lift3d.geometry.voxels.view_frame import fit_view_frame
from lift3d.train.data.view_set import View, ViewSet, network_input

if TYPE_CHECKING:
    from lift3d.evaluate.cases.image_to_voxels import PhotoCase

U8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Corruption = Callable[[U8, Mask, np.random.Generator], tuple[U8, Mask]]
"""A function from an sRGB image (H, W, 3) and its mask (H, W) to the corrupted image and mask."""


def noise(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """Gaussian noise of 8 % of white."""
    return np.asarray((rgb + rng.normal(0, 0.08 * 255, rgb.shape)).clip(0, 255), np.uint8), mask


def blur(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """Gaussian blur of 1.5 % of the side."""
    sigma = 0.015 * len(rgb)
    return np.asarray(ndimage.gaussian_filter(rgb.astype(np.float32), (sigma, sigma, 0)), np.uint8), mask


def jpeg(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """JPEG compression at quality 20."""
    out = io.BytesIO()
    Pil.fromarray(rgb).save(out, "JPEG", quality=20)
    return np.asarray(Pil.open(out).convert("RGB")), mask


def dark(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """One and a half stops less light, quantised to 8 bits."""
    linear = (rgb / 255.0) ** 2.2 / 2**1.5
    return np.asarray(linear ** (1 / 2.2) * 255, np.uint8), mask


def occlusion(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """A box over a fifth of the object, removed from the mask."""
    rows, columns = np.nonzero(mask)
    k = rng.integers(len(rows))
    out = mask.copy()
    side = int(np.sqrt(0.2 * mask.sum()))
    while out.sum() > 0.8 * mask.sum() and side < 2 * len(mask):
        y, x = max(rows[k] - side // 2, 0), max(columns[k] - side // 2, 0)
        out[y : y + side, x : x + side] = False
        side += 2
    return rgb, out


def crop(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """An eighth of the object cut off at the left or right."""
    columns = np.flatnonzero(mask.any(0))
    width = len(columns) // 8
    out = mask.copy()
    if width and rng.random() < 0.5:
        out[:, : columns[0] + width] = False
    elif width:
        out[:, columns[-1] - width + 1 :] = False
    return rgb, out


def larger(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """The mask dilated by 2 % of the side."""
    return rgb, np.asarray(ndimage.binary_dilation(mask, iterations=max(1, round(0.02 * len(mask)))))


def smaller(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """The mask eroded by 2 % of the side; unchanged if less than 30 % of it would remain."""
    out = ndimage.binary_erosion(mask, iterations=max(1, round(0.02 * len(mask))))
    return rgb, np.asarray(out if out.sum() > 0.3 * mask.sum() else mask)


def holes(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """The mask without blobs that cover a tenth of it."""
    field = ndimage.gaussian_filter(rng.normal(size=mask.shape), 0.04 * len(mask))
    return rgb, mask & (field > np.quantile(field[mask], 0.1))


CORRUPTIONS: dict[str, Corruption] = {
    "noise": noise, "blur": blur, "jpeg": jpeg, "dark": dark, "occlusion": occlusion, "crop": crop,
    "mask too large": larger, "mask too small": smaller, "mask with holes": holes,
}  # fmt: skip


def corrupt_view(solids: ViewSet, view: View, corruption: Corruption, seed: int = 0) -> View | None:
    """The view with its image and mask corrupted; crop and frame follow the corrupted mask. None where the mask is empty."""
    rgb, mask = corruption(view.rgb, view.mask, np.random.default_rng([seed, view.number]))
    if not mask.any():
        return None
    frame, to_view = fit_view_frame(view.camera, square_crop(mask), solids.points(view.shape))
    return replace(view, rgb=rgb, mask=mask, frame=frame, to_view=to_view)


def robustness(
    solids: ViewSet, cases: Sequence[PhotoCase], predictor: SingleViewPredictor, threshold: float,
    progress: Callable[[float], None],
) -> dict[str, float]:  # fmt: skip
    """Corruption name -> mean IoU at 64 voxels along the longest side; "none" is the uncorrupted photo. The IoU of a view with an
    empty mask is 0."""
    out: dict[str, float] = {}
    for k, (name, corruption) in enumerate({"none": identity, **CORRUPTIONS}.items()):
        scores = []
        for case in cases:
            view = corrupt_view(solids, case.view, corruption)
            if view is None:
                scores.append(0.0)
                continue
            prediction = predictor.predict(view, network_input(view)[None]).fill_silhouette(threshold)
            truth = GroundTruth(solids, view)
            scores.append(float(truth.iou_by_threshold(prediction, np.array([threshold]), 64)[0]))
        out[name] = float(np.mean(scores))
        progress((k + 1) / (len(CORRUPTIONS) + 1))
    return out


def identity(rgb: U8, mask: Mask, rng: np.random.Generator) -> tuple[U8, Mask]:
    """No corruption."""
    return rgb, mask
